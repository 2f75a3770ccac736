"""Which of several sets of scores is better, and which differences are noise: paired bootstrap comparison.

All are measured on the same resamples, so what makes a resample hard for all of them cancels in the difference.
"""

import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from kerastag import errors
from kerastag.metrics import intervals, matrices, resampling
from kerastag.metrics.documents import Comparison, Difference, Pair

NUM_RESAMPLES = 5000  # a p-value is at least 2 / (num_resamples + 1), and Holm multiplies it by the number of tags
SIGNIFICANCE = 0.05


@dataclasses.dataclass(frozen=True)
class Measured:
    """One figure of one set of scores.

    Attributes:
      figure: its name, as pr_auc.
      over: macro, micro, tracks, a group or a tag.
      own: on the split itself.
      values: by resample, NaN where it is not defined, float64 (num_resamples,).
    """

    figure: str
    over: str
    own: float
    values: np.ndarray


def compare(
    labels: np.ndarray,
    predictions: Mapping[str, np.ndarray],
    tag_names: Sequence[str],
    clusters: resampling.Clusters,
    masks: intervals.Masks | None = None,
    against: str | None = None,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = 0,
) -> Comparison:
    """Differences between sets of scores of the same tracks.

    Each difference has the figure itself for both, its interval, the probability over resamples that it is
    above zero (zeros count half), a two-sided p-value, and the p-value after Holm's correction: for a
    headline figure over the pairs that are compared, for tags over the tags of one figure within a pair.
    `verdict` is "first" or "second", whichever is better, if the corrected p-value is below SIGNIFICANCE, else "noise".

    Args:
      labels: 0 or 1, (num_tracks, num_tags).
      predictions: scores (num_tracks, num_tags) by a name for people; at least two.
      tag_names: the tags in column order.
      clusters: what is drawn, see resampling.
      masks: groups, bool (num_tags,) each.
      against: compare every other one with this only; None: all pairs.
      num_resamples: for 56 tags at least 2,240, or no tag can ever pass the correction.
      seed: random seed of the resamples.

    Returns:
      A dict for JSON: unit, num_clusters, num_resamples, seed, level, names, and
      pairs [{first, second, means [difference], per_tag [difference]}]; a difference has figure, over (macro,
      micro, tracks, a group or a tag), first, second, difference, low, high, probability_above_zero, p,
      p_holm, verdict.

    Raises:
      KerastagError: fewer than two, an unknown `against`, or what does not fit; see matrices.checked.
    """
    names = _pairs(list(predictions), against)
    samples: dict[str, _Samples] = {}
    weights = resampling.weights_of(clusters, len(labels), num_resamples, seed)
    for name, scores in predictions.items():
        try:
            samples[name] = _Samples.of(*matrices.checked(labels, scores, tag_names), weights, masks)
        except errors.KerastagError as error:
            raise errors.KerastagError(f"{name}: {error}") from None
    pairs = [_pair(first, second, samples, tag_names) for first, second in names]
    for rows in zip(*(pair["means"] for pair in pairs), strict=True):  # one figure in all pairs
        judge(rows)
    for pair in pairs:
        for figure in ("pr_auc", "roc_auc"):
            judge([row for row in pair["per_tag"] if row["figure"] == figure])
    return {
        **resampling.description(clusters, num_resamples, seed),
        "names": list(predictions),
        "pairs": pairs,
    }


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction, Scand. J. Statist. 6, 1979: p-values that hold for all tests together."""
    order = np.argsort(p_values, kind="stable")
    factors = len(p_values) - np.arange(len(p_values))
    corrected = np.minimum(1, np.maximum.accumulate(np.asarray(p_values, float)[order] * factors))
    result = np.empty(len(p_values))
    result[order] = corrected
    return [float(p) for p in result]


class _Samples:
    """Figures of one set of scores."""

    def __init__(self, own: intervals.ResampledFigures, resampled: intervals.ResampledFigures) -> None:
        self._own, self._resampled = own, resampled

    @classmethod
    def of(
        cls, labels: np.ndarray, scores: np.ndarray, weights: np.ndarray, masks: intervals.Masks | None
    ) -> "_Samples":
        own = intervals.own_figures(labels, scores, masks)
        return cls(own, intervals.sample_figures(labels, scores, weights, masks))

    def means(self) -> Iterator[Measured]:
        for key, values in self._resampled.means.items():
            yield Measured(*key, self._own.means[key][0], values)

    def tags(self, tag_names: Sequence[str]) -> Iterator[Measured]:
        for figure in ("pr_auc", "roc_auc"):
            own, values = self._own.per_tag[figure][0], self._resampled.per_tag[figure]
            for column, tag in enumerate(tag_names):
                yield Measured(figure, tag, own[column], values[:, column])


def _pairs(names: list[str], against: str | None) -> list[tuple[str, str]]:
    if len(names) < 2:
        raise errors.KerastagError(f"{len(names)} sets of scores, nothing to compare")
    if against is None:
        return list(itertools.combinations(names, 2))
    if against not in names:
        raise errors.KerastagError(f"no scores are called {against!r}; there are {', '.join(names)}")
    return [(name, against) for name in names if name != against]


def _pair(first: str, second: str, samples: Mapping[str, _Samples], tag_names: Sequence[str]) -> Pair:
    a, b = samples[first], samples[second]
    return {
        "first": first,
        "second": second,
        "means": [difference(*both) for both in zip(a.means(), b.means(), strict=True)],
        "per_tag": [difference(*both) for both in zip(a.tags(tag_names), b.tags(tag_names), strict=True)],
    }


def difference(first: Measured, second: Measured) -> Difference:
    """One figure of two sets of scores: a row as `compare` gives them, without p_holm and verdict."""
    values = first.values - second.values
    bounds = intervals.interval(values)
    if bounds is None or np.isnan(first.own):
        return {
            "figure": first.figure,
            "over": first.over,
            "first": None,
            "second": None,
            "difference": None,
            "low": None,
            "high": None,
            "probability_above_zero": None,
            "p": None,
        }
    values = values[~np.isnan(values)]
    above, below = float(np.mean(values > 0)), float(np.mean(values < 0))
    at_most, at_least = ((1 - share) * len(values) for share in (above, below))
    return {
        "figure": first.figure,
        "over": first.over,
        "first": float(first.own),
        "second": float(second.own),
        "difference": float(first.own - second.own),
        "low": bounds[0],
        "high": bounds[1],
        "probability_above_zero": above + (1 - above - below) / 2,
        "p": min(1.0, 2 * (min(at_most, at_least) + 1) / (len(values) + 1)),
    }


def judge(rows: Sequence[Difference]) -> None:
    """Adds p_holm and verdict to the differences of one family of tests; None where one is not defined."""
    p_values = [row["p"] for row in rows if row["p"] is not None]
    corrected = iter(holm(p_values))
    for row in rows:
        if row["p"] is None or row["difference"] is None:
            row["p_holm"] = row["verdict"] = None
            continue
        p_holm = next(corrected)
        better = "first" if row["difference"] > 0 else "second"
        row["p_holm"], row["verdict"] = p_holm, better if p_holm < SIGNIFICANCE else "noise"
