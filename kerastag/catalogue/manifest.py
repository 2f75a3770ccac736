"""The table of a catalogue's tracks: paths or URLs, millions of them, cut into shards of rows that follow each other.

The table is read once when a job is made; a worker then reads the rows of its own shard alone.
"""

import dataclasses
import functools
import hashlib
import itertools
import os
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, Protocol

from kerastag import errors, files, names, remote
from kerastag.catalogue import table_file
from kerastag.inference import score_table

FORMATS = (".tsv", ".txt", ".parquet")
COLUMNS = ("path", "url")  # what the column with the tracks may be called, in small or capital letters
_BLOCK = 1 << 20  # bytes of a file at a time
_BATCH = 65_536  # rows of a Parquet file at a time
_LONGEST = 65_536  # bytes of a track's name in it
_MOST_UNPACKED, _MOST_TIMES = (1 << 28, 1 << 30), 50  # bytes of a column that are kept together, by the file's size


@dataclasses.dataclass(frozen=True)
class Shard:
    """Rows of the table that follow each other.

    Attributes:
      first_row: from 0.
      num_rows: how many.
      offset: where the first of them begins in a text file, in bytes; 0 in Parquet.
      sha256: of their tracks, in UTF-8, each with a newline behind it, in hexadecimal.
    """

    first_row: int
    num_rows: int
    offset: int
    sha256: str


class Table(Protocol):
    """A table of tracks.

    Attributes:
      file: its file.
      num_rows: how many tracks it has; the first time all of a text file is read for it.
    """

    file: table_file.TableFile

    @property
    def num_rows(self) -> int: ...

    def cells(self) -> Iterator[tuple[int, bytes]]:
        """Where each row begins, and its track in UTF-8."""
        ...

    def cells_of(self, shard: Shard) -> list[bytes]:
        """The tracks of a shard in UTF-8."""
        ...


def open_table(path: str | os.PathLike[str]) -> Table:
    """Opens a table: .tsv with a header, of which a column is called path or url; .txt, a track in each line; .parquet.

    Raises:
      UsageError: the suffix is none of FORMATS.
      KerastagError: it cannot be read, has no such column, or pyarrow is missing.
    """
    name = remote.shown(path) if isinstance(path, str) and remote.is_url(path) else os.fspath(path)
    if not name.partition("::")[0].lower().endswith(FORMATS):
        raise errors.UsageError(f"{name}: the suffix must be one of {', '.join(FORMATS)}", "tracks")
    file = table_file.TableFile(path)
    try:
        return ParquetTable(file) if file.suffix == ".parquet" else TextTable(file, file.suffix == ".tsv")
    except OSError as error:
        raise errors.KerastagError(f"{file.name}: cannot be read ({files.reason(error)})") from None


class TextTable:
    """Lines of UTF-8, which may end in CRLF; see `Table`.

    Args:
      file: where it is.
      has_header: whether the first line names columns, with tabs between them.
    """

    def __init__(self, file: table_file.TableFile, has_header: bool):
        self.file, self._has_header, self._column, self._start = file, has_header, 0, 0
        if has_header:
            with file.open() as opened:
                header = opened.readline()
            self._start = len(header)
            self._column = _column_of(file.name, header.decode("utf-8-sig", "replace").rstrip("\r\n").split("\t"))

    @functools.cached_property
    def num_rows(self) -> int:
        with self.file.open() as file:
            file.seek(self._start)
            return _num_lines(file)

    def cells(self) -> Iterator[tuple[int, bytes]]:
        with self.file.open() as file:
            file.seek(self._start)
            place = self._start
            for line in file:
                yield place, self._cell(line)
                place += len(line)

    def cells_of(self, shard: Shard) -> list[bytes]:
        with self.file.open() as file:
            file.seek(shard.offset)
            return [self._cell(line) for line in itertools.islice(file, shard.num_rows)]

    def _cell(self, line: bytes) -> bytes:
        cells = line.rstrip(b"\r\n").split(b"\t") if self._has_header else [line.rstrip(b"\r\n")]
        return cells[self._column] if self._column < len(cells) else b""


class ParquetTable:
    """A column of strings in a Parquet file; see `Table`.

    Args:
      file: where it is.

    Raises:
      KerastagError: pyarrow is missing, or the file is damaged.
    """

    def __init__(self, file: table_file.TableFile):
        score_table.require_pyarrow(file.name)
        import pyarrow as pa
        from pyarrow import parquet

        self.file = file
        try:
            with file.open() as opened, parquet.ParquetFile(opened) as table:
                self._name = table.schema_arrow.names[_column_of(file.name, table.schema_arrow.names)]
                groups = [table.metadata.row_group(group) for group in range(table.num_row_groups)]
                self._group_rows = [group.num_rows for group in groups]
                _check_sizes(self._name, groups, file.size)
        except (pa.ArrowException, ValueError, KeyError) as error:
            raise errors.KerastagError(f"{file.name}: no Parquet file ({error})") from None

    @property
    def num_rows(self) -> int:
        return sum(self._group_rows)

    def cells(self) -> Iterator[tuple[int, bytes]]:
        return ((0, cell) for cell in self._read(range(len(self._group_rows))))

    def cells_of(self, shard: Shard) -> list[bytes]:
        starts = [0, *itertools.accumulate(self._group_rows)]
        end = shard.first_row + shard.num_rows
        groups = [
            group for group in range(len(self._group_rows)) if starts[group] < end > shard.first_row < starts[group + 1]
        ]
        skipped = shard.first_row - starts[groups[0]]
        return list(itertools.islice(self._read(groups), skipped, skipped + shard.num_rows))

    def _read(self, groups: Sequence[int]) -> Iterator[bytes]:
        import pyarrow as pa
        from pyarrow import parquet

        try:
            with self.file.open() as opened, parquet.ParquetFile(opened, read_dictionary=[self._name]) as table:
                for batch in table.iter_batches(_BATCH, row_groups=list(groups), columns=[self._name]):
                    yield from _cells(batch.column(0))
        except (pa.ArrowException, OSError, ValueError, LookupError) as error:
            raise errors.KerastagError(f"{self.file.name}: cannot be read as Parquet ({error})") from None


def _check_sizes(name: str, groups: Sequence[Any], num_bytes: int) -> None:
    """Raises ValueError: a Parquet file states more rows, or more of a column, than a table of its size has."""
    if any(group.num_rows < 0 for group in groups) or sum(group.num_rows for group in groups) > 8 * num_bytes:
        raise ValueError("it states more rows than it has bytes")
    most = max(_MOST_UNPACKED[0], min(_MOST_UNPACKED[1], _MOST_TIMES * num_bytes))
    for group in groups:
        columns = [group.column(place) for place in range(group.num_columns)]
        if any(column.path_in_schema == name and column.total_uncompressed_size > most for column in columns):
            raise ValueError("it unpacks to more than a table of tracks has")


def _cells(column: Any) -> Iterator[bytes]:
    """The texts of a column; what stands there many times is kept once. Raises ValueError: one is too long."""
    import pyarrow as pa

    is_kept_once = pa.types.is_dictionary(column.type)
    texts = [str(value or "").encode() for value in (column.dictionary if is_kept_once else column).to_pylist()]
    if max(map(len, texts), default=0) > _LONGEST:
        raise ValueError(f"a track's name has more than {_LONGEST} bytes")
    yield from (
        (b"" if place is None else texts[place] for place in column.indices.to_pylist()) if is_kept_once else texts
    )


def cut(table: Table, num_shards: int) -> list[Shard]:
    """Cuts a table into shards, whose sizes differ by one row at most; reads all of it once.

    Raises:
      UsageError: there are fewer tracks than shards.
      KerastagError: there are none.
    """
    if not table.num_rows:
        raise errors.KerastagError(f"{table.file.name}: no tracks")
    if num_shards > table.num_rows:
        raise errors.UsageError(
            f"{table.file.name}: {table.num_rows} tracks are fewer than {num_shards} shards", "shards"
        )
    edges = [shard * table.num_rows // num_shards for shard in range(num_shards + 1)]
    cells, shards = table.cells(), []
    for first_row, end in itertools.pairwise(edges):
        sha256, offset = hashlib.sha256(), 0
        for row, (place, cell) in enumerate(itertools.islice(cells, end - first_row)):
            offset = offset if row else place
            sha256.update(cell + b"\n")
        shards.append(Shard(first_row, end - first_row, offset, sha256.hexdigest()))
    return shards


def read(table: Table, shard: Shard) -> list[str]:
    """The tracks of a shard, as they stand in the table.

    Raises:
      KerastagError: they are not those that the table was cut into.
    """
    try:
        cells = table.cells_of(shard)
    except (OSError, OverflowError, ValueError, IndexError):  # there is no such place
        cells = []
    sha256 = hashlib.sha256()
    for cell in cells:
        sha256.update(cell + b"\n")
    if sha256.hexdigest() != shard.sha256:
        rows = f"rows {shard.first_row + 1} to {shard.first_row + shard.num_rows}"
        raise errors.KerastagError(f"{table.file.name}: {rows} are not those that the job began with", "tracks")
    return [cell.decode("utf-8", "backslashreplace") for cell in cells]


def location(track: str, root: pathlib.Path | str) -> pathlib.Path | str:
    """Where a track is: a URL as a string, or a path.

    Args:
      track: a URL, or a path as `names.shown` writes names, which may be relative to `root`.
      root: a folder; a string is a URL.
    """
    if remote.is_url(track):
        return track
    path = names.path_of(track)
    if isinstance(root, str) and not os.path.isabs(path):
        return remote.join(root, path)
    return pathlib.Path() / path if isinstance(root, str) else root / path


def _column_of(name: str, header: Sequence[str]) -> int:
    small = [title.strip().lower() for title in header]
    for title in COLUMNS:
        if title in small:
            return small.index(title)
    raise errors.KerastagError(f"{name}: no column is called {' or '.join(COLUMNS)}", "tracks")


def _num_lines(file: BinaryIO) -> int:
    """Lines from where a file stands, one without an end included."""
    count, last = 0, b"\n"
    while block := file.read(_BLOCK):
        count, last = count + block.count(b"\n"), block[-1:]
    return count + (last != b"\n")
