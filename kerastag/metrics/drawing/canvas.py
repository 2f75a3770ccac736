"""What all plots share: one look, PNGs that appear whole, plain numbers on logarithmic axes, labels that do
not overlap.

Colours are those of Okabe and Ito 2008, which the colour-blind can tell apart, and never the only difference.
Sizes are in inches at 200 dots each and letters of 6 to 9 points, as journals print them.
"""

import contextlib
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from kerastag import files
from kerastag.metrics.drawing import letters

BLUE, ORANGE, GREEN, VERMILLION, PURPLE = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7"
GREY, LIGHT = "#707070", "#D0D0D0"
_STYLE: Any = {
    "font.family": "sans-serif",
    "font.size": 8,
    "text.parse_math": False,  # names of tags and files may hold two dollars
    "axes.labelsize": 9,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "legend.title_fontsize": 8,
}
_DOTS_PER_INCH = 200
_LABEL_OFFSETS = ((4, 0), (-4, 0), (0, 5), (0, -5), (4, 5), (-4, 5), (4, -5), (-4, -5))  # points


@contextlib.contextmanager
def canvas(width: float, height: float) -> Iterator[Any]:
    """Yields an empty matplotlib Figure of `width` x `height` inches, in the look of all plots."""
    import matplotlib
    from matplotlib import figure
    from matplotlib.backends import backend_agg

    with matplotlib.rc_context({**_STYLE, "font.sans-serif": letters.families()}):
        drawn = figure.Figure(figsize=(width, height), dpi=_DOTS_PER_INCH, layout="constrained")
        backend_agg.FigureCanvasAgg(drawn)  # draws without a display; the figure keeps it
        yield drawn


@contextlib.contextmanager
def page(path: str | os.PathLike[str], width: float, height: float) -> Iterator[Any]:
    """Yields an empty matplotlib Figure; writes it to `path` if the body succeeds."""
    with canvas(width, height) as drawn:
        yield drawn
        with files.whole_file(path) as temporary:
            drawn.savefig(temporary, format="png")


def png(figure: Any, dots_per_inch: int = 110, about: Mapping[str, str] | None = None, colours: int = 128) -> bytes:
    """A figure of `canvas` as the bytes of a PNG for a screen, of few colours: a third of the size.

    `about` is text that the file carries, by keyword.
    """
    from PIL import Image, PngImagePlugin

    drawn, packed, texts = io.BytesIO(), io.BytesIO(), PngImagePlugin.PngInfo()
    for keyword, text in (about or {}).items():
        texts.add_text(keyword, text)
    figure.savefig(drawn, format="png", dpi=dots_per_inch)
    few = Image.open(drawn).convert("RGB").quantize(colours, dither=Image.Dither.NONE)
    few.save(packed, format="png", optimize=True, pnginfo=texts)
    return packed.getvalue()


def plain_ticks(axis: Any, steps: Sequence[int] = (1, 2, 5)) -> None:
    """Ticks of a logarithmic axis at these multiples of powers of ten, written as plain numbers."""
    from matplotlib import ticker

    ticks = [step * 10.0**power for power in range(-5, 7) for step in steps]
    axis.set_major_locator(ticker.FixedLocator(ticks))
    axis.set_major_formatter(ticker.FuncFormatter(lambda value, position: f"{value:g}"))
    axis.set_minor_locator(ticker.NullLocator())


def label_points(
    axes: Any, points: Sequence[tuple[float, float, str]], others: Sequence[tuple[float, float]] = ()
) -> None:
    """Writes a name beside each point (x, y, name), the first points first, if there is room for it.

    A name covers neither a point nor another name, nor what is drawn at `others` (x, y).
    """
    from matplotlib import patheffects

    halo = [patheffects.withStroke(linewidth=2, foreground="white")]
    figure = axes.get_figure()
    figure.draw_without_rendering()  # fixes the layout, so that places in dots are known
    renderer = figure.canvas.get_renderer()
    places = axes.transData.transform([*(point[:2] for point in points), *others])
    dots = _DOTS_PER_INCH / 72
    taken = [(x - 2.5 * dots, y - 2.5 * dots, x + 2.5 * dots, y + 2.5 * dots) for x, y in places]
    legend = axes.get_legend()
    if legend is not None:
        taken.append(legend.get_window_extent(renderer).extents)
    frame = axes.get_window_extent(renderer).extents
    for x, y, name in points:
        for right, up in _LABEL_OFFSETS:
            text = axes.annotate(
                name,
                (x, y),
                xytext=(right, up),
                textcoords="offset points",
                fontsize=6.5,
                ha="left" if right > 0 else "right" if right < 0 else "center",
                va="bottom" if up > 0 else "top" if up < 0 else "center",
                path_effects=halo,
            )
            text.set_in_layout(False)
            box = text.get_window_extent(renderer).extents
            if _inside(box, frame) and not any(_overlap(box, other) for other in taken):
                taken.append(box)
                break
            text.remove()


def similar_order(similarity: np.ndarray) -> np.ndarray:
    """An order that puts similar things beside each other: of the Fiedler vector, Atkins et al. 1998.

    Takes similarities (n, n), not negative; gives indices (n,).
    """
    symmetric = (similarity + similarity.T) / 2
    np.fill_diagonal(symmetric, 0)
    degree = symmetric.sum(axis=1) + 1e-9
    scaled = symmetric / np.sqrt(degree[:, None] * degree)
    vectors = np.linalg.eigh(np.eye(len(degree)) - scaled)[1]
    second = vectors[:, min(1, len(degree) - 1)] / np.sqrt(degree)
    second *= np.sign(second[np.argmax(np.abs(second))])  # an eigenvector's sign is arbitrary
    return np.argsort(second, kind="stable")


def _inside(box: Sequence[float], frame: Sequence[float]) -> bool:
    return bool(box[0] >= frame[0] and box[1] >= frame[1] and box[2] <= frame[2] and box[3] <= frame[3])


def _overlap(box: Sequence[float], other: Sequence[float]) -> bool:
    return bool(box[0] < other[2] and other[0] < box[2] and box[1] < other[3] and other[1] < box[3])
