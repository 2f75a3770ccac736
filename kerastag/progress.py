"""Progress of work that takes a while: a bar on a terminal, with rate and time left; nothing elsewhere."""

import sys
from types import TracebackType
from typing import TextIO

_FORMAT = "{desc}  {percentage:3.0f}% |{bar:24}| {n_fmt}/{total_fmt}{unit} [{elapsed}<{remaining}, {rate_fmt}]{postfix}"


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
            desc=text,
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

    def __enter__(self) -> "Bar":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
