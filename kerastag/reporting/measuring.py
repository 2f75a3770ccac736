"""The figures of a report: each run with intervals, all runs in pairs."""

import dataclasses
from typing import Any

from kerastag import errors, metrics
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
    found = [assessment.assess(run.measured, {}, settings, run.fitted_on) for run in runs]
    reason = _why_unpaired(runs)
    compared = None
    if len(runs) > 1 and not reason:
        compared = comparison.compare(
            runs[0].measured.labels,
            {run.name: run.measured.scores for run in runs},
            runs[0].vocabulary.names,
            resampling.of(runs[0].measured, "auto"),
            found[0].masks,
            num_resamples=num_resamples * (comparison.NUM_RESAMPLES // resampling.NUM_RESAMPLES),
            seed=seed,
        )
    return Measured(runs, found, [_popularity(run) for run in runs], compared, reason)


def _popularity(run: gathering.Run) -> float | None:
    if run.measured.class_counts is None:
        return None
    scores = metrics.popularity_scores(run.measured.class_counts, len(run.measured))
    return metrics.evaluate(run.measured.labels, scores, run.vocabulary.names)["pr_auc_macro"]


def _why_unpaired(runs: list[gathering.Run]) -> str:
    for other in runs[1:]:
        try:
            runs[0].measured.check_same_tracks(other.measured)
        except errors.KerastagError as error:
            return f"{runs[0].name} and {other.name} cannot be compared: {error}."
    return ""
