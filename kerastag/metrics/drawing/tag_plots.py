"""Pictures of all tags at once, for a screen: how well each is found, and how high it is scored."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from kerastag.metrics import groups
from kerastag.metrics.drawing import canvas

_LOOKS = {"head": (canvas.BLUE, ""), "middle": (canvas.ORANGE, "//"), "tail": (canvas.GREEN, "xx")}


def bars_size(num_tags: int) -> tuple[float, float]:
    """Width and height in inches of the figure for `bars`."""
    return max(5.0, 1.6 + 0.19 * num_tags), 4.2


def bars(figure: Any, names: Sequence[str], pr_auc: np.ndarray, rates: np.ndarray, class_counts: np.ndarray) -> None:
    """A bar for each tag's PR-AUC, the most frequent in training first; a line marks that of chance.

    Args:
      figure: as canvas.canvas yields it.
      names: names of the tags, (num_tags,).
      pr_auc: NaN for a tag without one, (num_tags,).
      rates: shares of the tracks that have the tag, the PR-AUC of chance, (num_tags,).
      class_counts: training tracks with each tag, (num_tags,).
    """
    order = np.argsort(-class_counts, kind="stable")
    place = np.empty(len(order), int)
    place[order] = np.arange(len(order))
    axes = figure.subplots()
    for group, mask in groups.members(class_counts).items():
        members = np.flatnonzero(mask & ~np.isnan(pr_auc))
        if len(members):
            colour, hatch = _LOOKS[group]
            mean = pr_auc[members].mean()
            axes.bar(
                place[members],
                pr_auc[members],
                color=colour,
                hatch=hatch,
                edgecolor="white",
                lw=0,
                label=f"{group}, mean {mean:.3f}",
            )
    axes.hlines(rates, place - 0.4, place + 0.4, color="black", lw=1.2, label="chance")
    axes.set_xticks(np.arange(len(order)), [f"{names[column]} ({class_counts[column]})" for column in order])
    axes.tick_params(axis="x", rotation=90, labelsize=7, length=0)
    axes.set(xlim=(-0.6, len(order) - 0.4), ylim=(0, None), ylabel="PR-AUC", xlabel="tag (training tracks)")
    figure.legend(loc="outside upper center", ncols=4)


def mean_scores(figure: Any, names: Sequence[str], scores: np.ndarray, rates: np.ndarray) -> None:
    """Each tag's mean score against its share of the tracks; calibrated scores lie on the line.

    Args:
      figure: as canvas.canvas yields it.
      names: names of the tags, (num_tags,).
      scores: mean over the tracks, (num_tags,).
      rates: shares of the tracks, (num_tags,); tags that no track has are left out.
    """
    there = np.flatnonzero((rates > 0) & (scores > 0))
    axes = figure.subplots()
    axes.set(xscale="log", yscale="log", xlabel="share of tracks with the tag", ylabel="mean score")
    if len(there):
        both = np.concatenate([scores[there], rates[there]])
        ends = both.min() / 1.5, min(both.max() * 1.5, 1.0)
        axes.plot(ends, ends, color=canvas.GREY, ls="--", lw=1, label="as often as it is true")
        axes.plot(rates[there], scores[there], "o", color=canvas.BLUE, ms=4)
        axes.set(xlim=(rates[there].min() / 1.5, min(rates[there].max() * 1.5, 1.0)))
    canvas.plain_ticks(axes.xaxis)
    canvas.plain_ticks(axes.yaxis)
    if len(there):
        figure.legend(loc="outside upper center")
        furthest = sorted(map(int, there), key=lambda column: -abs(np.log(scores[column] / rates[column])))
        canvas.label_points(axes, [(rates[column], scores[column], names[column]) for column in furthest])
