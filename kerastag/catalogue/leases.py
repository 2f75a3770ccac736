"""Leases on the shards of a job, as files in a shared folder: exclusive, with a time-out, without a server.

A lease is the file SHARD.TERM. The first term of a shard is taken by making SHARD.1, which the file system lets one
worker alone do; the holder renews it by touching it. Once it has not been touched for the lease's time, the next term
may be taken the same way. So a holder has lost its lease if and only if there is a later term, whatever it slept
through; and no file need be made, renamed or removed for shards that nobody has taken yet.

Times are compared as the file system gives them: the age of a lease is the time of a file that was touched just now
less that of the lease. Clocks of machines do not matter.
"""

import contextlib
import json
import os
import pathlib
import re
import socket
import threading
import uuid
from types import TracebackType
from typing import Self

RENEWALS = 4.0  # within a lease's time
MIN_LEASE_SECONDS = 1.0
_NAME = re.compile(r"(\d{6,9})\.(\d{1,9})")  # of a lease: its shard and its term


class LeaseLost(Exception):
    """Another worker has taken the shard over."""


class Lease:
    """A shard of which this worker is the holder, renewed in a thread while it is entered.

    Args:
      path: the file of the term.
      lease_seconds: after which it may be taken over.

    Attributes:
      shard: its number.
      term: from 1.
    """

    def __init__(self, path: pathlib.Path, lease_seconds: float):
        self.shard, self.term = map(int, path.name.split("."))
        self._path, self._seconds = path, lease_seconds
        self._ended, self._lost = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._renew, daemon=True, name="kerastag lease")

    def check(self) -> None:
        """Renews the lease.

        Raises:
          LeaseLost: another worker has it.
          OSError: the folder cannot be reached.
        """
        try:
            os.utime(self._path)
        except FileNotFoundError:
            raise LeaseLost from None
        if self._path.with_name(_name(self.shard, self.term + 1)).exists():
            raise LeaseLost

    def check_quickly(self) -> None:
        """Raises LeaseLost: the last renewal found that another worker has it."""
        if self._lost.is_set():
            raise LeaseLost

    def give_back(self) -> None:
        """Lets the next worker take the shard at once."""
        with contextlib.suppress(OSError):
            os.utime(self._path, (0, 0))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _renew(self) -> None:
        while not self._ended.wait(self._seconds / RENEWALS):
            try:
                self.check()
            except LeaseLost:
                self._lost.set()
                return
            except OSError:  # a network's hiccup; if it lasts, another worker takes over and the next check says so
                continue


class Leases:
    """The leases of a job.

    Args:
      folder: where their files are.
      lease_seconds: after which a lease that was not renewed may be taken over.
    """

    def __init__(self, folder: pathlib.Path, lease_seconds: float):
        self._folder, self.seconds = folder, lease_seconds
        self._token = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self.holder = {"host": socket.gethostname(), "pid": os.getpid()}

    def terms(self) -> dict[int, int]:
        """The last term of each shard that has one."""
        last: dict[int, int] = {}
        for name in os.listdir(self._folder):
            if found := _NAME.fullmatch(name):  # whatever else a store or a person may have put there
                shard, term = int(found[1]), int(found[2])
                last[shard] = max(term, last.get(shard, 0))
        return last

    def take(self, shard: int, term: int) -> Lease | None:
        """Takes a term of a shard; None: another worker was faster."""
        path = self._folder / _name(shard, term)
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(json.dumps(self.holder))
        except FileExistsError:
            return None
        return Lease(path, self.seconds)

    def now(self) -> float:
        """The time of the file system."""
        clock = self._folder / f".clock-{self._token}"
        try:
            with clock.open("w", encoding="utf-8") as file:
                file.write(self._token)
                file.flush()
                os.utime(clock)
                return os.fstat(file.fileno()).st_mtime
        finally:
            clock.unlink(missing_ok=True)

    def is_over(self, shard: int, term: int, now: float) -> bool:
        """Whether a term was not renewed for the lease's time; False if its file is gone, since its shard is done."""
        try:
            with (self._folder / _name(shard, term)).open("rb") as file:  # opened, since NFS may know old times by name
                return now - os.fstat(file.fileno()).st_mtime > self.seconds
        except FileNotFoundError:
            return False

    def give_back(self, shard: int, term: int) -> None:
        """Lets the next worker take a shard whose holder is known to have died."""
        Lease(self._folder / _name(shard, term), self.seconds).give_back()

    def forget(self, shard: int, term: int) -> None:
        """Removes the files of a shard that is done, up to a term."""
        for earlier in range(term, 0, -1):
            with contextlib.suppress(OSError):
                (self._folder / _name(shard, earlier)).unlink()


def _name(shard: int, term: int) -> str:
    return f"{shard:06d}.{term}"
