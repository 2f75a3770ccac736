"""What the templates of a report show: tables and their cells, figures as text."""

import dataclasses
from collections.abc import Sequence
from typing import ClassVar, TypeAlias

from kerastag.metrics.documents import Bounds


@dataclasses.dataclass(frozen=True)
class Bar:
    """A bar as wide as a table's cell, on a scale of 100.

    Attributes:
      width: width of the bar.
      whisker: ends of the interval; None: there is none.
    """

    kind: ClassVar[str] = "bar"
    width: str
    whisker: tuple[str, str] | None = None


@dataclasses.dataclass(frozen=True)
class Word:
    """A word of the reliability card with its sign."""

    kind: ClassVar[str] = "word"
    word: str
    sign: str

    @property
    def css_class(self) -> str:
        """The word as a name in the style sheet."""
        return self.word.replace(" ", "-")


@dataclasses.dataclass(frozen=True)
class Strong:
    """Text that stands out."""

    kind: ClassVar[str] = "strong"
    text: str


Cell: TypeAlias = str | int | Bar | Word | Strong


@dataclasses.dataclass(frozen=True)
class Table:
    """A table in a box of its own, which scrolls where the page is narrow; the first cell of a row is its heading."""

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    css_class: str = ""


def bar(value: float, bounds: tuple[float, float] | None, top: float) -> Bar:
    """A bar with its interval, on a scale from 0 to `top`."""
    scale = 100 / top
    whisker = None if bounds is None else (f"{bounds[0] * scale:.1f}", f"{bounds[1] * scale:.1f}")
    return Bar(f"{value * scale:.1f}", whisker)


def number(value: float | None, decimals: int = 4) -> str:
    """A figure for people; a dash where there is none."""
    return "–" if value is None else f"{value:.{decimals}f}"


def interval(value: float | None, bounds: Bounds | None, decimals: int = 4) -> str:
    """A figure with its interval: 0.1234 [0.1000, 0.1500]."""
    if value is None or bounds is None:
        return number(value, decimals)
    return f"{value:.{decimals}f} [{bounds['low']:.{decimals}f}, {bounds['high']:.{decimals}f}]"
