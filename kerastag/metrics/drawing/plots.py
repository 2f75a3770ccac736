"""Figures worth a paper, as PNG: what the tables say, to be seen at a glance."""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from kerastag import tags
from kerastag.metrics import groups, ranking, reliability, tables
from kerastag.metrics.documents import Comparison, Difference, Figures, Resampled
from kerastag.metrics.drawing import canvas

_GROUP_LOOKS = {"head": (canvas.BLUE, "o"), "middle": (canvas.ORANGE, "s"), "tail": (canvas.GREEN, "^")}
_CURVE_LOOKS = (
    (canvas.BLUE, "-"),
    (canvas.VERMILLION, "--"),
    (canvas.GREEN, "-."),
    (canvas.PURPLE, (0, (5, 1, 1, 1, 1, 1))),
    (canvas.ORANGE, ":"),
)


def pr_auc_by_frequency(
    path: str | os.PathLike[str],
    results: Figures,
    class_counts: np.ndarray,
    head_over: int = groups.HEAD_OVER,
    tail_at_most: int = groups.TAIL_AT_MOST,
) -> None:
    """PR-AUC of each tag with its interval against the tracks it was trained on, on logarithmic axes.

    Args:
      path: path of the PNG.
      results: what metrics.evaluate returned, with what intervals.bootstrap returned as "intervals".
      class_counts: training tracks with each tag, (num_tags,); tags with none are left out.
      head_over: see groups.members.
      tail_at_most: see groups.members.
    """
    points = _frequency_points(results, class_counts)
    with canvas.page(path, 7.2, 5.2) as figure:
        axes = figure.subplots()
        for group, mask in groups.members(class_counts, head_over, tail_at_most).items():
            colour, marker = _GROUP_LOOKS[group]
            of_group = np.array([point[1:] for point in points if mask[int(point[0])]]).reshape(-1, 5)
            count, pr_auc, low, high, chance = of_group.T
            axes.vlines(count, low, high, color=colour, lw=0.9, alpha=0.5, zorder=1)
            axes.plot(count, chance, "_", color=canvas.GREY, ms=5, zorder=2)
            axes.plot(count, pr_auc, marker, color=colour, ms=4, zorder=3, label=f"{group}, {len(count)} tags")
        axes.plot([], [], "_", color=canvas.GREY, ms=5, label="chance (share of positives)")
        for bound in (tail_at_most, head_over):
            axes.axvline(bound + 0.5, color=canvas.LIGHT, lw=0.8, zorder=0)
        axes.set(xscale="log", yscale="log", xlabel="training tracks with the tag", ylabel="PR-AUC")
        canvas.plain_ticks(axes.xaxis)
        canvas.plain_ticks(axes.yaxis)
        figure.legend(loc="outside upper center", ncols=4, title=f"bars: {_interval_title(results['intervals'])}")
        names = tags.Vocabulary(list(results["per_tag"])).short_names
        best_first = sorted(points, key=lambda point: -point[2] / point[5])
        labels = [(point[1], point[2], names[int(point[0])]) for point in best_first]
        canvas.label_points(axes, labels, [(point[1], point[5]) for point in points])


def pr_curves(
    path: str | os.PathLike[str],
    labels: np.ndarray,
    scores: np.ndarray,
    tag_names: Sequence[str],
    chosen: Sequence[str] | None = None,
) -> None:
    """Precision over recall of every tag in grey, of up to five in colour, over lines of equal F1.

    Args:
      path: path of the PNG.
      labels: bool, (num_tracks, num_tags).
      scores: finite, (num_tracks, num_tags).
      tag_names: the tags in column order.
      chosen: the tags in colour, full or short names; None: five from the best PR-AUC to the worst.
    """
    vocabulary = tags.Vocabulary(tag_names)
    curves = {column: _pr_curve(labels[:, column], scores[:, column]) for column in np.flatnonzero(labels.any(axis=0))}
    by_area = sorted(curves, key=lambda column: -curves[column][2])
    if chosen is None:
        shown = [by_area[n] for n in np.unique(np.linspace(0, len(by_area) - 1, 5).round().astype(int))]
    else:
        shown = sorted((vocabulary.index(name) for name in chosen), key=by_area.index)
    with canvas.page(path, 4.8, 5.1) as figure:
        axes = figure.subplots()
        _equal_f1(axes)
        for recall, precision, _ in curves.values():
            axes.step(recall, precision, where="pre", color=canvas.LIGHT, lw=0.5, zorder=1)
        for column, (colour, line) in zip(shown, _CURVE_LOOKS, strict=False):
            recall, precision, area = curves[column]
            name = f"{vocabulary.short_names[column]} ({area:.3f})"
            axes.step(recall, precision, where="pre", color=colour, ls=line, lw=1.4, zorder=2, label=name)
        axes.set(xlim=(0, 1), ylim=(0, 1.01), xlabel="recall", ylabel="precision", aspect="equal")
        figure.legend(loc="outside upper center", ncols=2, title=f"tag (PR-AUC), all {len(curves)} tags in grey")


def differences(
    path: str | os.PathLike[str],
    comparison: Comparison,
    pair_number: int = 0,
    figure_name: str = "pr_auc",
) -> None:
    """Forest plot of one pair: the difference of one figure with its interval, for means, groups and every tag.

    Args:
      path: path of the PNG.
      comparison: what comparison.compare returns.
      pair_number: which of its pairs.
      figure_name: "pr_auc" or "roc_auc".
    """
    pair = comparison["pairs"][pair_number]
    means, by_tag = (
        [row for row in pair[part] if row["figure"] == figure_name and row["difference"] is not None]
        for part in ("means", "per_tag")
    )
    names = tags.Vocabulary([row["over"] for row in by_tag]).short_names
    ordered = sorted(zip(by_tag, names, strict=True), key=lambda named: -(named[0]["difference"] or 0))
    with canvas.page(path, 5.2, 1.9 + 0.135 * (len(means) + len(by_tag))) as figure:
        upper, lower = figure.subplots(2, 1, height_ratios=[len(means) + 1, len(by_tag) + 1])
        upper.set_title("means over tags", loc="left")
        _forest(upper, means, [row["over"] for row in means])
        lower.set_title(f"tags, noise judged for {len(by_tag)} tags together (Holm)", loc="left")
        _forest(lower, *zip(*ordered, strict=True))
        lower.set_xlabel(
            f"difference in {tables.figure_title(figure_name)}\n"
            f"\u2190 {pair['second']} is better      {pair['first']} is better \u2192"
        )
        handles = [
            upper.plot([], [], "o", color=canvas.VERMILLION, ms=4, label="differs by more than noise")[0],
            upper.plot([], [], "o", color=canvas.GREY, mfc="white", ms=4, label="noise")[0],
        ]
        figure.legend(
            handles=handles, loc="outside upper center", ncols=2, title=f"bars: {_interval_title(comparison)}"
        )


def reliability_diagram(
    path: str | os.PathLike[str], labels: np.ndarray, before: np.ndarray, after: np.ndarray, how: str
) -> None:
    """Share of positives against mean score over all (track, tag), and the calibration error of every tag.

    On the left bins without any positive stand on the lower edge.

    Args:
      path: path of the PNG.
      labels: bool, (num_tracks, num_tags).
      before: scores in [0, 1], (num_tracks, num_tags).
      after: calibrated scores, best those of calibration.held_out.
      how: what was done, for the legend: "Platt, held out".
    """
    looks = ((before, "as scored", canvas.VERMILLION, "s"), (after, how, canvas.BLUE, "o"))
    with canvas.page(path, 7.2, 3.6) as figure:
        left, right = figure.subplots(1, 2)
        curves = [reliability.curve(labels, scores) for scores, *_ in looks]
        values = np.concatenate([part for curve in curves for part in (curve.mean_score, curve.share)])
        floor = values[values > 0].min() / 1.5
        left.plot([floor, 1], [floor, 1], color=canvas.LIGHT, lw=1, zorder=0, label="perfect")
        for curve, (_, name, colour, marker) in zip(curves, looks, strict=True):
            x, y = np.maximum(curve.mean_score, floor), np.maximum(curve.share, floor)
            left.plot(x, y, marker=marker, color=colour, ms=4, lw=1, label=f"{name} (ECE {curve.error:.4f})")
        left.set(xscale="log", yscale="log", xlim=(floor, 1), ylim=(floor, 1), aspect="equal")
        left.set(xlabel="mean score", ylabel="share of positives", title="all tracks and tags")
        canvas.plain_ticks(left.xaxis, (1,))
        canvas.plain_ticks(left.yaxis, (1,))
        left.legend(loc="upper left")
        _error_by_tag(right, labels, before, after, how)


def confusion(
    path: str | os.PathLike[str], labels: np.ndarray, decisions: np.ndarray, tag_names: Sequence[str]
) -> None:
    """Which tags go together, and which are decided in place of others.

    Left, for tracks with the tag of the row, the share that also has the tag of the column; right the share
    of those without the column's tag for which it was decided. Both are given as what they are above the same
    share of all tracks, so that a tag that is common, or decided everywhere, does not stand out. Similar tags
    stand together.

    Args:
      path: path of the PNG.
      labels: bool, (num_tracks, num_tags).
      decisions: bool, (num_tracks, num_tags).
      tag_names: the tags in column order.
    """
    together = _excess(labels, labels, np.ones_like(labels))
    confused = _excess(labels, decisions & ~labels, ~labels)
    order = canvas.similar_order(np.maximum(together, 0) + np.maximum(confused, 0))
    names = np.array(tags.Vocabulary(tag_names).short_names)[order]
    size, letters = max(3.0, 0.095 * len(names)), 5.5 if len(names) > 30 else 7
    with canvas.page(path, 2 * size + 1.7, size + 0.95) as figure:
        axes = figure.subplots(1, 2, sharey=True)
        titles = "column's tag is given as well", "column's tag is decided, though not given"
        for panel, shares, title in zip(axes, (together, confused), titles, strict=True):
            cells = shares[np.ix_(order, order)]
            np.fill_diagonal(cells, np.nan)
            image = panel.imshow(cells, cmap="PuOr_r", vmin=-0.5, vmax=0.5, interpolation="nearest")
            panel.set_xticks(range(len(names)), names, rotation=90, fontsize=letters)
            panel.set_yticks(range(len(names)), names, fontsize=letters)
            panel.tick_params(length=1.5, pad=1.5)
            panel.set_title(title)
        axes[0].set_ylabel("tracks with this tag")
        bar = figure.colorbar(image, ax=axes, shrink=0.6, pad=0.01, extend="both")
        bar.set_label("share of the row's tracks above that of all tracks")


def _frequency_points(results: Figures, class_counts: np.ndarray) -> list[tuple[float, ...]]:
    """Column, training tracks, PR-AUC, low, high and chance of each tag that has them."""
    points: list[tuple[float, ...]] = []
    for column, (tag, own) in enumerate(results["per_tag"].items()):
        bounds = results["intervals"]["per_tag"][tag]["pr_auc"]
        if class_counts[column] > 0 and bounds and own["pr_auc"] is not None:
            chance = own["positives"] / results["num_tracks"]
            points.append((column, float(class_counts[column]), own["pr_auc"], bounds["low"], bounds["high"], chance))
    return points


def _pr_curve(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Recall, precision (num_thresholds + 1,) and area of one tag."""
    true_positives, false_positives = ranking.threshold_counts(labels, scores)
    precision = true_positives / (true_positives + false_positives)
    recall = true_positives / true_positives[-1]
    area = ranking.pr_auc(true_positives, false_positives)
    return np.append(0, recall), np.append(precision[0], precision), area or 0.0


def _equal_f1(axes: Any) -> None:
    """Lines of equal F1, each with its value at the right."""
    for f1 in (0.1, 0.2, 0.4, 0.6, 0.8):
        recall = np.linspace(f1 / 2 + 0.001, 1, 200)
        precision = f1 * recall / (2 * recall - f1)
        axes.plot(recall, precision, color="#C8DCEC", lw=0.6, zorder=0)
        axes.annotate(
            f"F1 {f1:g}",
            (1, precision[-1]),
            xytext=(3, 0),
            textcoords="offset points",
            fontsize=6,
            color=canvas.GREY,
            va="center",
            annotation_clip=False,
        )


def _forest(axes: Any, rows: Sequence[Difference], names: Sequence[str]) -> None:
    """Differences from the top down, those beyond noise filled and coloured."""
    for place, row in enumerate(rows):
        is_noise = row["verdict"] == "noise"
        colour = canvas.GREY if is_noise else canvas.VERMILLION
        axes.hlines(place, row["low"], row["high"], color=colour, lw=0.9)
        axes.plot(row["difference"], place, "o", color=colour, mfc="white" if is_noise else colour, ms=3.5)
    axes.axvline(0, color="black", lw=0.6, zorder=0)
    axes.set_yticks(range(len(rows)), names, fontsize=6.5)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=canvas.LIGHT, lw=0.4)
    axes.set_axisbelow(True)


def _error_by_tag(axes: Any, labels: np.ndarray, before: np.ndarray, after: np.ndarray, how: str) -> None:
    """The calibration error of each tag after against before."""
    x, y = (reliability.errors_by_tag(labels, scores) for scores in (before, after))
    values = np.concatenate([x, y])
    bounds = max(1e-4, values[values > 0].min(initial=1) / 1.3), values.max() * 1.3
    axes.plot(bounds, bounds, color=canvas.LIGHT, lw=1, zorder=0)
    axes.plot(np.maximum(x, bounds[0]), np.maximum(y, bounds[0]), "o", color=canvas.BLUE, ms=3.5, mfc="none")
    axes.set(xscale="log", yscale="log", xlim=bounds, ylim=bounds, aspect="equal")
    axes.set(xlabel="ECE as scored", ylabel=f"ECE {how}", title=f"each tag (means {x.mean():.4f}, {y.mean():.4f})")
    for axis in (axes.xaxis, axes.yaxis):
        canvas.plain_ticks(axis)


def _excess(labels: np.ndarray, given_as_well: np.ndarray, among: np.ndarray) -> np.ndarray:
    """How much more often the column's tag is given as well on tracks with the row's tag: (num_tags, num_tags).

    Both shares are taken `among` the tracks that count for a tag, (num_tracks, num_tags).

    0 where there are no such tracks.
    """
    given = labels.T.astype(np.float64)
    totals = given @ among
    shares = np.divide(given @ given_as_well, totals, out=np.zeros_like(totals), where=totals > 0)
    return np.where(totals > 0, shares - given_as_well.sum(axis=0) / np.maximum(among.sum(axis=0), 1), 0.0)


def _interval_title(resampled: Resampled) -> str:
    return f"{100 * resampled['level']:g} % interval over {resampled['num_clusters']} {resampled['unit']}"
