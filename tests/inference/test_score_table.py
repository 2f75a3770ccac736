"""Tables of scores: what pyarrow, json and csv read is what was written, whatever names there are."""

import csv
import json
import os
import pathlib
import sys

import numpy as np
import pytest

from kerastag import audio, errors, names, version
from kerastag.inference import score_table

PATHS = (pathlib.Path("a.wav"), pathlib.Path(os.fsdecode(b"na\xefve\n\x1b.mp3")), pathlib.Path("\u6b4c, =1.ogg"))
TAGS = ("happy", "genre---rock", "=1+1, $x$")
SCORES = np.array([[0.1, 0.9, 0.5], [0.3, 0.30000001, 1.0], [0.0, 1e-7, 0.25]], np.float32)
GIVEN = np.array([[True, True, False], [False, False, False], [False, False, True]])
ACCOUNT = audio.Account(9.5, ((3.0, 2.5),), 12.0)


@pytest.fixture
def table():
    return score_table.ScoreTable(PATHS, SCORES, TAGS, {"a.wav": ACCOUNT}, GIVEN, "runs/mine")


def test_parquet_comes_back_to_the_last_bit(table, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet", exc_type=ImportError, reason="pyarrow is missing or does not load")
    table.write(tmp_path / "t.parquet")
    read = parquet.read_table(tmp_path / "t.parquet")
    assert (
        read.column_names == ["path", *TAGS] and [str(kind) for kind in read.schema.types] == ["string"] + ["float"] * 3
    )
    assert [pathlib.Path(names.path_of(name)) for name in read["path"].to_pylist()] == list(PATHS)
    np.testing.assert_array_equal(np.stack([read[tag].to_numpy() for tag in TAGS], axis=1), SCORES)
    assert read.schema.metadata == {
        b"kerastag_version": version.__version__.encode(),
        b"kerastag_model": b"runs/mine",
    }
    assert [path.name for path in tmp_path.iterdir()] == ["t.parquet"]


def test_json_lines_say_what_json_says_and_which_tags_are_given(table, tmp_path):
    table.write(tmp_path / "t.json")
    table.write(tmp_path / "t.jsonl")
    whole = json.loads((tmp_path / "t.json").read_text(encoding="utf-8"))
    lines = [json.loads(line) for line in (tmp_path / "t.jsonl").read_text(encoding="utf-8").split("\n")[:-1]]
    assert [pathlib.Path(names.path_of(line["path"])) for line in lines] == list(PATHS)
    assert [line["given"] for line in lines] == [["genre---rock", "happy"], [], ["=1+1, $x$"]]
    heard = {"seconds_stated": 12.0, "seconds_read": 9.5, "gaps": [[3.0, 2.5]]}
    assert lines[0]["_heard"] == heard and "_heard" not in lines[1]
    for line in lines:
        told = {**line["scores"], **({"_heard": line["_heard"]} if "_heard" in line else {})}
        assert told == whole[line["path"]]
    assert lines[0]["scores"] == pytest.approx(dict(zip(TAGS, SCORES[0].tolist(), strict=True)), abs=1e-6)


def test_json_lines_do_not_say_what_is_not_known(tmp_path):
    score_table.ScoreTable(PATHS, SCORES, TAGS).write(tmp_path / "t.jsonl")
    assert set(json.loads((tmp_path / "t.jsonl").read_text().split("\n")[0])) == {"path", "scores"}


def test_a_part_of_a_table_keeps_what_is_given(table):
    part = table.only([2, 0])
    assert part.paths == (PATHS[2], PATHS[0])
    np.testing.assert_array_equal(part.given, GIVEN[[2, 0]])
    np.testing.assert_array_equal(part.scores, SCORES[[2, 0]])


@pytest.mark.parametrize(
    ("suffix", "tag", "refused"),
    [
        (".tsv", "path", True),
        (".csv", "path", True),
        (".parquet", "path", True),
        (".json", "_heard", True),
        (".jsonl", "path", False),
        (".jsonl", "_heard", False),
        (".json", "path", False),
        (".tsv", "_heard", False),
    ],
)
def test_a_tag_with_the_name_of_something_else_is_refused(tmp_path, suffix, tag, refused):
    made = score_table.ScoreTable(PATHS, SCORES, ("happy", tag, "sad"))
    if not refused:
        made.write(tmp_path / f"t{suffix}")
        return
    with pytest.raises(errors.KerastagError, match=f"'{tag}' is a tag and the name of an? (column|entry)") as caught:
        made.write(tmp_path / f"t{suffix}")
    assert caught.value.option == "rename" and not list(tmp_path.iterdir())


def test_without_pyarrow_parquet_is_refused_in_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(
        errors.KerastagError, match=r"t\.parquet: Parquet needs pyarrow: pip install 'kerastag\[parquet\]'"
    ):
        score_table.check_format(pathlib.Path("t.parquet"))
    score_table.check_format(pathlib.Path("t.jsonl"))
    with pytest.raises(errors.UsageError, match=r"\.tsv, \.csv, \.json, \.jsonl, \.parquet"):
        score_table.check_format(pathlib.Path("t.feather"))


@pytest.mark.parametrize(("suffix", "delimiter"), [(".tsv", "\t"), (".csv", ",")])
def test_delimited_tables_have_a_column_for_each_tag(table, tmp_path, suffix, delimiter):
    table.write(tmp_path / f"t{suffix}")
    with (tmp_path / f"t{suffix}").open(encoding="utf-8", newline="") as stream:
        header, *rows = csv.reader(stream, delimiter=delimiter)
    assert header == ["path", *TAGS[:2], "'=1+1, $x$" if suffix == ".csv" else TAGS[2]]
    assert [row[0] for row in rows] == list(map(names.shown, PATHS))
    np.testing.assert_allclose(np.array([row[1:] for row in rows], float), SCORES, atol=1e-6)
