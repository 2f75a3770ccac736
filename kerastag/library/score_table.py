"""Scores of files as a table: readable text, TSV, CSV or JSON."""

import csv
import io
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kerastag import audio, errors, files, names

FORMATS = (".tsv", ".csv", ".json")
HEARD = "_heard"  # in JSON, beside the tags of a file that was heard in part: seconds stated and read, gaps


def text(paths: Sequence[pathlib.Path], scores: np.ndarray, tags: Sequence[str], top: int) -> str:
    """The top tags of each file with their scores, one file a line, names aligned.

    Args:
      paths: (num_files,).
      scores: (num_files, num_tags) in [0, 1].
      tags: (num_tags,) as people see them.
      top: how many tags to show.
    """
    shown = list(map(names.shown, paths))
    width = max(map(len, shown), default=0)
    lines = []
    for name, row in zip(shown, scores, strict=True):
        best = np.argsort(-row, kind="stable")[:top]
        lines.append(f"{name:<{width}}  " + "  ".join(f"{tags[column]} {row[column]:.2f}" for column in best))
    return "\n".join(lines)


def check_format(output: pathlib.Path) -> None:
    """Checks the suffix of a table's file.

    Raises:
      UsageError: it is none of FORMATS.
    """
    if output.suffix.lower() not in FORMATS:
        raise errors.UsageError(f"--output={output}: the suffix must be one of {', '.join(FORMATS)}")


def write(
    output: pathlib.Path,
    paths: Sequence[pathlib.Path],
    scores: np.ndarray,
    tags: Sequence[str],
    heard_in_part: Mapping[str, audio.Account] | None = None,
) -> None:
    """Writes all scores of all files; the suffix chooses the format.

    TSV and CSV have the columns path and one per tag; JSON is {path: {tag: score}}. A path is as `names.shown` gives
    it, which `names.path_of` turns back; in CSV what a spreadsheet would calculate is made plain.

    Args:
      output: .tsv, .csv or .json.
      paths: (num_files,).
      scores: (num_files, num_tags).
      tags: (num_tags,) as people see them.
      heard_in_part: by path, of what some of the music is missing; in JSON such a file has their facts under HEARD too.
    """
    suffix, heard = output.suffix.lower(), heard_in_part or {}
    if suffix == ".json":
        rows: dict[str, dict[str, Any]] = {}
        for path, row in zip(paths, scores, strict=True):
            rows[names.shown(path)] = _by_tag(tags, row)
            if str(path) in heard:
                rows[names.shown(path)][HEARD] = heard[str(path)].facts()
        files.write_text(output, json.dumps(rows, indent=1, ensure_ascii=False) + "\n")
        return
    table = io.StringIO()
    in_csv = suffix == ".csv"
    writer = csv.writer(table, delimiter="," if in_csv else "\t", lineterminator="\n")
    writer.writerow(["path", *(map(names.cell, tags) if in_csv else tags)])
    for path, row in zip(paths, scores, strict=True):
        name = names.path_cell(path) if in_csv else names.shown(path)
        writer.writerow([name, *(f"{score:.6f}" for score in row)])
    files.write_text(output, table.getvalue())


def _by_tag(tags: Sequence[str], row: np.ndarray) -> dict[str, float]:
    return {tag: round(float(score), 6) for tag, score in zip(tags, row, strict=True)}
