"""JSON is as its dataclass says, or the value that is not is named; and what json itself lets pass is refused."""

import dataclasses
import json
from collections.abc import Mapping

import pytest

from kerastag import errors, files, json_types


@dataclasses.dataclass(frozen=True)
class Inner:
    name: str
    size: int = 1


@dataclasses.dataclass(frozen=True)
class Outer:
    rate: float
    inner: tuple[Inner, ...]
    counts: Mapping[str, int] | None = None
    flag: str | bool | list[str] | None = None


WHOLE = {"rate": 1, "inner": [{"name": "a"}], "counts": {"x": 2}, "flag": ["y"]}


def test_a_whole_object():
    assert json_types.build(Outer, WHOLE) == Outer(1.0, (Inner("a"),), {"x": 2}, ["y"])
    assert json_types.build(Outer, {"rate": 0.5, "inner": [], "counts": None, "new": 1}, ignore_others=True).rate == 0.5


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rate": True}, "'rate' is True"),
        ({"rate": 10**400}, "'rate' is a number of many digits"),
        ({"rate": float("inf")}, "'rate' is inf"),
        ({"inner": {}}, "'inner' is an object"),
        ({"inner": [{"name": 1}]}, "'name' is 1"),
        ({"inner": [{}]}, "'name' is missing"),
        ({"inner": [{"name": "a", "size": 2**63}]}, "'size' is a number of many digits"),
        ({"counts": {"x": 0.5}}, "'counts': 'x' is 0.5"),
        ({"flag": [1]}, "'flag' is a list"),
        ({"flag": 1}, "'flag' is 1"),
        ({"\x1b" * 50: 1}, r"\.\.\. is not known"),
    ],
)
def test_what_does_not_fit_is_named(change, words):
    with pytest.raises(TypeError, match=words):
        json_types.build(Outer, {**WHOLE, **change})
    with pytest.raises(TypeError, match="the file is a list"):
        json_types.build(Outer, [])


@pytest.mark.parametrize(
    "text",
    ["[NaN]", "[1e999]", "[-Infinity]", "1" * 5000, "[" * 100_000, '"\\ud800"', '{"\\uDC00": 1}', "\ufeff[]", "\xff"],
)
def test_numbers_and_texts_that_could_not_be_written_again_are_refused(text, tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(text.encode("latin-1" if text == "\xff" else "utf-8"))
    with pytest.raises(errors.KerastagError, match=r"a\.json: not a JSON file \("):
        files.read_json(path)


def test_all_else_is_read(tmp_path):
    value = {"a": [1, -0.5, 1e308, 10**30, None, True], "\U0001f3b5": "\x1b"}
    (tmp_path / "a.json").write_text(json.dumps(value))
    assert files.read_json(tmp_path / "a.json") == value
