"""Progress of work that takes a while, with rate and time left: a bar on a terminal; elsewhere nothing, or lines."""

import sys
import time
from types import TracebackType
from typing import Self, TextIO

from kerastag import names

_FORMAT = (
    "{desc}  {percentage:3.0f}% |{bar:24}| {n_fmt}/{total_fmt}{unit} [{elapsed}<{remaining}, {rate_noinv_fmt}]{postfix}"
)

LINE_SECONDS = 30.0  # between two lines of progress in a log


class Bar:
    """One line of standard error, redrawn at most ten times a second and removed at the end.

    Args:
      total: units that `advance` counts.
      text: what is being done.
      unit: what is counted.
      stream: where the line goes; None: standard error.
    """

    def __init__(self, total: int, text: str, unit: str = "files", stream: TextIO | None = None):
        from tqdm import tqdm

        self._bar = tqdm(
            total=total,
            desc=names.line(text),
            unit=f" {unit}",
            file=stream or sys.stderr,
            disable=None,  # off a terminal
            leave=False,
            dynamic_ncols=True,
            bar_format=_FORMAT,
        )

    def advance(self, count: int = 1, postfix: str = "") -> None:
        """Counts finished units, and shows a note behind the rate."""
        if postfix:
            self._bar.set_postfix_str(postfix, refresh=False)
        self._bar.update(count)

    def advance_to(self, done: int, postfix: str = "") -> None:
        """The same with the number of units that are finished by now."""
        self.advance(done - self._bar.n, postfix)

    def close(self) -> None:
        """Removes the line."""
        self._bar.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Lines(Bar):
    """A bar on a terminal; elsewhere, as in a log, a plain line now and then.

    Args:
      total, text, unit, stream: as of Bar.
      quiet: show nothing.
      seconds: between two lines.
    """

    def __init__(
        self,
        total: int,
        text: str,
        unit: str = "files",
        stream: TextIO | None = None,
        quiet: bool = False,
        seconds: float = LINE_SECONDS,
    ):
        super().__init__(total, text, unit, stream)
        self._stream = stream or sys.stderr
        self._shows_lines = bool(self._bar.disable) and not quiet
        self._bar.disable = self._bar.disable or quiet
        self._total, self._text, self._unit, self._seconds = total, names.line(text), unit, seconds
        self._done, self._started = 0, time.monotonic()
        self._next_line = self._started + seconds

    def advance(self, count: int = 1, postfix: str = "") -> None:
        """Counts finished units."""
        super().advance(count, postfix)
        self._done += count
        now = time.monotonic()
        if self._shows_lines and now >= self._next_line and self._done < self._total:
            self._next_line = now + self._seconds
            print(self._line(now - self._started), file=self._stream, flush=True)

    def _line(self, elapsed: float) -> str:
        from tqdm import tqdm

        rate = self._done / elapsed
        left = tqdm.format_interval((self._total - self._done) / rate) if rate else "?"
        return f"{self._text}: {self._done} of {self._total} {self._unit}, {rate:.2g} {self._unit}/s, {left} left"
