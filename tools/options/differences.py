"""Differences between options that were trained with the same seeds, with both kinds of chance in them.

A difference of mean figures varies with the tracks that happen to be tested and with the seeds of training. The
variance over tracks is that of the seeds' mean difference over bootstrap resamples of clusters (artists, packages);
the variance over seeds is that of the paired differences, divided by their number. Both are added, as of crossed
effects without interaction, and the degrees of freedom of the sum are Satterthwaite's (Biometrics Bulletin 2, 1946).
A bootstrap over three seeds would draw the same one three times in a ninth of all draws and call that certainty.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from scipy import stats

from kerastag import errors
from kerastag.metrics import comparison, intervals, matrices, resampling

FIGURES = ("pr_auc", "roc_auc")  # macro


@dataclasses.dataclass(frozen=True)
class Measured:
    """One macro figure of all runs of an option.

    Attributes:
      own: of each seed on the split itself, float64 (num_seeds,); NaN where undefined.
      mean: over seeds by resample, float64 (num_resamples,).
    """

    own: np.ndarray
    mean: np.ndarray


@dataclasses.dataclass(frozen=True)
class Difference:
    """One figure of an option minus that of another.

    Attributes:
      option, against: their names.
      figure: one of FIGURES.
      difference: of the means over seeds; None where undefined, and so is all that follows.
      low, high: the 95 % interval over tracks and seeds together; None with one seed.
      low_tracks, high_tracks: over tracks alone, as if these seeds were all there are.
      deviation_of_seeds: standard deviation of the paired differences over seeds (n - 1); None with one seed.
      p: two-sided, of tracks and seeds together; None with one seed.
      p_holm: corrected for all differences of the figure that were taken.
    """

    option: str
    against: str
    figure: str
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    low_tracks: float | None = None
    high_tracks: float | None = None
    deviation_of_seeds: float | None = None
    p: float | None = None
    p_holm: float | None = None

    @property
    def verdict(self) -> str:
        """In a word or two: better, worse, noise, or why none is given."""
        if self.difference is None:
            return "undefined"
        if self.p_holm is None:
            return "one seed"
        if self.p_holm >= comparison.SIGNIFICANCE:
            return "noise"
        return "better" if self.difference > 0 else "worse"


def measure(
    labels: np.ndarray,
    runs: Sequence[np.ndarray],
    tag_names: Sequence[str],
    weights: np.ndarray,
) -> dict[str, Measured]:
    """Both macro figures of an option's runs.

    Args:
      labels: 0 or 1, (num_tracks, num_tags).
      runs: scores by seed, (num_tracks, num_tags) each.
      tag_names: the tags in column order.
      weights: of each track in each resample, see resampling.resamples.

    Raises:
      KerastagError: labels, scores and names do not fit each other.
    """
    own, resampled = [], []
    for scores in runs:
        good = matrices.checked(labels, scores, tag_names)
        own.append(intervals.own_figures(*good).means)
        resampled.append(intervals.sample_figures(*good, weights).means)
    return {
        figure: Measured(
            np.array([means[figure, "macro"][0] for means in own]),
            np.mean([means[figure, "macro"] for means in resampled], axis=0),
        )
        for figure in FIGURES
    }


def compare(
    measured: Mapping[str, Mapping[str, Measured]], against: Sequence[str], num_clusters: int
) -> list[Difference]:
    """Every option against each of those in `against`, p-values corrected for all of a figure together (Holm 1979).

    Args:
      measured: what `measure` gives, by option; all with the same seeds and resamples.
      against: which options the others are compared with.
      num_clusters: that were resampled.

    Raises:
      KerastagError: options have different numbers of seeds, or there is one cluster.
    """
    if num_clusters < 2:
        raise errors.KerastagError("the test split is one cluster; resample tracks instead", "resample")
    numbers = {name: len(figures[FIGURES[0]].own) for name, figures in measured.items()}
    if len(set(numbers.values())) > 1:
        raise errors.KerastagError(f"options have different numbers of seeds: {numbers}")
    pairs = [
        (name, other) for place, other in enumerate(against) for name in measured if name not in against[: place + 1]
    ]
    found = []
    for figure in FIGURES:
        rows = [
            _difference(name, other, figure, measured[name][figure], measured[other][figure], num_clusters)
            for name, other in pairs
        ]
        corrected = iter(comparison.holm([row.p for row in rows if row.p is not None]))
        found += [row if row.p is None else dataclasses.replace(row, p_holm=next(corrected)) for row in rows]
    return found


def _difference(
    option: str, against: str, figure: str, first: Measured, second: Measured, num_clusters: int
) -> Difference:
    by_seed, by_resample = first.own - second.own, first.mean - second.mean
    defined = by_resample[~np.isnan(by_resample)]
    bounds = intervals.interval(defined)
    if bounds is None or np.isnan(by_seed).any():
        return Difference(option, against, figure)
    mean = float(by_seed.mean())
    found = Difference(option, against, figure, mean, low_tracks=bounds[0], high_tracks=bounds[1])
    if len(by_seed) < 2:
        return found
    deviation = float(by_seed.std(ddof=1))
    parts = ((float(defined.var(ddof=1)), num_clusters - 1), (deviation**2 / len(by_seed), len(by_seed) - 1))
    low, high, p = _student(mean, parts)
    return dataclasses.replace(found, low=low, high=high, deviation_of_seeds=deviation, p=p)


def _student(mean: float, parts: Sequence[tuple[float, int]]) -> tuple[float, float, float]:
    """The 95 % interval and the two-sided p-value of a mean whose variance is the sum of (variance, freedom)."""
    variance = sum(part for part, _ in parts)
    if variance == 0:  # the same scores
        return mean, mean, 1.0 if mean == 0 else 0.0
    freedom = variance**2 / sum(part**2 / degrees for part, degrees in parts)
    error = float(np.sqrt(variance))
    reach = float(stats.t.ppf(0.5 + resampling.LEVEL / 2, freedom)) * error
    return mean - reach, mean + reach, float(2 * stats.t.sf(abs(mean) / error, freedom))
