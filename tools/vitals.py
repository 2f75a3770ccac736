"""What processes hold, as /proc tells it: memory, threads and open handles, at a moment and over time."""

import dataclasses
import errno
import itertools
import math
import os
import pathlib
import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self

from kerastag import errors, files
from kerastag.metrics import tables

SHARES = (0.1, 0.5, 1.0)  # of the time: the moments that are shown
SETTLED = 1 / 3  # of the time: until then memory may grow, as caches and pools fill


@dataclasses.dataclass(frozen=True)
class Sample:
    """What a process and those that it started hold together.

    Attributes:
      seconds: since the first sample.
      megabytes: resident memory; what several processes share counts in each.
      threads: how many.
      handles: open files, sockets and pipes.
    """

    seconds: float
    megabytes: float
    threads: int
    handles: int


@dataclasses.dataclass(frozen=True)
class Growth:
    """By how much the last quarter of the settled time is above its first, by their medians.

    Attributes:
      megabytes: of resident memory.
      threads, handles: numbers of them.
      megabytes_per_second: slope of the settled time, by least squares.
    """

    megabytes: float
    threads: float
    handles: float
    megabytes_per_second: float


class Watch:
    """Takes a sample of a process every so many seconds while a block runs, and a last one at its end.

    Args:
      process: its number.
      seconds: between two samples.

    Raises:
      KerastagError: at the beginning of the block: there is no such process, or it is another user's.
    """

    def __init__(self, process: int, seconds: float):
        self.samples: list[Sample] = []
        self._process, self._pause, self._begin = process, seconds, time.monotonic()
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._look_on, daemon=True)

    def __enter__(self) -> Self:
        self._begin = time.monotonic()
        try:
            self.samples.append(sample(self._process, 0.0))
        except OSError as error:
            raise errors.KerastagError(f"process {self._process}: cannot be watched ({files.reason(error)})") from None
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._enough.set()
        self._thread.join()

    def _look_on(self) -> None:
        over = False
        while not over:
            over = self._enough.wait(self._pause)
            try:
                self.samples.append(sample(self._process, time.monotonic() - self._begin))
            except OSError:  # it has ended, which is for others to tell
                return


def sample(process: int, seconds: float) -> Sample:
    """What a process and those that it started hold now.

    Raises:
      OSError: it has ended, or is another user's.
    """
    held = [_of_one(process)]
    for child in descendants(process):
        try:
            held.append(_of_one(child))
        except OSError:  # it has ended
            continue
    megabytes, threads, handles = (sum(column) for column in zip(*held, strict=True))
    return Sample(seconds, megabytes, int(threads), int(handles))


def descendants(process: int) -> Iterator[int]:
    """The numbers of the processes that a process has started, directly or not."""
    parents: dict[int, list[int]] = {}
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:  # it has ended
            continue
        parents.setdefault(parent, []).append(int(path.parent.name))
    waiting = [process]
    while waiting:
        children = parents.get(waiting.pop(), [])
        waiting += children
        yield from children


def held_mb(process: int | str = "self") -> float:
    """Memory that a process holds, by its number, or this one, in MB.

    Raises:
      OSError: there is no such process.
    """
    return _status(process, "VmRSS") / 1024


def peak_mb() -> float:
    """The most memory that this process has held, in MB; unlike ru_maxrss it does not begin with its parent's."""
    return _status("self", "VmHWM") / 1024


def quarters(values: Sequence[float], needed: str) -> tuple[float, ...]:
    """Medians of the four quarters.

    Raises:
      KerastagError: there are fewer than four; more of what is `needed` would have given more.
    """
    if len(values) < 4:
        raise errors.KerastagError(f"{len(values)} samples: more {needed} are needed")
    bounds = [len(values) * quarter // 4 for quarter in range(5)]
    return tuple(statistics.median(values[start:stop]) for start, stop in itertools.pairwise(bounds))


def growth(samples: Sequence[Sample]) -> Growth:
    """How much more is held at the end than when everything had settled.

    Raises:
      KerastagError: fewer than four samples are settled.
    """
    kept = [one for one in samples if one.seconds >= SETTLED * samples[-1].seconds]
    (mb_before, *_, mb), (threads_before, *_, threads), (handles_before, *_, handles) = (
        quarters([getattr(one, name) for one in kept], "--minutes") for name in ("megabytes", "threads", "handles")
    )
    slope = statistics.linear_regression([one.seconds for one in kept], [one.megabytes for one in kept]).slope
    return Growth(mb - mb_before, threads - threads_before, handles - handles_before, slope)


def table(samples: Sequence[Sample], slope: float, slope_unit: str) -> tables.Table:
    """What was held after a tenth, half and all of the time, and how it grows.

    Args:
      samples: in the order of time.
      slope: memory's, in that unit.
      slope_unit: such as "MB an hour".
    """
    rows = []
    for share in SHARES:
        one = samples[math.ceil(share * len(samples)) - 1]
        moment = f"{one.seconds / 60:.1f}"
        rows.append((f"{share:.0%}", moment, f"{one.megabytes:.1f}", one.threads, one.handles))
    note = f"Slope of memory after a third of the time: {slope:+.2f} {slope_unit}; {len(samples)} samples."
    return tables.Table(("of the time", "minute", "MB", "threads", "handles"), tuple(rows), note)


def _of_one(process: int) -> tuple[float, int, int]:
    """MB, threads and handles of one process."""
    return held_mb(process), _status(process, "Threads"), len(os.listdir(f"/proc/{process}/fd"))


def _status(process: int | str, name: str) -> int:
    """A figure of a process's status in /proc; memory is in KiB.

    Raises:
      OSError: there is no such process, or it has ended and waits to be collected.
    """
    lines = pathlib.Path(f"/proc/{process}/status").read_text().splitlines()
    for line in lines:
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise ProcessLookupError(errno.ESRCH, os.strerror(errno.ESRCH))
