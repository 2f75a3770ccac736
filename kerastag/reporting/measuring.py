"""The figures of a report: each run with intervals, all runs in pairs."""

import dataclasses

from kerastag import errors
from kerastag.metrics import assessment, comparison, resampling
from kerastag.metrics.documents import Comparison
from kerastag.reporting.gathering import ReportedRun


@dataclasses.dataclass(frozen=True)
class Measured:
    """What a report says.

    Attributes:
      runs: in the order given.
      assessments: figures of each run, with intervals.
      popularity: macro PR-AUC of the baseline that knows only how often a tag is, of each run's split; None: unknown.
      compared: all pairs; None: there is one run, or they cannot be paired.
      unpaired: why they cannot be, one line; empty if they can.
    """

    runs: list[ReportedRun]
    assessments: list[assessment.Assessment]
    popularity: list[float | None]
    compared: Comparison | None
    unpaired: str


def measure(runs: list[ReportedRun], num_resamples: int, seed: int) -> Measured:
    """Measures runs; those of the same tracks and tags are compared in pairs.

    Args:
      runs: one or more.
      num_resamples: for the intervals; comparisons take five times as many, since their p-values are corrected.
      seed: decides the resamples.
    """
    settings = assessment.Settings(num_resamples=num_resamples, seed=seed, calibrate_by="none")
    assessments = [assessment.assess(run.measured, {}, settings, run.fitted_on) for run in runs]
    reason = _why_unpaired(runs)
    compared = None
    if len(runs) > 1 and not reason:
        compared = comparison.compare(
            runs[0].measured.labels,
            {run.name: run.measured.scores for run in runs},
            runs[0].vocabulary.names,
            resampling.of(runs[0].measured, "auto"),
            assessments[0].masks,
            num_resamples=num_resamples * (comparison.NUM_RESAMPLES // resampling.NUM_RESAMPLES),
            seed=seed,
        )
    return Measured(runs, assessments, [_popularity(run) for run in runs], compared, reason)


def _popularity(run: ReportedRun) -> float | None:
    if run.measured.class_counts is None:
        return None
    return assessment.popularity_baseline(run.measured)["pr_auc_macro"]


def _why_unpaired(runs: list[ReportedRun]) -> str:
    for other in runs[1:]:
        try:
            runs[0].measured.check_same_tracks(other.measured)
        except errors.KerastagError as error:
            return f"{runs[0].name} and {other.name} cannot be compared: {error}."
    return ""
