"""Segments of files as a table: TSV, CSV, JSON, JSON lines, or the labels of one file for Audacity."""

import csv
import json
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TextIO

from kerastag import errors, files, names
from kerastag.library.segments import Segment

LABELS = ".txt"  # Audacity's: start, end and label in each line, tabs between them
FORMATS = (".tsv", ".csv", ".json", ".jsonl", LABELS)
COLUMNS = ("path", "tag", "start", "end", "mean", "peak")
BySong = Mapping[pathlib.Path, Sequence[Segment]]


def check_format(output: pathlib.Path) -> None:
    """Checks the suffix of a table's file.

    Raises:
      UsageError: it is none of FORMATS.
    """
    if output.suffix.lower() not in FORMATS:
        raise errors.UsageError(f"{output}: the suffix must be one of {', '.join(FORMATS)}", "segments")


def check_number(output: pathlib.Path, num_files: int) -> None:
    """Checks that the format holds the segments of so many files.

    Raises:
      KerastagError: it holds those of one.
    """
    if output.suffix.lower() == LABELS and num_files != 1:
        others = ", ".join(suffix for suffix in FORMATS if suffix != LABELS)
        raise errors.KerastagError(f"{output}: labels are of one file, and {num_files} were found; {others} hold many")


def write(output: pathlib.Path, by_path: BySong, tags: Sequence[str]) -> None:
    """Writes the segments of files; the suffix of `output`, one of FORMATS, chooses the format.

    TSV and CSV have COLUMNS and a line for each segment; JSON is {path: [segment, ...]}, a segment an object of the
    other columns; JSON lines have {"path": ..., "segments": [...]} for each file. Times are in seconds. A file without
    segments has no line in TSV and CSV, and an empty list elsewhere. A path is as `names.shown` gives it.

    Args:
      output: the table's file.
      by_path: the segments of each file.
      tags: names as people see them, of the segments' columns.

    Raises:
      KerastagError: it cannot be written, or see `check_number`.
    """
    check_number(output, len(by_path))
    with files.whole_file(output) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        _write(stream, output.suffix.lower(), by_path, tags)


def _write(stream: TextIO, suffix: str, by_path: BySong, tags: Sequence[str]) -> None:
    if suffix in (".tsv", ".csv"):
        writer = csv.writer(stream, delimiter="," if suffix == ".csv" else "\t", lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(_rows(by_path, tags, in_csv=suffix == ".csv"))
    elif suffix == LABELS:
        for segments in by_path.values():
            stream.writelines(f"{one.start:.6f}\t{one.end:.6f}\t{tags[one.tag]}\n" for one in segments)
    elif suffix == ".json":
        plain = {names.shown(path): _plain(segments, tags) for path, segments in by_path.items()}
        stream.write(json.dumps(plain, indent=1, ensure_ascii=False) + "\n")
    else:
        for path, segments in by_path.items():
            line = {"path": names.shown(path), "segments": _plain(segments, tags)}
            stream.write(json.dumps(line, ensure_ascii=False) + "\n")


def _rows(by_path: BySong, tags: Sequence[str], in_csv: bool) -> Iterator[tuple[str, ...]]:
    for path, segments in by_path.items():
        name = names.path_cell(path) if in_csv else names.shown(path)
        for one in segments:
            tag = names.cell(tags[one.tag]) if in_csv else tags[one.tag]
            yield (name, tag, f"{one.start:.3f}", f"{one.end:.3f}", f"{one.mean:.6f}", f"{one.peak:.6f}")


def _plain(segments: Sequence[Segment], tags: Sequence[str]) -> list[dict[str, object]]:
    return [
        {
            "tag": tags[one.tag],
            "start": round(one.start, 3),
            "end": round(one.end, 3),
            "mean": round(one.mean, 6),
            "peak": round(one.peak, 6),
        }
        for one in segments
    ]
