"""Where everything in a chart stands, in the units of its SVG; charts.html.j2 draws it."""

import dataclasses
import math
from collections.abc import Sequence

DASHES = ("", "7 3", "2 3", "9 3 2 3", "4 2")  # of series, so that colour is never the only difference
_WIDTH, _HEIGHT = 460, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 96, 14, 40
Series = tuple[str, Sequence[tuple[float, float]]]


@dataclasses.dataclass(frozen=True)
class Line:
    """One series.

    Attributes:
      points: points of the polyline, "x,y x,y ...".
      colour: number of its colour in the style sheet; dashes: of its line.
      hint: shown by a browser where the pointer rests on it.
      dot: a circle in place of a line, for a series of one point.
    """

    points: str
    colour: int
    dashes: str
    hint: str
    dot: tuple[float, float] | None


@dataclasses.dataclass(frozen=True)
class LineChart:
    """Lines over a grid.

    Attributes:
      title: above the chart; x_title: below its horizontal axis.
      summary: what a screen reader says.
      series: the lines.
      y_ticks, x_ticks: places and labels.
      end_labels: height, number of the colour, and name of each series, right of the lines' ends.
    """

    title: str
    x_title: str
    summary: str
    series: Sequence[Line]
    y_ticks: Sequence[tuple[float, str]]
    x_ticks: Sequence[tuple[float, str]]
    end_labels: Sequence[tuple[float, int, str]]
    width: int = _WIDTH
    height: int = _HEIGHT
    left: int = _LEFT
    right: int = _WIDTH - _RIGHT
    bottom: int = _HEIGHT - _BOTTOM


@dataclasses.dataclass(frozen=True)
class Difference:
    """One row of a forest: where the difference and the ends of its interval are; look: "real" or "noise"."""

    name: str
    y: int
    x: float
    low: float
    high: float
    look: str


@dataclasses.dataclass(frozen=True)
class Forest:
    """Differences with their intervals around a line at zero."""

    summary: str
    height: int
    zero: float
    ticks: Sequence[tuple[float, str]]
    rows: Sequence[Difference]


def lines(title: str, x_title: str, series: Sequence[Series], logarithmic: bool = False) -> LineChart:
    """A line for each series (name, points), named at its end.

    Args:
      title: title of the chart.
      x_title: title of the horizontal axis.
      series: points (x, y) ascend in x; those without points are left out.
      logarithmic: the vertical axis; values must be above 0.
    """
    shown = [(place, name, points) for place, (name, points) in enumerate(series) if points]
    across = _Scale([x for _, _, points in shown for x, _ in points], _LEFT, _WIDTH - _RIGHT)
    up = _Scale([y for _, _, points in shown for _, y in points], _HEIGHT - _BOTTOM, _TOP, logarithmic)
    drawn = []
    for place, name, points in shown:
        first = points[0]
        drawn.append(
            Line(
                points=" ".join(f"{across.at(x):.1f},{up.at(y):.1f}" for x, y in points),
                colour=place % 5,
                dashes=DASHES[place % 5],
                hint=f"{name}: {points[-1][1]:.4g} at {points[-1][0]:g}",
                dot=(across.at(first[0]), up.at(first[1])) if len(points) == 1 else None,
            )
        )
    ends = [f"{name} from {points[0][1]:.4g} to {points[-1][1]:.4g}" for _, name, points in shown]
    return LineChart(
        title,
        x_title,
        f"{title}: {'; '.join(ends)}",
        drawn,
        [(up.at(tick), f"{tick:.4g}") for tick in up.ticks()],
        [(across.at(tick), f"{tick:g}") for tick in across.ticks()],
        _apart([(up.at(points[-1][1]), place % 5, name) for place, name, points in shown]),
    )


def forest(rows: Sequence[tuple[str, float, float, float, bool]]) -> Forest:
    """Differences: name, difference, low, high, and whether it is more than noise."""
    ends = [abs(value) for _, _, low, high, _ in rows for value in (low, high)]
    limit = max(ends, default=1.0) * 1.05 or 1.0
    across = _Scale([-limit, limit], 165, 465, exact=True)
    return Forest(
        summary="; ".join(f"{name} {value:+.4f} [{low:+.4f}, {high:+.4f}]" for name, value, low, high, _ in rows),
        height=24 * len(rows) + 44,
        zero=across.at(0),
        ticks=[(across.at(tick), f"{tick:+.3g}" if tick else "0") for tick in across.ticks()],
        rows=[
            Difference(
                _short(name, 24), 20 + 24 * number, across.at(value), across.at(low), across.at(high), _look(is_real)
            )
            for number, (name, value, low, high, is_real) in enumerate(rows)
        ],
    )


class _Scale:
    """Values to places; its ticks are round numbers."""

    def __init__(
        self, values: Sequence[float], start: float, end: float, logarithmic: bool = False, exact: bool = False
    ):
        low, high = min(values), max(values)
        if low == high and not logarithmic:
            low, high = low - (abs(low) or 1) * 0.05, high + (abs(high) or 1) * 0.05
        self._logarithmic = logarithmic
        if logarithmic:
            low, high = math.floor(math.log10(low)), max(math.ceil(math.log10(high)), math.floor(math.log10(low)) + 1)
        self._step = 1.0 if logarithmic else _round_step(high - low)
        if not logarithmic and not exact:
            low, high = math.floor(low / self._step) * self._step, math.ceil(high / self._step) * self._step
        self._low, self._high, self._start, self._end = low, high, start, end

    def at(self, value: float) -> float:
        value = math.log10(value) if self._logarithmic else value
        share = (value - self._low) / (self._high - self._low)
        return round(self._start + share * (self._end - self._start), 1)

    def ticks(self) -> list[float]:
        first, last = math.ceil(self._low / self._step - 1e-9), math.floor(self._high / self._step + 1e-9)
        values = [round(number * self._step, 10) for number in range(first, last + 1)]
        return [10.0**value for value in values] if self._logarithmic else values


def _round_step(span: float) -> float:
    """1, 2 or 5 times a power of ten, for three to six ticks."""
    power = 10.0 ** math.floor(math.log10(span / 3))
    return next(step * power for step in (5, 2, 1) if span / (step * power) >= 2.5)


def _apart(labels: Sequence[tuple[float, int, str]]) -> list[tuple[float, int, str]]:
    """Labels moved down where one would cover another."""
    moved, lowest = [], -math.inf
    for y, colour, name in sorted(labels):
        lowest = max(y + 4, lowest + 13)
        moved.append((round(lowest, 1), colour, _short(name, 14)))
    return moved


def _look(is_real: bool) -> str:
    return "real" if is_real else "noise"


def _short(name: str, length: int) -> str:
    return name if len(name) <= length else f"{name[: length - 1]}…"
