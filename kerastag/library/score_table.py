"""Scores of files as a table: readable text, TSV, CSV or JSON."""

import csv
import io
import json
import pathlib
from collections.abc import Sequence

import numpy as np

from kerastag import errors, files

FORMATS = (".tsv", ".csv", ".json")


def text(paths: Sequence[pathlib.Path], scores: np.ndarray, tags: Sequence[str], top: int) -> str:
    """The top tags of each file with their scores, one file a line, names aligned.

    Args:
      paths: (num_files,).
      scores: (num_files, num_tags) in [0, 1].
      tags: (num_tags,) as people see them.
      top: how many tags to show.
    """
    width = max(map(len, map(str, paths)), default=0)
    lines = []
    for path, row in zip(paths, scores, strict=True):
        best = np.argsort(-row, kind="stable")[:top]
        lines.append(f"{path!s:<{width}}  " + "  ".join(f"{tags[column]} {row[column]:.2f}" for column in best))
    return "\n".join(lines)


def check_format(output: pathlib.Path) -> None:
    """Checks the suffix of a table's file.

    Raises:
      UsageError: it is none of FORMATS.
    """
    if output.suffix.lower() not in FORMATS:
        raise errors.UsageError(f"--output={output}: the suffix must be one of {', '.join(FORMATS)}")


def write(output: pathlib.Path, paths: Sequence[pathlib.Path], scores: np.ndarray, tags: Sequence[str]) -> None:
    """Writes all scores of all files; the suffix chooses the format.

    TSV and CSV have the columns path and one per tag; JSON is {path: {tag: score}}.
    """
    suffix = output.suffix.lower()
    if suffix == ".json":
        rows = {str(path): _by_tag(tags, row) for path, row in zip(paths, scores, strict=True)}
        files.write_text(output, json.dumps(rows, indent=1, ensure_ascii=False) + "\n")
        return
    table = io.StringIO()
    writer = csv.writer(table, delimiter="\t" if suffix == ".tsv" else ",", lineterminator="\n")
    writer.writerow(["path", *tags])
    for path, row in zip(paths, scores, strict=True):
        writer.writerow([str(path), *(f"{score:.6f}" for score in row)])
    files.write_text(output, table.getvalue())


def _by_tag(tags: Sequence[str], row: np.ndarray) -> dict[str, float]:
    return {tag: round(float(score), 6) for tag, score in zip(tags, row, strict=True)}
