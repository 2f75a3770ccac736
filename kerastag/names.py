"""Names that others gave, on their way to a terminal, a shell, a table, a page or a JSON file: they stay names there.

A file name is bytes. One that is UTF-8 and can be seen is written as it is. In any other, each byte that is no UTF-8 or
belongs to a control character stands as `\\xNN`, and each backslash twice, so that `path_of` turns it back.
"""

import os
import re
import shlex
import unicodedata

_ESCAPE = re.compile(r"\\(?:x([0-9a-f]{2})|\\)")
_BREAK = re.compile(r"\s*[\t\r\n]\s*")
_FORMULA = tuple("=+-@＝＋－＠")  # some spreadsheets take the wide ones too
_MARKDOWN = re.compile(r"[\\`*\[\]<>|&~]|(?<!\w)_|_(?!\w)")  # within a line; a_b is no emphasis
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def shown(path: str | os.PathLike[str]) -> str:
    """A file's name as text that `path_of` turns back into it."""
    name = os.fspath(path)
    if name.isascii() and name.isprintable() and "\\" not in name:
        return name
    if not _ESCAPE.search(name) and not any(map(_hidden, name)):
        return name
    return "".join(_escaped(letter) if _hidden(letter) else letter.replace("\\", "\\\\") for letter in name)


def path_of(text: str) -> str:
    """The file name that `shown` gave as `text`; it may hold surrogates, as Python's file functions take them."""
    if not _ESCAPE.search(text):
        return text
    content = b""
    for index, part in enumerate(re.split(r"(\\x[0-9a-f]{2}|\\\\)", text)):
        plain = os.fsencode(part)
        content += plain if index % 2 == 0 else b"\\" if part == "\\\\" else bytes([int(part[2:], 16)])
    return os.fsdecode(content)


def printable(text: str) -> str:
    """Text for a terminal, on one line: control characters, and bytes that were no UTF-8, stand as `\\xNN`."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(letter) if _hidden(letter) else letter for letter in text)


def line(text: str) -> str:
    """`printable`, with a space for what breaks a line."""
    if text.isascii() and text.isprintable():
        return text
    return printable(_BREAK.sub(" ", text.rstrip()))


def lines(text: str) -> str:
    """`printable`, line by line."""
    return "\n".join(map(printable, text.split("\n")))


def cell(text: str) -> str:
    """Text for a cell of a CSV file: what a spreadsheet would take for a formula begins with an apostrophe."""
    return f"'{text}" if text.startswith(_FORMULA) or (text[:1] in "\t\r" and text) else text


def path_cell(path: str | os.PathLike[str]) -> str:
    """A file's name for a cell of a CSV file; it stays the name of that file."""
    name = shown(path)
    return os.path.join(".", name) if name.startswith(_FORMULA) else name


def markdown(text: str) -> str:
    """`line` as Markdown that shows it: no emphasis, link, HTML or new cell of a table begins in it."""
    return _MARKDOWN.sub(r"\\\g<0>", line(text))


def code(text: str) -> str:
    """`line` as code in Markdown, within more backticks than it has in a row."""
    text = line(text)
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence} {text} {fence}" if len(fence) > 1 else f"`{text}`"


def shell_word(text: str | os.PathLike[str]) -> str:
    """A name as a word of a command to be pasted into a shell; what cannot be seen is quoted as in bash and zsh."""
    name = os.fspath(text)
    if hidden_letter(name) is None:
        return shlex.quote(name)
    letters = (_escaped(letter) if _hidden(letter) else re.sub(r"[\\']", r"\\\g<0>", letter) for letter in name)
    return f"$'{''.join(letters)}'"


def is_utf8(text: str) -> bool:
    """Whether a name is UTF-8; Python keeps the bytes of others as surrogates."""
    return text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text)


def hidden_letter(text: str) -> str | None:
    """The first letter that cannot be seen, or that turns the direction of what follows; None if there is none."""
    return next(filter(_hidden, text), None)


def _hidden(letter: str) -> bool:
    return letter in _BIDI or unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp")


def _escaped(letter: str) -> str:
    is_byte = "\udc80" <= letter <= "\udcff"  # that was no UTF-8
    content = os.fsencode(letter) if is_byte else letter.encode("utf-8", "surrogatepass")
    return "".join(f"\\x{byte:02x}" for byte in content)
