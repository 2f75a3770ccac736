"""Processes that do one task after another, within limits; one that crashes, hangs or swells is told and replaced."""

import contextlib
import dataclasses
import multiprocessing
import pathlib
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from multiprocessing import connection
from typing import Any

FINE, FAULTS = ("read", "refused"), ("exception", "message", "crash", "hang", "memory")
REPLACED_AFTER = 500  # tasks, so that the most memory that a process ever took is that of few


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of a task.

    Attributes:
      task: the task.
      kind: "read", "refused" (a KerastagError), "message" (one whose text is no plain line), "exception" (any other),
        "crash", "hang" or "memory".
      detail: the message, or the signal.
      seconds: how long it took.
      megabytes: the most that the process and its children had in memory until then.
    """

    task: Any
    kind: str
    detail: str
    seconds: float
    megabytes: float


def watched(
    function: Callable[[Any], None],
    tasks: Iterable[Any],
    num_processes: int,
    limit_seconds: float,
    limit_mb: float,
    prepare: Callable[[], object] | None = None,
) -> Iterator[Outcome]:
    """What becomes of each task, in any order.

    Args:
      function: takes a task, in a process started for it; it must be picklable.
      tasks: what it is to take.
      num_processes: how many at a time.
      limit_seconds: a task that takes longer hangs; its process is killed.
      limit_mb: tasks during which a process takes more memory are told as "memory".
      prepare: called once in each process, within no limit.
    """
    waiting, workers = iter(tasks), [_Worker(function, prepare) for _ in range(num_processes)]
    busy: dict[connection.Connection, _Worker] = {}
    try:
        for worker in workers:
            _begin(worker, waiting, busy)
        while busy:
            ready = connection.wait(list(busy), timeout=0.5)
            for pipe, worker in list(busy.items()):
                outcome = worker.outcome(pipe in ready, limit_seconds, limit_mb)
                if outcome is not None:
                    del busy[pipe]
                    yield outcome
                    _begin(worker, waiting, busy)
    finally:
        for worker in workers:
            worker.end()


def _begin(worker: "_Worker", waiting: Iterator[Any], busy: "dict[connection.Connection, _Worker]") -> None:
    for task in waiting:
        busy[worker.begin(task)] = worker
        return


class _Worker:
    """A process, and the task it is at."""

    def __init__(self, function: Callable[[Any], None], prepare: Callable[[], object] | None):
        self._function, self._prepare = function, prepare
        self._context = multiprocessing.get_context("spawn")
        self._process: Any = None
        self._num_done, self._task, self._since = 0, None, 0.0

    def begin(self, task: Any) -> connection.Connection:
        """Sends a task, to a new process where the last one ended or did many; what its answer comes by."""
        if self._process is None or self._num_done >= REPLACED_AFTER:
            self.end()
            self._pipe, theirs = self._context.Pipe()
            self._process = self._context.Process(target=_serve, args=(theirs, self._function, self._prepare))
            self._process.start()
            theirs.close()
            assert self._pipe.recv() == "ready"
        self._task, self._since = task, time.monotonic()
        self._pipe.send(task)
        return self._pipe

    def outcome(self, answered: bool, limit_seconds: float, limit_mb: float) -> Outcome | None:
        """What became of the task; None: nothing yet."""
        seconds = time.monotonic() - self._since
        if not answered and seconds < limit_seconds:
            return None
        if not answered:
            self._process.kill()
            self.end()
            return Outcome(self._task, "hang", f"over {limit_seconds:g} s", seconds, 0.0)
        try:
            kind, detail, megabytes = self._pipe.recv()
        except (EOFError, ConnectionResetError):
            self._process.join()
            status = self._process.exitcode
            self.end()
            return Outcome(self._task, "crash", f"exit status {status}", seconds, 0.0)
        self._num_done += 1
        if megabytes > limit_mb:
            self.end()  # the next one shall not be blamed for it
            kind, detail = "memory", f"{megabytes:.0f} MB; {kind}: {detail}"
        return Outcome(self._task, kind, detail, seconds, megabytes)

    def end(self) -> None:
        """Ends the process, if there is one."""
        if self._process is not None:
            self._pipe.close()
            self._process.kill()
            self._process.join()
        self._process, self._num_done = None, 0


def _serve(pipe: connection.Connection, function: Callable[[Any], None], prepare: Callable[[], object] | None) -> None:
    """The work of a process: tasks come, what became of them goes back."""
    from kerastag import errors

    if prepare is not None:
        prepare()
    pipe.send("ready")
    with contextlib.suppress(EOFError, KeyboardInterrupt):
        while True:
            task = pipe.recv()
            try:
                function(task)
                kind, detail = "read", ""
            except errors.KerastagError as error:
                kind, detail = "refused" if _is_plain_line(str(error)) else "message", str(error)
            except Exception as error:
                last = traceback.extract_tb(error.__traceback__)[-1]
                kind, detail = "exception", f"{type(error).__name__}: {error} ({last.filename}:{last.lineno})"
            pipe.send((kind, detail, _most_megabytes()))


def _is_plain_line(text: str) -> bool:
    """Whether nothing in a text breaks its line or does something to a terminal."""
    from kerastag import names

    return bool(text) and names.hidden_letter(text) is None


def _most_megabytes() -> float:
    """The most that this process and those that it started, each alone, ever had in memory."""
    own = pathlib.Path("/proc/self")
    children = " ".join(path.read_text() for path in own.glob("task/*/children")).split()
    sizes = [_peak(place) for place in (own, *(pathlib.Path("/proc", child) for child in children))]
    return sum(sizes) / 1024


def _peak(place: pathlib.Path) -> int:
    """In kB."""
    with contextlib.suppress(OSError, ValueError, StopIteration):
        lines = (place / "status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1])
    return 0
