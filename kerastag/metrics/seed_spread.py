"""Several runs of one setting: how much the seed of training decides, apart from which tracks are tested.

The two are different things. The deviation over runs says what another seed would give on the same tracks;
the interval, from resampling tracks, what the mean over these runs would be on other tracks. Neither holds the other.
"""

from collections.abc import Sequence

import numpy as np

from kerastag import errors
from kerastag.metrics import intervals, matrices, resampling, tables
from kerastag.metrics.documents import SeedSpread, SpreadRow


def spread(
    labels: np.ndarray,
    runs: Sequence[np.ndarray],
    tag_names: Sequence[str],
    clusters: resampling.Clusters,
    masks: intervals.Masks | None = None,
    num_resamples: int = resampling.NUM_RESAMPLES,
    seed: int = 0,
) -> SeedSpread:
    """Mean and deviation of every headline figure over runs, beside the interval of that mean over tracks.

    Args:
      labels: 0 or 1, (num_tracks, num_tags).
      runs: scores of each run, (num_tracks, num_tags); at least two.
      tag_names: the tags in column order.
      clusters: what is drawn, see resampling.
      masks: groups, bool (num_tags,) each.
      num_resamples: number of resamples of the tracks.
      seed: random seed of the resamples, not of the runs.

    Returns:
      A dict for JSON: unit, num_clusters, num_resamples, seed, level, num_runs and figures [{figure, over,
      mean, deviation_over_runs (n - 1), lowest, highest, low, high, deviation_over_resamples}]; None where undefined.

    Raises:
      KerastagError: fewer than two runs, or what does not fit.
    """
    if len(runs) < 2:
        raise errors.KerastagError(f"{len(runs)} run has no deviation over runs")
    weights = resampling.weights_of(clusters, len(labels), num_resamples, seed)
    own, resampled = [], []
    for scores in runs:
        good_labels, good_scores = matrices.checked(labels, scores, tag_names)
        own.append(intervals.own_figures(good_labels, good_scores, masks).means)
        resampled.append(intervals.sample_figures(good_labels, good_scores, weights, masks).means)
    return {
        **resampling.description(clusters, num_resamples, seed),
        "num_runs": len(runs),
        "figures": [
            _row(key, np.array([run[key][0] for run in own]), np.mean([run[key] for run in resampled], axis=0))
            for key in own[0]
        ],
    }


def table(result: SeedSpread) -> tables.Table:
    """What `spread` returns, one line a figure."""
    rows = tuple(
        (
            tables.figure_title(row["figure"], row["over"]),
            *(row["mean"], row["deviation_over_runs"], row["lowest"], row["highest"]),
            *(row["low"], row["high"], row["deviation_over_resamples"]),
        )
        for row in result["figures"]
    )
    note = (
        f"{result['num_runs']} runs: sd, lowest and highest are over runs, on the same tracks. low..high is "
        f"the {100 * result['level']:g} % interval of their mean over {result['num_clusters']} {result['unit']}, "
        "with its sd."
    )
    return tables.Table(
        ("figure", "mean", "sd of runs", "lowest", "highest", "low", "high", "sd of tracks"), rows, note
    )


def _row(key: intervals.Key, own: np.ndarray, means: np.ndarray) -> SpreadRow:
    """A figure of the runs, (num_runs,), and the mean of their resamples, (num_resamples,)."""
    figure, over = key
    row: SpreadRow = {
        "figure": figure,
        "over": over,
        "mean": None,
        "deviation_over_runs": None,
        "lowest": None,
        "highest": None,
        "low": None,
        "high": None,
        "deviation_over_resamples": None,
    }
    bounds = intervals.interval(means)
    if bounds is None or np.isnan(own).any():
        return row
    return {
        **row,
        "mean": float(own.mean()),
        "deviation_over_runs": float(own.std(ddof=1)),
        "lowest": float(own.min()),
        "highest": float(own.max()),
        "low": bounds[0],
        "high": bounds[1],
        "deviation_over_resamples": float(np.nanstd(means, ddof=1)),
    }
