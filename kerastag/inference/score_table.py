"""Scores of files as a table: readable text, TSV, CSV or JSON."""

import csv
import dataclasses
import io
import json
import pathlib
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from kerastag import audio, errors, files, names

FORMATS = (".tsv", ".csv", ".json")
NOTHING = "nothing sure"  # on the screen, of a file without tags
HEARD = "_heard"  # in JSON, beside the tags of a file that was heard in part: seconds stated and read, gaps


@dataclasses.dataclass(frozen=True)
class ScoreTable:
    """Scores of files.

    Attributes:
      paths: (num_files,).
      scores: in [0, 1], (num_files, num_tags).
      tags: names as people see them, (num_tags,).
      heard_in_part: accounts of files of which some of the music is missing, by path; it may know of others.
    """

    paths: Sequence[pathlib.Path]
    scores: np.ndarray
    tags: Sequence[str]
    heard_in_part: Mapping[str, audio.Account] = dataclasses.field(default_factory=dict)

    def text(self, most: int, given: np.ndarray | None = None, min_score: float | None = None) -> str:
        """The tags of each file with their scores, highest first, one file a line, names aligned.

        Args:
          most: tags of a file at most.
          given: which tags may stand there, bool (num_files, num_tags); None: all.
          min_score: the lowest score that may; None: any.
        """
        shown = list(map(names.shown, self.paths))
        width = max(map(len, shown), default=0)
        allowed = np.ones(self.scores.shape, bool) if given is None else given
        if min_score is not None:
            allowed = allowed & (self.scores >= min_score)
        lines = []
        for name, row, may_stand in zip(shown, self.scores, allowed, strict=True):
            best = [column for column in np.argsort(-row, kind="stable") if may_stand[column]][:most]
            told = "  ".join(f"{self.tags[column]} {row[column]:.2f}" for column in best) or NOTHING
            lines.append(f"{name:<{width}}  {told}")
        return "\n".join(lines)

    def only(self, rows: Sequence[int]) -> "ScoreTable":
        """The table of some files, by position."""
        paths = tuple(self.paths[row] for row in rows)
        return dataclasses.replace(self, paths=paths, scores=self.scores[list(rows)])

    def warnings(self) -> Iterator[str]:
        """A line for each file that was heard in part."""
        for path in self.paths:
            if str(path) in self.heard_in_part:
                yield f"heard in part: {path}: {self.heard_in_part[str(path)].text()}"

    def write(self, output: pathlib.Path) -> None:
        """Writes all scores of all files; the suffix of `output`, one of FORMATS, chooses the format.

        TSV and CSV have the columns path and one per tag; JSON is {path: {tag: score}}, with the account of a file that
        was heard in part under HEARD. A path is as `names.shown` gives it, which `names.path_of` turns back; in CSV
        what a spreadsheet would calculate is made plain.
        """
        suffix = output.suffix.lower()
        files.write_text(output, self._json() if suffix == ".json" else self._delimited(in_csv=suffix == ".csv"))

    def _json(self) -> str:
        by_path: dict[str, dict[str, object]] = {}
        for path, row in zip(self.paths, self.scores, strict=True):
            by_tag: dict[str, object] = {tag: round(float(score), 6) for tag, score in zip(self.tags, row, strict=True)}
            if str(path) in self.heard_in_part:
                by_tag[HEARD] = self.heard_in_part[str(path)].facts()
            by_path[names.shown(path)] = by_tag
        return json.dumps(by_path, indent=1, ensure_ascii=False) + "\n"

    def _delimited(self, in_csv: bool) -> str:
        """CSV, or TSV with CSV's quotes: a name may hold either."""
        stream = io.StringIO()
        writer = csv.writer(stream, delimiter="," if in_csv else "\t", lineterminator="\n")
        writer.writerow(["path", *(map(names.cell, self.tags) if in_csv else self.tags)])
        for path, row in zip(self.paths, self.scores, strict=True):
            name = names.path_cell(path) if in_csv else names.shown(path)
            writer.writerow([name, *(f"{score:.6f}" for score in row)])
        return stream.getvalue()


def check_format(output: pathlib.Path) -> None:
    """Checks the suffix of a table's file.

    Raises:
      UsageError: it is none of FORMATS.
    """
    if output.suffix.lower() not in FORMATS:
        raise errors.UsageError(f"{output}: the suffix must be one of {', '.join(FORMATS)}", "output")
