"""Tab-separated files with a header: what stands between two tabs is the cell, quotes and spaces included."""

import csv
import io
import os
import pathlib
from collections.abc import Iterable, Sequence

from kerastag import errors, files


def read_raw(path: str | os.PathLike[str]) -> list[tuple[int, list[str]]]:
    """All lines of UTF-8 text that are not empty, the header first: line number, from 1, and cells as they stand.

    Raises:
      KerastagError: the file is missing or not UTF-8, or a carriage return stands within a line.
    """
    try:
        text = pathlib.Path(path).read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise errors.KerastagError(f"{path}: {files.reason(error)}") from None
    except UnicodeDecodeError:
        raise errors.KerastagError(f"{path}: not UTF-8") from None
    lines = [(number, line.rstrip("\r")) for number, line in enumerate(text.split("\n"), 1)]
    if "\r" in text:
        for number, line in lines:
            if "\r" in line:  # which no writer could write again
                raise errors.KerastagError(f"{path}:{number}: a carriage return stands within the line")
    return [(number, line.split("\t")) for number, line in lines if line]


def read(path: str | os.PathLike[str], header: Sequence[str]) -> list[tuple[int, list[str]]]:
    """The lines below a header that begins with these columns; white space around cells is dropped.

    Returns:
      For each line with text its number, from 1, and its cells.

    Raises:
      KerastagError: see `read_raw`; or the file has another header, or a line has too few cells.
    """
    lines = read_raw(path)
    found = [cell.strip() for cell in lines[0][1]] if lines else []
    if found[: len(header)] != list(header):
        shown = "\t".join(lines[0][1])[:80] if lines else ""
        raise errors.KerastagError(f"{path}:1: the header is {shown!r}, not {' '.join(header)!r} with tabs")
    rows = []
    for number, raw in lines[1:]:
        cells = [cell.strip() for cell in raw]
        if not any(cells):
            continue
        if len(cells) < len(header):
            raise errors.KerastagError(f"{path}:{number}: {len(cells)} cells, not {' '.join(header)}")
        rows.append((number, cells))
    return rows


def read_columns(path: str | os.PathLike[str]) -> list[dict[str, str]]:
    """The lines below the header as cells by column; cells that a line lacks are empty.

    Raises:
      KerastagError: see `read_raw`; or a line has more cells than the header.
    """
    (_, header), *lines = read_raw(path) or [(1, [])]
    rows = []
    for number, cells in lines:
        if len(cells) > len(header):
            raise errors.KerastagError(f"{path}:{number}: {len(cells)} cells under {len(header)} columns")
        rows.append(dict(zip(header, [*cells, *[""] * (len(header) - len(cells))], strict=True)))
    return rows


def text(lines: Iterable[Sequence[object]]) -> str:
    """Lines of cells as tab-separated text.

    Raises:
      KerastagError: a cell has a tab or an end of line inside.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter="\t", quoting=csv.QUOTE_NONE, quotechar=None, lineterminator="\n")
    try:
        writer.writerows(lines)
    except csv.Error as error:
        raise errors.KerastagError(f"no tab or end of line can stand in a cell ({error})") from None
    return stream.getvalue()


def write(path: str | os.PathLike[str], header: Sequence[str], lines: Iterable[Sequence[object]]) -> None:
    """Writes a header and lines of cells, whole or not at all."""
    files.write_text(path, text([header, *lines]))
