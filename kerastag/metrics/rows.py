"""Small tab-separated files with a header: their lines, and where one is at fault."""

import os
import pathlib
from collections.abc import Iterable, Sequence

from kerastag import errors, files


def read(path: str | os.PathLike[str], header: Sequence[str]) -> list[tuple[int, list[str]]]:
    """Reads UTF-8 text whose first line names these columns, perhaps among further ones.

    Returns:
      For each line with text its number, from 1, and its cells without white space around them.

    Raises:
      KerastagError: the file is missing or not UTF-8, or has another header, or a line has too few cells.
    """
    try:
        lines = pathlib.Path(path).read_bytes().decode("utf-8-sig").split("\n")
    except OSError as error:
        raise errors.KerastagError(f"{path}: {(error.strerror or 'cannot be read').lower()}") from None
    except UnicodeDecodeError:
        raise errors.KerastagError(f"{path}: not UTF-8") from None
    found = [cell.strip() for cell in lines[0].split("\t")]
    if found[: len(header)] != list(header):
        raise errors.KerastagError(f"{path}:1: the header is {lines[0][:80]!r}, not {' '.join(header)!r} with tabs")
    found_rows = []
    for number, line in enumerate(lines[1:], 2):
        cells = [cell.strip() for cell in line.split("\t")]
        if not any(cells):
            continue
        if len(cells) < len(header):
            raise errors.KerastagError(f"{path}:{number}: {len(cells)} cells, not {' '.join(header)}")
        found_rows.append((number, cells))
    return found_rows


def write(path: str | os.PathLike[str], header: Sequence[str], lines: Iterable[Sequence[str]]) -> None:
    """Writes a header and cells, whole or not at all."""
    files.write_text(path, "".join("\t".join(line) + "\n" for line in [header, *lines]))
