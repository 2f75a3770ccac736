"""Scores of files as a table: readable text, TSV, CSV, JSON, JSON lines or Parquet."""

import csv
import dataclasses
import io
import json
import pathlib
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from kerastag import audio, errors, files, names, version

FORMATS = (".tsv", ".csv", ".json", ".jsonl", ".parquet")
PATH = "path"  # the first column of TSV, CSV and Parquet
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
      given: which tags each file is given, bool (num_files, num_tags); None: not known.
      model: the model's name, for people; empty: not known.
    """

    paths: Sequence[pathlib.Path]
    scores: np.ndarray
    tags: Sequence[str]
    heard_in_part: Mapping[str, audio.Account] = dataclasses.field(default_factory=dict)
    given: np.ndarray | None = None
    model: str = ""

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
        given = None if self.given is None else self.given[list(rows)]
        return dataclasses.replace(self, paths=paths, scores=self.scores[list(rows)], given=given)

    def warnings(self) -> Iterator[str]:
        """A line for each file that was heard in part."""
        for path in self.paths:
            if str(path) in self.heard_in_part:
                yield f"heard in part: {path}: {self.heard_in_part[str(path)].text()}"

    def write(self, output: pathlib.Path) -> None:
        """Writes all scores of all files; the suffix of `output`, one of FORMATS, chooses the format.

        TSV and CSV have the columns path and one per tag; JSON is {path: {tag: score}}, with the account of a file that
        was heard in part under HEARD. JSON lines have an object for each file: "path", "scores" {tag: score}, "given",
        the tags it is given, the highest score first, if they are known, and that account. Parquet has a column path of
        strings and one of float32 for each tag; its schema's metadata tell the model and kerastag's version. A path is
        as `names.shown` gives it, which `names.path_of` turns back; in CSV what a spreadsheet would calculate is made
        plain.

        Raises:
          KerastagError: it cannot be written, or see `check_columns`.
        """
        suffix = output.suffix.lower()
        check_columns(output, self.tags)
        if suffix == ".parquet":
            self._write_parquet(output)
        elif suffix == ".jsonl":
            with files.whole_file(output) as temporary, temporary.open("w", encoding="utf-8") as stream:
                stream.writelines(self._json_lines())
        else:
            files.write_text(output, self._json() if suffix == ".json" else self._delimited(in_csv=suffix == ".csv"))

    def _json(self) -> str:
        by_path: dict[str, dict[str, object]] = {}
        for path, row in zip(self.paths, self.scores, strict=True):
            by_path[names.shown(path)] = {**self._by_tag(row), **self._account(path)}
        return json.dumps(by_path, indent=1, ensure_ascii=False) + "\n"

    def _json_lines(self) -> Iterator[str]:
        for number, (path, row) in enumerate(zip(self.paths, self.scores, strict=True)):
            line: dict[str, object] = {PATH: names.shown(path), "scores": self._by_tag(row)}
            if self.given is not None:
                best_first = np.argsort(-row, kind="stable")
                line["given"] = [self.tags[column] for column in best_first if self.given[number, column]]
            yield json.dumps({**line, **self._account(path)}, ensure_ascii=False) + "\n"

    def _by_tag(self, row: np.ndarray) -> dict[str, object]:
        return {tag: round(float(score), 6) for tag, score in zip(self.tags, row, strict=True)}

    def _account(self, path: pathlib.Path) -> dict[str, object]:
        """What is to be told of a file that was heard in part; nothing of others."""
        return {HEARD: self.heard_in_part[str(path)].facts()} if str(path) in self.heard_in_part else {}

    def _write_parquet(self, output: pathlib.Path) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        columns = [pa.array(list(map(names.shown, self.paths)), pa.string())]
        columns += [pa.array(column, pa.float32()) for column in np.asarray(self.scores, np.float32).T]
        fields = [pa.field(PATH, pa.string(), nullable=False)]
        fields += [pa.field(tag, pa.float32(), nullable=False) for tag in self.tags]
        about = {"kerastag_version": version.__version__, "kerastag_model": names.printable(self.model)}
        table = pa.Table.from_arrays(columns, schema=pa.schema(fields, metadata=about))
        with files.whole_file(output) as temporary, temporary.open("wb") as file:  # pyarrow takes names of UTF-8 alone
            parquet.write_table(table, file)

    def _delimited(self, in_csv: bool) -> str:
        """CSV, or TSV with CSV's quotes: a name may hold either."""
        stream = io.StringIO()
        writer = csv.writer(stream, delimiter="," if in_csv else "\t", lineterminator="\n")
        writer.writerow([PATH, *(map(names.cell, self.tags) if in_csv else self.tags)])
        for path, row in zip(self.paths, self.scores, strict=True):
            name = names.path_cell(path) if in_csv else names.shown(path)
            writer.writerow([name, *(f"{score:.6f}" for score in row)])
        return stream.getvalue()


def check_format(output: pathlib.Path) -> None:
    """Checks the suffix of a table's file, and that what writes such files is here.

    Raises:
      UsageError: it is none of FORMATS.
      KerastagError: a package is missing.
    """
    suffix = output.suffix.lower()
    if suffix not in FORMATS:
        raise errors.UsageError(f"{output}: the suffix must be one of {', '.join(FORMATS)}", "output")
    if suffix == ".parquet":
        require_pyarrow(output)


def require_pyarrow(path: str | pathlib.Path) -> None:
    """Checks that what reads and writes Parquet files such as `path` is here.

    Raises:
      KerastagError: it is missing, or does not load.
    """
    try:
        import pyarrow  # noqa: F401  whether it loads is the question: new ones do not with NumPy 1
    except ModuleNotFoundError:
        raise errors.KerastagError(f"{path}: Parquet needs pyarrow: pip install 'kerastag[parquet]'") from None
    except ImportError as error:
        raise errors.KerastagError(f"{path}: Parquet needs pyarrow, which does not load ({error})") from None


def check_columns(output: pathlib.Path, tags: Sequence[str]) -> None:
    """Checks that no tag has the name of something else in a table.

    Raises:
      KerastagError: one has.
    """
    taken = {".json": HEARD, ".jsonl": None}.get(output.suffix.lower(), PATH)
    if taken in tags:
        place = "an entry" if taken == HEARD else "a column"
        raise errors.KerastagError(f"{output}: {taken!r} is a tag and the name of {place} beside the tags", "rename")
