"""Figures worth a paper, as PNG: what the tables say, to be seen at a glance.

All need matplotlib, the extra `plots`. Colours are those of Okabe and Ito 2008, which the colour-blind can tell apart, and
never the only difference. Sizes are in inches at 200 dots each, letters 6 to 9 points, as journals print them.
"""

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from kerastag import errors, files, tags
from kerastag.metrics import decisions, groups, ranking, reliability, tables

BLUE, ORANGE, GREEN, VERMILLION, PURPLE = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7"
GREY, LIGHT = "#707070", "#D0D0D0"
_STYLE = {
    "font.family": "sans-serif",
    "font.size": 8,
    "axes.labelsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "savefig.dpi": 200,
}
_GROUP_LOOKS = {"head": (BLUE, "o"), "middle": (ORANGE, "s"), "tail": (GREEN, "^")}
_PLAIN_TICKS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1)


def pr_auc_by_frequency(
    path: str | os.PathLike[str],
    results: Mapping[str, Any],
    class_counts: np.ndarray,
    head_over: int = groups.HEAD_OVER,
    tail_at_most: int = groups.TAIL_AT_MOST,
) -> None:
    """PR-AUC of each tag with its interval against the tracks it was trained on, on logarithmic axes.

    Args:
      path: of the PNG.
      results: of metrics.evaluate, with those of intervals.bootstrap under "intervals".
      class_counts: training tracks with each tag, (num_tags,); tags with none are left out.
      head_over: see groups.members.
      tail_at_most: see groups.members.
    """
    names = tags.Vocabulary(list(results["per_tag"])).short_names
    found = results["intervals"]
    with _page(path, 7.2, 5.0) as figure:
        axes = figure.subplots()
        labels = []
        for group, mask in groups.members(class_counts, head_over, tail_at_most).items():
            colour, marker = _GROUP_LOOKS[group]
            points = []
            for column, (tag, own) in enumerate(results["per_tag"].items()):
                bounds = found["per_tag"][tag]["pr_auc"]
                if mask[column] and class_counts[column] > 0 and bounds:
                    points.append((class_counts[column], own["pr_auc"], bounds["low"], bounds["high"]))
                    axes.plot(class_counts[column], own["positives"] / results["num_tracks"], "_", color=GREY, ms=5)
                    labels.append((*points[-1][:2], names[column]))
            if points:
                x, y, low, high = np.array(points).T
                axes.vlines(x, low, high, color=colour, lw=0.8, alpha=0.55)
                axes.plot(x, y, marker, color=colour, ms=4, label=f"{group} ({mask.sum()} tags)")
        axes.plot([], [], "_", color=GREY, ms=5, label="chance (share of positives)")
        axes.set(xscale="log", yscale="log", xlabel="training tracks with the tag", ylabel="PR-AUC")
        for bound in (tail_at_most, head_over):
            axes.axvline(bound, color=LIGHT, lw=0.8, zorder=0)
        _plain_ticks(axes, "y")
        _plain_ticks(axes, "x")
        axes.legend(loc="upper left", title=_interval_title(found), title_fontsize=8, alignment="left")
        _label_points(figure, axes, sorted(labels, key=lambda label: -label[1]))
