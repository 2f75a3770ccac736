"""How sure figures are: bootstrap intervals over artists or tracks.

An interval is from the 2.5th to the 97.5th percentile of a figure over resamples. A tag without positives in
a resample leaves that resample's means, as it leaves those of the split itself.

PR-AUC is not free of bias there: a positive drawn twice raises its own precision, so the mean over resamples
lies above the figure. Every interval comes with this bias (mean over resamples minus figure), and where it is
not small against the interval's width, as over tracks, the figure sits in the interval's lower half.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from kerastag.metrics import label_ranking, matrices, resampling, weighted
from kerastag.metrics.documents import AreaBounds, Bounds, Intervals, TagBounds

LEVEL = resampling.LEVEL
Key = tuple[str, str]  # a figure and what it is over: ("pr_auc", "macro"), ("roc_auc", "tail"), ("lwlrap", "tracks")
Masks = Mapping[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class ResampledFigures:
    """Figures by resample; NaN where one is not defined.

    Attributes:
      means: headline figures by Key, float64 (num_resamples,) each: macro, micro, groups, label ranking.
      per_tag: "pr_auc", "roc_auc" and "lift" (PR-AUC over its chance value), float64 (num_resamples, num_tags).
    """

    means: dict[Key, np.ndarray]
    per_tag: dict[str, np.ndarray]


def sample_figures(
    labels: np.ndarray, scores: np.ndarray, weights: np.ndarray, masks: Masks | None = None
) -> ResampledFigures:
    """All figures under each row of track weights.

    Args:
      labels: bool, (num_tracks, num_tags).
      scores: finite, (num_tracks, num_tags).
      weights: how often each track counts, integers (num_resamples, num_tracks), as resampling.resamples
        gives them; a row of ones gives the figures of the split itself.
      masks: groups, bool (num_tags,) each.
    """
    areas = weighted.areas(labels, scores, weights)
    per_tag = {"pr_auc": areas.pr_auc, "roc_auc": areas.roc_auc}
    means: dict[Key, np.ndarray] = {}
    for figure, micro in (("pr_auc", areas.pr_auc_micro), ("roc_auc", areas.roc_auc_micro)):
        means[figure, "macro"] = mean_defined(per_tag[figure])
        means[figure, "micro"] = micro
    for group, mask in (masks or {}).items():
        for figure, values in tuple(per_tag.items()):
            means[figure, group] = mean_defined(values[:, mask])
    means.update(_over_tracks(labels, scores, weights))
    with np.errstate(invalid="ignore", divide="ignore"):
        per_tag["lift"] = areas.pr_auc / areas.share
    return ResampledFigures(means, per_tag)


def own_figures(labels: np.ndarray, scores: np.ndarray, masks: Masks | None = None) -> ResampledFigures:
    """The figures of the split itself, as one resample in which every track counts once."""
    return sample_figures(labels, scores, np.ones((1, len(labels)), np.int16), masks)


def mean_defined(values: np.ndarray) -> np.ndarray:
    """The mean over the last axis of what is not NaN; NaN where nothing is."""
    defined = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.where(defined, values, 0).sum(axis=-1) / defined.sum(axis=-1)


def interval(values: np.ndarray, level: float = LEVEL) -> tuple[float, float] | None:
    """The central `level` of the defined values, (num_resamples,), by percentiles; None if there are none."""
    defined = values[~np.isnan(values)]
    if not len(defined):
        return None
    low, high = np.percentile(defined, [50 * (1 - level), 50 * (1 + level)])
    return float(low), float(high)


def bootstrap(
    labels: np.ndarray,
    scores: np.ndarray,
    tag_names: Sequence[str],
    clusters: resampling.Clusters,
    masks: Masks | None = None,
    num_resamples: int = resampling.NUM_RESAMPLES,
    seed: int = 0,
    level: float = LEVEL,
) -> Intervals:
    """Intervals of all figures that metrics.evaluate gives, under the same keys.

    Returns:
      A dict for JSON: unit, num_clusters, num_resamples, seed, level; then {low, high, bias} (None where a
      figure is not defined) as pr_auc_macro, roc_auc_macro, pr_auc_micro, roc_auc_micro, lwlrap,
      hit_rate_at_K, groups {group: {pr_auc, roc_auc}} and per_tag {tag: {pr_auc, roc_auc, lift,
      num_clusters}}, the last the number of artists or tracks with a positive.

    Raises:
      KerastagError: labels, scores, names or clusters do not fit each other.
    """
    labels, scores = matrices.checked(labels, scores, tag_names)
    weights = resampling.weights_of(clusters, len(labels), num_resamples, seed)
    figures = sample_figures(labels, scores, weights, masks)
    own = own_figures(labels, scores, masks)
    result: Intervals = {**resampling.description(clusters, num_resamples, seed, level), "groups": {}}
    for name in headline_names(labels.shape[1]):
        result[name] = None  # type: ignore[literal-required]  # the names are those of Intervals
    by_group: dict[str, AreaBounds] = {group: {} for group in masks or {}}
    for (figure, over), values in figures.means.items():
        bounds = _entry(values, own.means[figure, over][0], level)
        if over in by_group:
            by_group[over][figure] = bounds  # type: ignore[literal-required]  # pr_auc or roc_auc
        else:
            result[headline_name(figure, over)] = bounds  # type: ignore[literal-required]  # see above
    result["groups"] = by_group
    result["per_tag"] = {
        tag: _of_tag(figures, own, column, level, len(np.unique(clusters.ids[labels[:, column]])))
        for column, tag in enumerate(tag_names)
    }
    return result


def headline_name(figure: str, over: str) -> str:
    """The key of a figure in metrics.json: pr_auc_macro, or lwlrap."""
    return figure if over == "tracks" else f"{figure}_{over}"


def headline_names(num_tags: int) -> list[str]:
    """The keys of all headline figures, in their order."""
    areas = [f"{figure}_{mean}" for mean in ("macro", "micro") for figure in ("pr_auc", "roc_auc")]
    return [*areas, "lwlrap", *(f"hit_rate_at_{k}" for k in label_ranking.top_ks(num_tags))]


def _over_tracks(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> dict[Key, np.ndarray]:
    """Label-ranking figures: ratios of weighted sums over tracks."""
    num_labels = labels.sum(axis=1)
    tagged = num_labels > 0
    parts = {"lwlrap": (label_ranking.label_precisions(labels, scores), num_labels)}
    for k in label_ranking.top_ks(labels.shape[1]):
        parts[f"hit_rate_at_{k}"] = (label_ranking.hits(labels, scores, k) * tagged, tagged)
    columns = np.column_stack([column for pair in parts.values() for column in pair])
    totals = weighted.sums(columns, weights)  # (num_resamples, 2 * num_figures)
    with np.errstate(invalid="ignore"):
        ratios = totals[:, ::2] / totals[:, 1::2]
    return {(name, "tracks"): ratios[:, column] for column, name in enumerate(parts)}


def _of_tag(
    figures: ResampledFigures, own: ResampledFigures, column: int, level: float, num_clusters: int
) -> TagBounds:
    def bounds(figure: str) -> Bounds | None:
        return _entry(figures.per_tag[figure][:, column], own.per_tag[figure][0, column], level)

    return {
        "pr_auc": bounds("pr_auc"),
        "roc_auc": bounds("roc_auc"),
        "lift": bounds("lift"),
        "num_clusters": num_clusters,
    }


def _entry(values: np.ndarray, own: float, level: float) -> Bounds | None:
    bounds = interval(values, level)
    if bounds is None or np.isnan(own):
        return None
    return {"low": bounds[0], "high": bounds[1], "bias": float(np.nanmean(values) - own)}
