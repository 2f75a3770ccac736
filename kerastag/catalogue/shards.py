"""A job in a shared folder: what it is, which shards are done, and who has the others.

job/job.json        the job's facts; the folder appears whole and is never changed
job/shards.tsv      the shards' rows in the table
leases/SHARD.TERM   see leases.py
work/SHARD.TERM     results that are being written
parts/SHARD.parquet results, renamed into place whole; the name depends on the shard alone
done/SHARD.json     marker of a shard that is done, with counts
"""

import contextlib
import dataclasses
import errno
import hashlib
import json
import os
import pathlib
import shutil
import tempfile
from collections.abc import Mapping
from typing import Any

from kerastag import errors, files, version
from kerastag.catalogue import job_files, leases, manifest, rows

DEFAULT_ROWS = 2_000  # of a shard, where the number of shards is not given
FULL_CHECK_BYTES = 64 << 20  # a table up to here is hashed by every worker; of larger ones the shards as they are read


@dataclasses.dataclass(frozen=True)
class Status:
    """How far a job is.

    Attributes:
      shards_done, shards_taken, shards_left: shards; taken are those whose lease is not over.
      rows_done, rows_failed, rows_left: tracks; done include failed ones.
    """

    shards_done: int
    shards_taken: int
    shards_left: int
    rows_done: int
    rows_failed: int
    rows_left: int

    def text(self) -> str:
        """A line for people."""
        return (
            f"{self.shards_done} shards done, {self.shards_taken} taken, {self.shards_left} left; "
            f"{self.rows_done} tracks done, {self.rows_failed} of them with a reason instead of scores, "
            f"{self.rows_left} left"
        )


class Job:
    """A job that is there.

    Args:
      folder: the shared folder.
      lease_seconds: after which a worker that gave no sign is taken for dead.

    Attributes:
      facts: what job.json says.
      shards: rows of each shard.
      id: SHA-256 of the facts, which results name.

    Raises:
      KerastagError: there is no job, or its files are damaged.
    """

    def __init__(self, folder: pathlib.Path, lease_seconds: float):
        self.folder = folder
        about = folder / "job" / "job.json"
        if not about.is_file():
            raise errors.KerastagError(f"{folder}: no job of kerastag tag --tracks")
        self.facts: dict[str, Any] = files.read_json(about)
        try:
            self.id = job_files.id_in(self.facts)
            self.shards = job_files.read_shards(folder / "job" / "shards.tsv")
        except (TypeError, ValueError, OSError) as error:
            raise errors.KerastagError(f"{folder / 'job'}: damaged ({error})") from None
        for name in ("leases", "work", "parts", "done"):
            (folder / name).mkdir(exist_ok=True)
        self.leases = leases.Leases(folder / "leases", lease_seconds)

    def part(self, shard: int) -> pathlib.Path:
        """The file with the results of a shard."""
        return self.folder / "parts" / f"{shard:06d}.parquet"

    def work_file(self, shard: int, term: int) -> pathlib.Path:
        """Where the holder of a term writes the results of a shard, before they are renamed into place."""
        return self.folder / "work" / f"{shard:06d}.{term}"

    def marker(self, shard: int) -> pathlib.Path:
        """The file that says that a shard is done."""
        return self.folder / "done" / f"{shard:06d}.json"

    def done(self) -> set[int]:
        """The shards that are done."""
        return job_files.done_of(os.listdir(self.folder / "done"), len(self.shards))

    def free(self, only: int | None = None) -> tuple[dict[int, int], int]:
        """Shards that may be taken, with the term to take, and how many others hold; of all, or one alone."""
        terms, done = self.leases.terms(), self.done()
        asked = range(len(self.shards)) if only is None else [only]
        waiting = [shard for shard in asked if shard not in done]
        now = self.leases.now() if any(shard in terms for shard in waiting) else 0.0
        free = {
            shard: terms.get(shard, 0) + 1
            for shard in waiting
            if shard not in terms or self.leases.is_over(shard, terms[shard], now)
        }
        return free, len(waiting) - len(free)

    def take(self, shard: int, term: int) -> leases.Lease | None:
        """Takes a shard; None: another worker was faster, or it is done."""
        lease = self.leases.take(shard, term)
        if lease is None:
            return None
        if self.marker(shard).exists() or self._mark_what_is_there(lease):
            self.leases.forget(shard, term)
            return None
        for earlier in range(1, term):
            self.work_file(shard, earlier).unlink(missing_ok=True)
        return lease

    def finish(self, lease: leases.Lease, counts: Mapping[str, int]) -> None:
        """Puts the results of a shard, which `work_file` holds, into place.

        Raises:
          LeaseLost: another worker has taken it over; what was written is dropped.
        """
        work = self.work_file(lease.shard, lease.term)
        try:
            lease.check()
            os.replace(work, self.part(lease.shard))
        except FileNotFoundError:  # who took over has removed it
            raise leases.LeaseLost from None
        finally:
            work.unlink(missing_ok=True)
        self._mark(lease, counts)

    def abandon(self, lease: leases.Lease) -> None:
        """Lets another worker take a shard at once, and drops what was written of it."""
        with contextlib.suppress(OSError):
            self.work_file(lease.shard, lease.term).unlink(missing_ok=True)
        lease.give_back()

    def sweep(self) -> None:
        """Removes what workers that died left behind; all shards must be done."""
        for name in ("leases", "work"):
            for path in (self.folder / name).iterdir():
                with contextlib.suppress(OSError):
                    path.unlink()

    def status(self) -> Status:
        """How far the job is."""
        done = self.done()
        free, num_taken = self.free()
        failed = sum(job_files.failed_in(self.marker(shard), files.read_json(self.marker(shard))) for shard in done)
        num_done = sum(self.shards[shard].num_rows for shard in done)
        num_rows = sum(shard.num_rows for shard in self.shards)
        return Status(len(done), num_taken, len(free), num_done, failed, num_rows - num_done)

    def _mark_what_is_there(self, lease: leases.Lease) -> bool:
        """Whether a worker that died before it could say so had put the results into place; the marker is written."""
        counts = rows.counts_of(self.part(lease.shard), self.id)
        if counts is None:
            return False
        self._mark(lease, counts)
        return True

    def _mark(self, lease: leases.Lease, counts: Mapping[str, int]) -> None:
        path = self.folder / "work" / f"{lease.shard:06d}.{lease.term}.json"
        path.write_text(json.dumps({**counts, "term": lease.term, **self.leases.holder}) + "\n", encoding="utf-8")
        os.replace(path, self.marker(lease.shard))
        self.leases.forget(lease.shard, lease.term)


def open_job(
    folder: pathlib.Path, table: manifest.Table, num_shards: int | None, facts: Mapping[str, Any], lease_seconds: float
) -> Job:
    """The job in a folder, begun if there is none.

    Args:
      folder: the shared folder.
      table: the tracks.
      num_shards: None: those of the job, or as many as have DEFAULT_ROWS tracks each.
      facts: what results depend on beside the table: all that must be the same for every worker.
      lease_seconds: after which a worker that gave no sign is taken for dead.

    Raises:
      KerastagError: the folder is another job's, something else is in it, or it cannot be written.
    """
    if not (folder / "job" / "job.json").is_file():
        if folder.exists() and any(not child.name.startswith(".") for child in folder.iterdir()):
            raise errors.KerastagError(f"{folder}: holds something else than a job of kerastag tag --tracks")
        files.check_folder_writable(folder)
        folder.mkdir(parents=True, exist_ok=True)
        _begin(folder, table, num_shards or -(-table.num_rows // DEFAULT_ROWS), facts)
    job = Job(folder, lease_seconds)
    check_same(str(job.folder), job.facts, table, num_shards, facts)
    return job


@dataclasses.dataclass(frozen=True)
class About:
    """What a job is.

    Attributes:
      facts: all that job.json says, its id too.
      shards: rows of each shard.
    """

    facts: dict[str, Any]
    shards: list[manifest.Shard]


def about(table: manifest.Table, num_shards: int, facts: Mapping[str, Any]) -> About:
    """What a job on a table is, which is read for it; see `open_job`."""
    shards = manifest.cut(table, num_shards)
    told = {**facts, **_table_facts(table), "table_sha256": table.file.sha256()}
    told |= {"rows": table.num_rows, "shards": num_shards, "kerastag_version": version.__version__}
    return About({**told, "id": _id_of(told)}, shards)


def _begin(folder: pathlib.Path, table: manifest.Table, num_shards: int, facts: Mapping[str, Any]) -> None:
    """Writes what the job is; of several workers that begin it at a time the first one's holds."""
    job = about(table, num_shards, facts)
    temporary = pathlib.Path(tempfile.mkdtemp(prefix=".job.", suffix=".partial", dir=folder))
    try:
        files.write_json(temporary / "job.json", job.facts)
        job_files.write_shards(temporary / "shards.tsv", job.shards)
        temporary.chmod(0o777 & ~files.umask())  # mkdtemp makes folders that only their owner can read
        with contextlib.suppress(FileExistsError):
            _rename(temporary, folder / "job")
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _rename(source: pathlib.Path, target: pathlib.Path) -> None:
    """Renames a folder that is not empty; raises FileExistsError: there is one by that name, which stays."""
    try:
        source.rename(target)
    except OSError as error:
        if error.errno == errno.ENOTEMPTY:
            raise FileExistsError(target) from None
        raise


def check_same(
    folder: str,
    known: Mapping[str, Any],
    table: manifest.Table,
    num_shards: int | None,
    facts: Mapping[str, Any],
) -> None:
    """Checks that the job in a folder, of which job.json says what is `known`, is the one that is asked for.

    Raises:
      KerastagError: it is another one.
    """
    ours: dict[str, Any] = {**facts, **_table_facts(table), "kerastag_version": version.__version__}
    if table.file.size <= FULL_CHECK_BYTES:
        ours["table_sha256"] = table.file.sha256()
    if num_shards is not None:
        ours["shards"] = num_shards
    for name, value in ours.items():
        if known.get(name) != value:
            told = f"{name} {known.get(name)}, here it is {value}"
            raise errors.KerastagError(f"{folder}: another job's folder, which began with {told}")


def _table_facts(table: manifest.Table) -> dict[str, Any]:
    return {"table_bytes": table.file.size}


def _id_of(facts: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
