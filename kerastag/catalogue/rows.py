"""The results of a shard as a Parquet file: a row for each of its tracks, with scores or with a reason."""

import dataclasses
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kerastag import errors

PATH, REASON, IN_PART, EMBEDDING = "path", "reason", "heard_in_part", "embedding"
_JOB = b"kerastag_job"


@dataclasses.dataclass(frozen=True)
class Rows:
    """The rows of a shard.

    Attributes:
      tracks: as they stand in the table, (num_rows,).
      scores: float32 (num_rows, num_tags), NaN where a track could not be heard.
      reasons: why not; None: it was heard; (num_rows,).
      in_part: what is missing of the music; None: nothing to speak of, or see the reason; (num_rows,).
      embeddings: float32 (num_rows, width), NaN as above; None: not asked for.
    """

    tracks: Sequence[str]
    scores: np.ndarray
    reasons: Sequence[str | None]
    in_part: Sequence[str | None]
    embeddings: np.ndarray | None = None

    @property
    def counts(self) -> dict[str, int]:
        """How many rows there are, and how many of them failed."""
        return {"rows": len(self.tracks), "failed": sum(reason is not None for reason in self.reasons)}

    def write(self, path: pathlib.Path, tags: Sequence[str], about: Mapping[str, str], job: str) -> None:
        """Writes the file, and has the disk keep it before it returns.

        The columns are path, one of float32 for each tag, reason, heard_in_part, and embedding (a list of float32)
        where there are embeddings. Scores and embedding are null where reason is not.

        Args:
          path: the file.
          tags: names of the columns, (num_tags,).
          about: the schema's metadata.
          job: the id of the job, which goes there too.
        """
        import pyarrow as pa
        from pyarrow import parquet

        failed = np.array([reason is not None for reason in self.reasons], bool)
        columns: list[Any] = [pa.array(self.tracks, pa.string())]
        columns += [pa.array(column, pa.float32(), mask=failed) for column in np.asarray(self.scores, np.float32).T]
        columns += [pa.array(self.reasons, pa.string()), pa.array(self.in_part, pa.string())]
        fields = [pa.field(PATH, pa.string(), nullable=False)]
        fields += [pa.field(tag, pa.float32()) for tag in tags]
        fields += [pa.field(REASON, pa.string()), pa.field(IN_PART, pa.string())]
        if self.embeddings is not None:
            vectors = [None if bad else row for bad, row in zip(failed, self.embeddings, strict=True)]
            columns.append(pa.array(vectors, pa.list_(pa.float32())))
            fields.append(pa.field(EMBEDDING, pa.list_(pa.float32())))
        failures = str(self.counts["failed"])
        schema = pa.schema(fields, metadata={**about, _JOB.decode(): job, "kerastag_failed": failures})
        with path.open("wb") as file:
            parquet.write_table(pa.Table.from_arrays(columns, schema=schema), file)
            file.flush()
            os.fsync(file.fileno())


def counts_of(path: pathlib.Path, job: str) -> dict[str, int] | None:
    """What `Rows.counts` was of a file that was written; None: there is none of that job, or a damaged one."""
    import pyarrow as pa
    from pyarrow import parquet

    if not path.is_file():
        return None
    try:
        with parquet.ParquetFile(path) as file:
            about, num_rows = file.schema_arrow.metadata or {}, file.metadata.num_rows
        failed = int(about.get(b"kerastag_failed", b""))
    except (pa.ArrowException, OSError, ValueError):
        return None
    is_whole = about.get(_JOB) == job.encode() and 0 <= failed <= num_rows
    return {"rows": num_rows, "failed": failed} if is_whole else None


def check_tags(tags: Sequence[str]) -> None:
    """Checks that no tag has the name of another column.

    Raises:
      KerastagError: one has.
    """
    for name in (PATH, REASON, IN_PART, EMBEDDING):
        if name in tags:
            raise errors.KerastagError(f"{name!r} is a tag of the model, and the name of another column")
