"""A picture of a track: its waveform, and below it when each tag is heard.

A row is a tag, grey where its score is below the level from which the tag is given and blue from there on; a bar below
it marks each segment. Tags with segments come first, by when the first one begins, then the longest; others fill up the
picture, by their highest score.
"""

import os
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np

from kerastag import files, names, version
from kerastag.library.segments import Segment, Taggram
from kerastag.metrics.drawing import canvas, letters

FEWEST_ROWS, MOST_ROWS = 8, 16  # of tags, where the model knows so many
NUM_PEAKS = 1200  # columns of a waveform
SOFTWARE = f"kerastag {version.__version__}"  # in the PNG's own words
MARK = b"Software\0kerastag "  # by which a picture of ours is known
_WIDTH, _ROW, _WAVE, _KEY, _REST = 9.0, 0.215, 0.68, 0.1, 0.98  # inches
_DOTS_PER_INCH = 180
_MOST_CELLS = 900  # of a row, about as many as it has dots
_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
_MOST_TICKS = 8
_LEFT_OUT = "\u2026"
_BELOW, _FROM = ("#FFFFFF", "#D9DCDF"), ("#A9CFEA", "#3C93CC", "#003F6B")


def draw(path: str | os.PathLike[str], taggram: Taggram, peaks: np.ndarray, model: str = "") -> list[Segment]:
    """Writes the picture of a track.

    Args:
      path: path of the PNG.
      taggram: scores along the track.
      peaks: lowest and highest samples of equal parts of it, (num_columns, 2); see `envelope.peaks`.
      model: the model's name, for people.

    Returns:
      the track's segments, of all tags.

    Raises:
      KerastagError: it cannot be written.
    """
    segments = taggram.segments()
    rows = rows_of(taggram, segments)
    more = len({segment.tag for segment in segments} - set(rows))
    heights = [_WAVE, _ROW * len(rows), _KEY]
    with canvas.canvas(_WIDTH, _REST + sum(heights)) as figure:
        figure.get_layout_engine().set(hspace=0.01, h_pad=0.04)
        wave, map_, key = figure.subplots(3, 1, height_ratios=heights)
        _waveform(wave, peaks, taggram.seconds)
        image = _scores(map_, taggram, rows)
        _mark(map_, segments, rows)
        _time_axis(map_, taggram.seconds)
        _margins(map_, taggram, rows, more)
        _key(figure, key, image)
        _title(figure, wave, taggram, model)
        content = canvas.png(figure, _DOTS_PER_INCH, {"Software": SOFTWARE}, colours=256)
    with files.whole_file(path) as temporary:
        temporary.write_bytes(content)
    return segments


def rows_of(taggram: Taggram, segments: Sequence[Segment]) -> list[int]:
    """The tags that a picture shows, from its top.

    Those that are heard, of more than MOST_ROWS those that are heard longest, by when they are heard first, then for
    how long; then, if these are fewer than FEWEST_ROWS, others by their highest score.
    """
    seconds: dict[int, float] = {}
    begins: dict[int, float] = {}
    for segment in segments:
        seconds[segment.tag] = seconds.get(segment.tag, 0.0) + segment.seconds
        begins[segment.tag] = min(begins.get(segment.tag, np.inf), segment.start)
    longest = sorted(seconds, key=lambda tag: (-seconds[tag], tag))[:MOST_ROWS]
    heard = sorted(longest, key=lambda tag: (begins[tag], -seconds[tag], tag))
    highest = np.argsort(-taggram.scores.max(axis=0), kind="stable")
    others = [int(tag) for tag in highest if tag not in seconds]
    return heard + others[: max(0, FEWEST_ROWS - len(heard))]


def shades(scores: np.ndarray, levels: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Where scores lie between nothing, the level of their tag, and the highest score there is.

    Args:
      scores: in [0, 1], (num_chunks, num_tags).
      levels: (num_tags,); infinite for a tag that is never given.
      given: bool (num_chunks, num_tags).

    Returns:
      (num_chunks, num_tags): from 0 at a score of 0 to just below 0.5 at the level, from there to 1 at the highest of
      all scores; at least 0.5 where a tag is given, and below it elsewhere.
    """
    top = scores.max(initial=0.0)
    finite = np.where(np.isfinite(levels), levels, max(1.0, top))
    below = 0.5 * scores / np.maximum(finite, 1e-9)
    above = 0.5 + 0.5 * (scores - finite) / np.maximum(top - finite, 1e-9)
    return np.where(given, np.clip(above, 0.5, 1), np.clip(below, 0, 0.499))


def clock(seconds: float, step: float = 1.0) -> str:
    """A time as m:ss, from an hour on h:mm:ss; with a tenth where ticks are that close."""
    tenths = round(seconds * 10)
    minutes, rest = divmod(tenths // 10, 60)
    text = f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}" if minutes >= 60 else f"{minutes}:{rest:02d}"
    return f"{text}.{tenths % 10}" if step < 1 else text


def _waveform(axes: Any, peaks: np.ndarray, seconds: float) -> None:
    """The peaks, as high as the loudest of them."""
    edges = np.linspace(0, seconds, len(peaks) + 1)
    low, high = (np.append(values, values[-1:]) for values in peaks.T)
    axes.fill_between(edges, low, high, step="post", color="#B4BCC4", lw=0.3)
    loudest = max(1e-4, float(np.abs(peaks).max(initial=0)))
    axes.set(xlim=(0, seconds), ylim=(-1.05 * loudest, 1.05 * loudest), yticks=[])
    axes.tick_params(axis="x", length=0, labelbottom=False)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)


def _scores(axes: Any, taggram: Taggram, rows: Sequence[int]) -> Any:
    """The heat map of the rows, and their names."""
    from matplotlib import colors

    places = [(0.0, _BELOW[0]), (0.4999, _BELOW[1]), (0.5, _FROM[0]), (0.75, _FROM[1]), (1.0, _FROM[2])]
    coloured = colors.LinearSegmentedColormap.from_list("taggram", places, N=512)
    values = shades(taggram.scores, taggram.levels, taggram.given)[:, list(rows)]
    together = -(-len(values) // _MOST_CELLS)
    firsts = np.arange(0, len(values), together)
    edges = np.append(taggram.edges[:-1][firsts], taggram.seconds)
    values = np.maximum.reduceat(values, firsts, axis=0)
    image = axes.pcolormesh(edges, np.arange(len(rows) + 1) - 0.5, values.T, cmap=coloured, vmin=0, vmax=1)
    shown = [letters.drawable(fitted(taggram.tags[row], 28)) for row in rows]
    axes.set_yticks(range(len(rows)), shown, fontsize=8)
    axes.set(ylim=(len(rows) - 0.5, -0.5), xlim=(0, taggram.seconds))
    axes.tick_params(axis="y", length=0, pad=4)
    axes.hlines(np.arange(1, len(rows)) - 0.5, 0, taggram.seconds, color="white", lw=1.2)
    axes.spines["left"].set_visible(False)
    return image


def _mark(axes: Any, segments: Sequence[Segment], rows: Sequence[int]) -> None:
    """A bar under each segment; names of tags that have none are grey."""
    place = {tag: number for number, tag in enumerate(rows)}
    shown = [segment for segment in segments if segment.tag in place]
    starts, ends = [segment.start for segment in shown], [segment.end for segment in shown]
    heights = [place[segment.tag] + 0.4 for segment in shown]
    axes.hlines(heights, starts, ends, color=canvas.VERMILLION, lw=1.8, capstyle="butt")
    heard = {segment.tag for segment in shown}
    for tag, label in zip(rows, axes.get_yticklabels(), strict=True):
        label.set_color("black" if tag in heard else canvas.GREY)


def _margins(axes: Any, taggram: Taggram, rows: Sequence[int], more: int) -> None:
    """Beside each row its highest score and the level from which the tag is given; below, how many `more` there are."""
    right = axes.secondary_yaxis("right")
    told = []
    for row in rows:
        level = f"{taggram.levels[row]:.2f}" if np.isfinite(taggram.levels[row]) else "never"
        told.append(f"{taggram.scores[:, row].max():.2f} / {level}")
    right.set_yticks(range(len(rows)), told, fontsize=6.5, color=canvas.GREY)
    right.tick_params(axis="y", length=0, pad=4)
    right.spines["right"].set_visible(False)
    head = {"xycoords": "axes fraction", "textcoords": "offset points", "fontsize": 6.5, "color": canvas.GREY}
    axes.annotate("highest score / given from", (1, 1), xytext=(0, 2), ha="right", **head)
    if more:
        axes.annotate(f"and {more} more", (0, 0), xytext=(-18, -10), ha="right", **head)


def _time_axis(axes: Any, seconds: float) -> None:
    step = next((step for step in _STEPS if seconds / step <= _MOST_TICKS), _STEPS[-1])
    ticks = np.arange(0, seconds + 1e-9, step)
    axes.set_xticks(ticks, [clock(tick, step) for tick in ticks], fontsize=8)
    axes.set_xlim(0, seconds)  # to which a last tick may have added its rounding
    axes.tick_params(axis="x", length=3)


def _key(figure: Any, axes: Any, image: Any) -> None:
    """What bars and colours mean, below the picture."""
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.set_axis_off()
    axes.plot([0, 0.03], [0.5, 0.5], color=canvas.VERMILLION, lw=1.8, solid_capstyle="butt")
    axes.text(0.04, 0.5, "segment: the tag is heard from here to there", va="center", fontsize=7)
    inside = axes.inset_axes((0.62, 0, 0.34, 1))
    bar = figure.colorbar(image, cax=inside, orientation="horizontal")
    bar.set_ticks([0, 0.5, 1], labels=["score 0", "given from here", "highest"], fontsize=7)
    inside.tick_params(length=2.5, pad=2)
    bar.outline.set(linewidth=0.4, edgecolor=canvas.LIGHT)


def _title(figure: Any, axes: Any, taggram: Taggram, model: str) -> None:
    """The file's name at the left, how long it is and the model at the right."""
    aside = clock(taggram.seconds, 1 if taggram.seconds >= 10 else 0.1) + (
        f"   {letters.drawable(fitted(model, 24))}" if model else ""
    )
    name = names.shown(taggram.path.name)
    title = axes.set_title("X", loc="left", fontsize=10, fontweight="bold", pad=4)
    right = axes.set_title(aside, loc="right", fontsize=8, color=canvas.GREY, pad=4)
    figure.draw_without_rendering()  # fixes the layout, so that widths are known
    room = axes.get_window_extent().width - right.get_window_extent().width - _DOTS_PER_INCH / 6
    width = _columns(name)
    title.set_text(letters.drawable(name))
    while title.get_window_extent().width > room and width > 8:
        width = min(width - 1, int(width * room / title.get_window_extent().width) + 1)
        title.set_text(letters.drawable(fitted(name, width)))


def fitted(text: str, width: int) -> str:
    """Text of at most so many columns, in which a letter of East Asia takes two; what is too long loses its middle."""
    if _columns(text) <= width:
        return text
    head, tail = text, text
    while _columns(head) > (width - 1) * 2 // 3:
        head = head[:-1]
    while _columns(tail) > width - 1 - _columns(head):
        tail = tail[1:]
    return f"{head.rstrip()}{_LEFT_OUT}{tail.lstrip()}"


def _columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)
