"""Work in threads: with a bar, or under a limit of time; NumPy and the audio libraries let go of Python's lock."""

import concurrent.futures
import logging
import os
import queue
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from kerastag import progress

READ_SECONDS = 120.0  # that reading one file may take before it is given up
Item = TypeVar("Item")
Result = TypeVar("Result")


def run(
    function: Callable[[Item], Result], items: Sequence[Item], text: str, num_workers: int | None = None
) -> list[Result]:
    """`function` of every item, in order, with a bar on a terminal; an interruption drops what is waiting.

    Args:
      function: called in threads.
      items: its arguments.
      text: what is being done, for the bar.
      num_workers: threads; None: one per core.
    """
    bar = progress.Bar(len(items), text)
    pool = concurrent.futures.ThreadPoolExecutor(num_workers or os.cpu_count())
    results = []
    try:
        for result in pool.map(function, items):
            results.append(result)
            bar.advance()
    finally:
        pool.shutdown(cancel_futures=True)
        bar.close()
    return results


def within(seconds: float, function: Callable[..., Result], *arguments: Any) -> Result:
    """`function(*arguments)` in another thread, given up when it takes too long.

    A thread that is given up goes on by itself, for ever if it must, and does not keep the process from ending. So
    `function` should change nothing but what it returns.

    Raises:
      TimeoutError: it has not returned after `seconds`.
      BaseException: whatever it raised.
    """
    try:
        worker = _IDLE.get_nowait()
    except queue.Empty:
        worker = _Worker()
    result, error = worker.call(seconds, function, arguments)
    _IDLE.put(worker)
    if error is not None:
        raise error
    return result


def mishap(name: str, error: BaseException) -> str:
    """One line about a file with which something went wrong that nobody foresaw; its traceback goes to the log."""
    if isinstance(error, TimeoutError) and not error.args:
        return f"{name}: given up, reading it took more than {READ_SECONDS:g} s"
    logging.getLogger("kerastag").debug("while reading %s", name, exc_info=error)
    return f"{name}: {' '.join(f'{type(error).__name__}: {error}'.split()).removesuffix(':')}"


class _Worker:
    """A daemon thread that calls one function at a time."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[tuple[Callable[..., Any], Sequence[Any]]] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()
        threading.Thread(target=self._work, daemon=True, name="kerastag reader").start()

    def call(
        self, seconds: float, function: Callable[..., Any], arguments: Sequence[Any]
    ) -> tuple[Any, BaseException | None]:
        """What the function returned, and what it raised; raises TimeoutError, after which the worker is lost."""
        self._calls.put((function, arguments))
        try:
            return self._answers.get(timeout=seconds)
        except queue.Empty:
            raise TimeoutError from None

    def _work(self) -> None:
        while True:
            function, arguments = self._calls.get()
            try:
                answer: tuple[Any, BaseException | None] = function(*arguments), None
            except BaseException as error:
                answer = None, error
            self._answers.put(answer)
            del function, arguments, answer  # no batch is kept until the next call


_IDLE: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
