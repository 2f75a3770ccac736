"""A job whose folder is at a URL, in a bucket: each worker does a shard that it is told, since stores have no leases.

job/job.json        the job's facts and its shards; put there once, by whoever is first
parts/SHARD.parquet results, as one object
done/SHARD.json     marker of a shard that is done, with counts

Should two workers do the same shard, the later one's results replace the other's, which are the same.
"""

import contextlib
import dataclasses
import functools
import json
import pathlib
import tempfile
from collections.abc import Callable, Mapping
from typing import Any, Self, TypeVar

from kerastag import errors, files, json_types, remote
from kerastag.catalogue import job_files, manifest, shards

Result = TypeVar("Result")


@dataclasses.dataclass(frozen=True)
class Claim:
    """A shard that this worker does; nobody else is kept from it.

    Attributes:
      shard: its number.
      term: 1.
    """

    shard: int
    term: int

    def check_quickly(self) -> None:
        """There is nothing to lose."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass


@dataclasses.dataclass(frozen=True)
class _Table:
    """What job.json says of the shards: rows of the attributes of manifest.Shard."""

    shards_of_table: tuple[tuple[int | str, ...], ...]


def _shard(*row: int | str) -> manifest.Shard:
    """Raises TypeError, ValueError: the row is none of a shard."""
    first_row, num_rows, offset, sha256 = row
    if not all(isinstance(number, int) for number in (first_row, num_rows, offset)):
        raise TypeError("a shard is no three numbers and a hash")
    return manifest.Shard(int(first_row), int(num_rows), int(offset), str(sha256))


class StoredJob:
    """A job that is there; for attributes and methods see shards.Job.

    Args:
      url: of the folder.

    Raises:
      KerastagError: there is no job, it is damaged, or the store gives no answer.
    """

    def __init__(self, url: str):
        self._url, self.folder = url, remote.shown(url)
        try:
            content = remote.read_bytes(remote.join(url, "job/job.json"))
        except FileNotFoundError:
            raise errors.KerastagError(f"{self.folder}: no job of kerastag tag --tracks") from None
        except OSError as error:
            raise errors.KerastagError(f"{self.folder}: {files.reason(error)}") from None
        try:
            self.facts: dict[str, Any] = files.parsed_json(content)
            self.id = job_files.id_in(self.facts)
            table = json_types.build(_Table, self.facts, ignore_others=True).shards_of_table
            del self.facts["shards_of_table"]
            self.shards = job_files.checked_shards([_shard(*row) for row in table])
        except (TypeError, ValueError, RecursionError) as error:
            raise errors.KerastagError(f"{self.folder}/job: damaged ({error})") from None
        self._work = tempfile.TemporaryDirectory(prefix="kerastag-")

    def part(self, shard: int) -> str:
        """The URL of the results of a shard."""
        return remote.join(self._url, f"parts/{shard:06d}.parquet")

    def work_file(self, shard: int, term: int) -> pathlib.Path:
        """A file of this machine."""
        return pathlib.Path(self._work.name) / f"{shard:06d}.{term}"

    def done(self) -> set[int]:
        names = self._told(lambda: remote.names_in(remote.join(self._url, "done")))
        return job_files.done_of(names, len(self.shards))

    def free(self, only: int | None = None) -> tuple[dict[int, int], int]:
        """The one shard, unless it is done.

        Raises:
          UsageError: none is named.
        """
        if only is None:
            reason = "a store has no leases by which workers share; each is to do its own"
            raise errors.UsageError(f"{self.folder}: {reason}, --shard=NUMBER", "shard")
        return ({} if only in self.done() else {only: 1}), 0

    def take(self, shard: int, term: int) -> Claim | None:
        return Claim(shard, term)

    def finish(self, lease: Claim, counts: Mapping[str, int]) -> None:
        work = self.work_file(lease.shard, lease.term)
        marker = remote.join(self._url, f"done/{lease.shard:06d}.json")
        self._told(lambda: remote.write_bytes(self.part(lease.shard), work.read_bytes()))
        self._told(lambda: remote.write_bytes(marker, json.dumps(dict(counts)).encode() + b"\n"))
        work.unlink()

    def abandon(self, lease: Claim) -> None:
        """Drops what was written; the store has nothing of it."""
        with contextlib.suppress(OSError):
            self.work_file(lease.shard, lease.term).unlink(missing_ok=True)

    def sweep(self) -> None:
        """Nothing is left behind."""

    def status(self) -> shards.Status:
        done = self.done()
        markers = [remote.join(self._url, f"done/{shard:06d}.json") for shard in sorted(done)]
        failed = sum(job_files.failed_in(remote.shown(marker), self._read_json(marker)) for marker in markers)
        num_done = sum(self.shards[shard].num_rows for shard in done)
        num_rows = sum(shard.num_rows for shard in self.shards)
        return shards.Status(len(done), 0, len(self.shards) - len(done), num_done, failed, num_rows - num_done)

    def _read_json(self, url: str) -> Any:
        content = self._told(functools.partial(remote.read_bytes, url))
        try:
            return files.parsed_json(content)
        except (ValueError, RecursionError) as error:
            raise errors.KerastagError(f"{remote.shown(url)}: not a JSON file ({error})") from None

    def _told(self, ask: Callable[[], Result]) -> Result:
        """What `ask` returns. Raises KerastagError: the store does not do it."""
        try:
            return ask()
        except OSError as error:
            raise errors.KerastagError(f"{self.folder}: {files.reason(error)}") from None


def open_job(url: str, table: manifest.Table, num_shards: int | None, facts: Mapping[str, Any]) -> StoredJob:
    """The job at a URL, begun if there is none; see shards.open_job.

    Raises:
      KerastagError: it is another job's, or the store cannot be read or written.
    """
    name, about = remote.shown(url), remote.join(url, "job/job.json")
    try:
        if "job.json" not in remote.names_in(remote.join(url, "job")):
            found = shards.about(table, num_shards or -(-table.num_rows // shards.DEFAULT_ROWS), facts)
            content = {**found.facts, "shards_of_table": [dataclasses.astuple(shard) for shard in found.shards]}
            with contextlib.suppress(FileExistsError):  # of several workers that begin it the first one's holds
                remote.write_bytes(about, json.dumps(content).encode() + b"\n", only_new=True)
    except OSError as error:
        raise errors.KerastagError(f"{name}: cannot be written ({files.reason(error)})") from None
    job = StoredJob(url)
    shards.check_same(job.folder, job.facts, table, num_shards, facts)
    return job
