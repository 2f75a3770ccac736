"""Charts as inline SVG: crisp at every size, in the page's own colours, readable without a script."""

import math
from collections.abc import Sequence

from kerastag.reporting.markup import Safe, element, joined

DASHES = ("", "7 3", "2 3", "9 3 2 3", "4 2")  # of series, so that colour is never the only difference
_WIDTH, _HEIGHT = 460, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 96, 14, 40
Series = tuple[str, Sequence[tuple[float, float]]]


def lines(title: str, x_title: str, series: Sequence[Series], logarithmic: bool = False) -> Safe:
    """A line for each series (name, points), named at its end.

    Args:
      title: of the chart, above it.
      x_title: below the horizontal axis.
      series: by number they have the page's colours and DASHES; points (x, y) ascend in x.
      logarithmic: the vertical axis; values must be above 0.
    """
    shown = [(place, name, points) for place, (name, points) in enumerate(series) if points]
    xs = [x for _, _, points in shown for x, _ in points]
    ys = [y for _, _, points in shown for _, y in points]
    across = _Scale(xs, _LEFT, _WIDTH - _RIGHT)
    up = _Scale(ys, _HEIGHT - _BOTTOM, _TOP, logarithmic)
    parts = [*_grid(across, up, x_title)]
    labels = []
    for place, name, points in shown:
        path = " ".join(f"{across.at(x):.1f},{up.at(y):.1f}" for x, y in points)
        look = {"class_": f"line s{place % 5}", "stroke_dasharray": DASHES[place % 5] or None}
        hint = element("title", f"{name}: {points[-1][1]:.4g} at {points[-1][0]:g}")
        parts.append(element("polyline", hint, points=path, **look))
        if len(points) == 1:
            parts.append(element("circle", cx=f"{across.at(points[0][0]):.1f}", cy=f"{up.at(points[0][1]):.1f}", r=3))
        labels.append((up.at(points[-1][1]), place, name))
    parts += _end_labels(labels)
    chart = element("svg", *parts, viewBox=f"0 0 {_WIDTH} {_HEIGHT}", role="img", aria_label=_told(title, shown))
    return element("figure", element("figcaption", title), chart)


def bar(value: float, low: float | None, high: float | None, top: float) -> Safe:
    """A bar with its interval as a whisker, on a scale from 0 to `top`, as wide as a table's cell."""
    scale = 100 / top
    parts = [element("rect", x=0, y=3, width=f"{value * scale:.1f}", height=8, class_="bar")]
    if low is not None and high is not None:
        ends = {"x1": f"{low * scale:.1f}", "x2": f"{high * scale:.1f}"}
        parts.append(element("line", y1=7, y2=7, class_="whisker", **ends))
    return element("svg", *parts, viewBox="0 0 100 14", class_="cell", preserveAspectRatio="none", aria_hidden="true")


def forest(rows: Sequence[tuple[str, float, float, float, bool]]) -> Safe:
    """Differences (name, difference, low, high, whether it is real) with their intervals around a line at zero."""
    ends = [abs(value) for _, _, low, high, _ in rows for value in (low, high)]
    limit, height = max(ends, default=1.0) * 1.05 or 1.0, 24 * len(rows) + 44
    across = _Scale([-limit, limit], 165, 465, exact=True)
    zero, bottom = across.at(0), height - 34
    parts = [element("line", x1=zero, x2=zero, y1=8, y2=bottom, class_="axis")]
    for tick in across.ticks():
        parts.append(
            element("text", f"{tick:+.3g}" if tick else "0", x=across.at(tick), y=height - 18, class_="middle")
        )
    parts.append(element("text", "difference", x=across.at(0), y=height - 2, class_="middle title"))
    for number, (name, value, low, high, real) in enumerate(rows):
        y = 20 + 24 * number
        parts.append(element("text", _short(name, 24), x=157, y=y + 4, class_="end"))
        ends_of_line = {"x1": f"{across.at(low):.1f}", "x2": f"{across.at(high):.1f}", "y1": y, "y2": y}
        parts.append(element("line", class_="real" if real else "noise", **ends_of_line))
        parts.append(element("circle", cx=f"{across.at(value):.1f}", cy=y, r=4.5, class_="real" if real else "noise"))
    told = "; ".join(f"{name} {value:+.4f} [{low:+.4f}, {high:+.4f}]" for name, value, low, high, _ in rows)
    return element("svg", *parts, viewBox=f"0 0 480 {height}", role="img", aria_label=told, class_="forest")


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


def _grid(across: _Scale, up: _Scale, x_title: str) -> list[Safe]:
    parts = []
    for tick in up.ticks():
        y = up.at(tick)
        parts.append(element("line", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=y, y2=y, class_="grid"))
        parts.append(element("text", f"{tick:.4g}", x=_LEFT - 6, y=y + 4, class_="end"))
    for tick in across.ticks():
        parts.append(element("text", f"{tick:g}", x=across.at(tick), y=_HEIGHT - _BOTTOM + 16, class_="middle"))
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(element("text", x_title, x=middle, y=_HEIGHT - 6, class_="middle title"))
    return parts


def _end_labels(labels: Sequence[tuple[float, int, str]]) -> list[Safe]:
    """Names right of their lines' ends, moved apart so that none covers another."""
    parts, lowest = [], -math.inf
    for y, place, name in sorted(labels):
        lowest = max(y + 4, lowest + 13)
        attributes = {"x": _WIDTH - _RIGHT + 6, "y": f"{lowest:.1f}", "class_": f"label s{place % 5}"}
        parts.append(element("text", _short(name, 14), **attributes))
    return parts


def _short(name: str, length: int) -> str:
    return name if len(name) <= length else f"{name[: length - 1]}…"


def _told(title: str, shown: Sequence[tuple[int, str, Sequence[tuple[float, float]]]]) -> str:
    """What a screen reader says of a chart."""
    ends = [f"{name} from {points[0][1]:.4g} to {points[-1][1]:.4g}" for _, name, points in shown]
    return joined([title, ": ", "; ".join(ends)])
