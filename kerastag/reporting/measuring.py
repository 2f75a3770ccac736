"""The figures of a report: each run with intervals, all runs in pairs."""

import dataclasses
from typing import Any

import numpy as np

from kerastag import metrics
from kerastag.metrics import assessment, comparison, resampling
from kerastag.reporting import gathering


@dataclasses.dataclass(frozen=True)
class Measured:
    """What a report says.

    Attributes:
      runs: in the order given.
      found: of each run, with intervals.
      popularity: macro PR-AUC of the baseline that knows only how often a tag is, of each run's split; None: unknown.
      compared: what comparison.compare returns; None: there is one run, or they cannot be paired.
      unpaired: why they cannot be, one line; empty if they can.
    """

    runs: list[gathering.Run]
    found: list[assessment.Assessment]
    popularity: list[float | None]
    compared: dict[str, Any] | None
    unpaired: str


def measure(runs: list[gathering.Run], num_resamples: int, seed: int) -> Measured:
    """Measures runs; those of the same tracks and tags are compared in pairs.

    Args:
      runs: one or more.
      num_resamples: of the intervals; comparisons take five times as many, since their p-values are corrected.
      seed: of the resamples.
    """
    settings = assessment.Settings(num_resamples=num_resamples, seed=seed, calibrate_by="none")
    found = [_assessed(run, settings) for run in runs]
    reason = _why_unpaired(runs)
    compared = None
    if len(runs) > 1 and not reason:
        compared = comparison.compare(
            runs[0].labels,
            {run.name: run.scores for run in runs},
            runs[0].vocabulary.names,
            _scored(runs[0]).clusters("auto"),
            found[0].masks,
            num_resamples=num_resamples * (comparison.NUM_RESAMPLES // resampling.NUM_RESAMPLES),
            seed=seed,
        )
    return Measured(runs, found, [_popularity(run) for run in runs], compared, reason)


def _scored(run: gathering.Run) -> assessment.Scored:
    return assessment.Scored(run.labels, run.scores, run.artists)


def _assessed(run: gathering.Run, settings: assessment.Settings) -> assessment.Assessment:
    fitted_on = None if run.fitted_on is None else assessment.Scored(run.fitted_on[1], run.fitted_on[0])
    return assessment.assess(_scored(run), run.vocabulary.names, run.class_counts, {}, settings, fitted_on)


def _popularity(run: gathering.Run) -> float | None:
    if run.class_counts is None:
        return None
    scores = metrics.popularity_scores(run.class_counts, len(run.labels))
    return metrics.evaluate(run.labels, scores, run.vocabulary.names)["pr_auc_macro"]


def _why_unpaired(runs: list[gathering.Run]) -> str:
    first = runs[0]
    for other in runs[1:]:
        both = f"{first.name} and {other.name}"
        if first.vocabulary.names != other.vocabulary.names:
            return f"{both} have different tags, so their figures cannot be compared."
        if not np.array_equal(first.labels, other.labels):
            return f"{both} were measured on different labels, so their figures cannot be compared."
        if first.tracks is not None and other.tracks is not None and first.tracks != other.tracks:
            return f"{both} were measured on different tracks, so their figures cannot be compared."
    return ""
