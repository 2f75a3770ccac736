"""Work in threads with a bar; NumPy and the audio libraries let go of Python's lock."""

import concurrent.futures
import os
from collections.abc import Callable, Sequence
from typing import TypeVar

from kerastag import progress

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
            bar.advance(1)
    finally:
        pool.shutdown(cancel_futures=True)
        bar.clear()
    return results
