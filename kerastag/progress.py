"""A bar on a terminal for work that takes a while; nothing elsewhere."""

import sys
import time
from typing import Any


class Bar:
    """Redraws one line of standard error, at most ten times a second.

    Args:
      total: of the units that `advance` counts.
      text: what is being done.
    """

    def __init__(self, total: int, text: str, stream: Any = None):
        self._total = max(1, total)
        self._text = text
        self._stream = stream or sys.stderr
        self._done = 0
        self._drawn = 0.0

    def advance(self, count: int) -> None:
        """Counts finished units and redraws."""
        self._done += count
        self.draw(self._done, self._text)

    def draw(self, done: int, text: str) -> None:
        """Draws the line as it is with `done` units finished."""
        now = time.monotonic()
        if not self._stream.isatty() or now - self._drawn < 0.1:
            return
        self._drawn = now
        filled = int(24 * min(1.0, done / self._total))
        print(f"\r\033[K[{'=' * filled}{' ' * (24 - filled)}] {text}", end="", file=self._stream, flush=True)

    def clear(self) -> None:
        """Removes the line."""
        if self._stream.isatty():
            print("\r\033[K", end="", file=self._stream, flush=True)
