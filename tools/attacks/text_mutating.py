"""Mutations of text: of its lines, fields, numbers and letters, and of the values in a JSON document."""

import json
import random
import re
from collections.abc import Callable
from typing import Any

NAMES = ("lines", "fields", "numbers", "letters", "long", "nested", "values", "encoding")
NUMBERS = (
    *("nan", "inf", "-inf", "1e999", "-1", "-0.0", "0", "0.5", "1e308", "9" * 40, "9" * 5000, "1" + "0" * 400),
    *("2147483648", "9223372036854775807", "9223372036854775808", "-9223372036854775809", "0x10", "1_000", "٣", "NaN"),
)
LETTERS = (
    *("\0", "\x1b[2J", "\x1b]0;title\x07", "\u202e", "\u2028", "\u200f", "\ufeff", "\x85", "\x0b", "\x1c", "\r", "\n"),
    *(
        "\r\n",
        "\t",
        " ",
        "\u00a0",
        '"',
        "'",
        "\\",
        "/",
        "../",
        "=1+1",
        "<script>",
        "{{x}}",
        "%s",
        "\U0001f3b5",
        "\ud800",
    ),
)
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, 10**400, 0.5, 1e308, -0.0, float("nan"), float("inf")),
    *("", "x", "\x1b[2J\n", "\ud800", "../../x", "/etc/passwd", "a" * 100_000, [], {}, [[]], {"": None}, [None], ["x"]),
)
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
_DEPTH = 100_000


def mutated(content: bytes, name: str, dice: random.Random) -> bytes:
    """Text after a mutation; what is no text as it is.

    Args:
      content: UTF-8.
      name: one of NAMES.
      dice: what is left to chance.
    """
    text = content.decode("utf-8", "surrogateescape")
    for _ in range(dice.choice([1, 1, 1, 2, 4])):
        text = _MUTATIONS[name](text, dice)
    if name == "encoding":
        return _encoded(text, dice)
    return text.encode("utf-8", "surrogatepass" if "\ud800" in text else "surrogateescape")


def _lines(text: str, dice: random.Random) -> str:
    lines = text.splitlines(keepends=True) or [""]
    return "".join(_rearranged(lines, dice))


def _fields(text: str, dice: random.Random) -> str:
    """One line's fields between tabs, commas, equal signs or spaces, whichever it has."""
    lines = text.splitlines(keepends=True) or [""]
    place = dice.randrange(len(lines))
    marks = [mark for mark in "\t,= " if mark in lines[place]] or ["\t"]
    mark = dice.choice(marks)
    lines[place] = mark.join(_rearranged(lines[place].split(mark), dice))
    return "".join(lines)


def _rearranged(items: list[str], dice: random.Random) -> list[str]:
    items = list(items)
    place, other = dice.randrange(len(items)), dice.randrange(len(items))
    how = dice.choice(["swap", "double", "drop", "empty", "many", "cut"])
    if how == "swap":
        items[place], items[other] = items[other], items[place]
    elif how == "double":
        items.insert(other, items[place])
    elif how == "drop":
        del items[place]
    elif how == "empty":
        items[place] = ""
    elif how == "many":
        items[place:place] = [items[place]] * dice.choice([10, 1000])
    else:
        items = items[:place]
    return items


def _numbers(text: str, dice: random.Random) -> str:
    found = list(_NUMBER.finditer(text))
    if not found:
        return text
    some = dice.choice(found)
    return text[: some.start()] + dice.choice(NUMBERS) + text[some.end() :]


def _letters(text: str, dice: random.Random) -> str:
    place = dice.randint(0, len(text))
    return text[:place] + dice.choice(LETTERS) + text[place + dice.choice([0, 0, 1]) :]


def _long(text: str, dice: random.Random) -> str:
    """A letter or a stretch of text, a hundred thousand or a million letters long."""
    place = dice.randrange(max(1, len(text)))
    piece = text[place : place + dice.choice([1, 1, 20])] or "x"
    return text[:place] + piece * (dice.choice([100_000, 1_000_000]) // len(piece)) + text[place:]


def _nested(text: str, dice: random.Random) -> str:
    """Brackets within brackets in the place of a value, or of everything."""
    depth = dice.choice([10, 900, _DEPTH])
    opening, closing = dice.choice([("[", "]"), ('{"a":', "}"), ("(", ")")])
    nest = opening * depth + "0" + closing * (depth if dice.random() < 0.7 else 0)
    found = list(_NUMBER.finditer(text))
    if not found or dice.random() < 0.2:
        return nest
    some = dice.choice(found)
    return text[: some.start()] + nest + text[some.end() :]


def _values(text: str, dice: random.Random) -> str:
    """A JSON document, or one line of JSON, with a value in place of another; other text with its numbers changed."""
    lines = text.splitlines(keepends=True)
    try:
        return json.dumps(_changed(json.loads(text), dice))
    except ValueError:
        pass
    try:
        place = dice.randrange(len(lines))
        lines[place] = json.dumps(_changed(json.loads(lines[place]), dice)) + "\n"
        return "".join(lines)
    except ValueError:
        return _numbers(text, dice)


def _changed(document: Any, dice: random.Random) -> Any:
    """A document with one value, at any depth, replaced or taken away, or one added."""
    inside = (
        list(document) if isinstance(document, dict) else range(len(document)) if isinstance(document, list) else ()
    )
    if not inside or dice.random() < 0.1:
        return dice.choice(VALUES)
    key = dice.choice(list(inside))
    how = dice.random()
    if how < 0.15:
        del document[key]
    elif how < 0.25 and isinstance(document, dict):
        document[dice.choice(["x", "", "\x1b[2J", *map(str, inside)])] = dice.choice(VALUES)
    elif how < 0.25:
        document.append(dice.choice([document[key], dice.choice(VALUES)]))
    else:
        document[key] = _changed(document[key], dice) if how < 0.75 else dice.choice(VALUES)
    return document


def _encoding(text: str, dice: random.Random) -> str:
    """Other ends of lines, or a mark before the text."""
    return dice.choice(
        [
            lambda: text.replace("\n", "\r\n"),
            lambda: text.replace("\n", "\r"),
            lambda: text.rstrip("\n"),
            lambda: "\ufeff" + text,
            lambda: "\n" * 3 + text,
            lambda: text + "\x1a",
        ]
    )()


def _encoded(text: str, dice: random.Random) -> bytes:
    return text.encode(dice.choice(["utf-8", "utf-8", "utf-8", "utf-16", "utf-32", "latin-1"]), "replace")


_MUTATIONS: dict[str, Callable[[str, random.Random], str]] = {
    "lines": _lines,
    "fields": _fields,
    "numbers": _numbers,
    "letters": _letters,
    "long": _long,
    "nested": _nested,
    "values": _values,
    "encoding": _encoding,
}
