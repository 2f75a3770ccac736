"""Everything that an evaluation says about one set of scores: figures, intervals, decisions, calibration, card."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from kerastag import errors, split_scores
from kerastag.metrics import calibration, card, decisions, evaluation, groups, intervals, resampling, tables


@dataclasses.dataclass(frozen=True)
class Settings:
    """How to assess.

    Attributes:
      head_over, tail_at_most: see groups.members.
      unit: of the bootstrap, "auto", "artist", "track", or "none": no intervals.
      num_resamples, seed: of the bootstrap.
      strictly_above: decide by `>`, as MediaEval's organisers do.
      calibrate_by: one of calibration.METHODS, or "none".
    """

    head_over: int = groups.HEAD_OVER
    tail_at_most: int = groups.TAIL_AT_MOST
    unit: str = "auto"
    num_resamples: int = resampling.NUM_RESAMPLES
    seed: int = 0
    strictly_above: bool = False
    calibrate_by: str = "platt"


@dataclasses.dataclass(frozen=True)
class Assessment:
    """What was found.

    Attributes:
      figures: for metrics.json.
      tables: for people.
      masks: which tags are in which group.
      thresholds: per tag; None where nothing was given to fit them on.
      decided: bool (num_tracks, num_tags), by the thresholds.
      calibrator: fitted beside the thresholds.
      tag_card: per tag; needs thresholds and intervals.
    """

    figures: dict[str, Any]
    tables: list[tables.Table]
    masks: dict[str, np.ndarray]
    thresholds: np.ndarray | None = None
    decided: np.ndarray | None = None
    calibrator: calibration.Calibration | None = None
    tag_card: list[card.Row] | None = None


def assess(
    measured: split_scores.SplitScores,
    named_groups: Mapping[str, np.ndarray],
    settings: Settings,
    fitted_on: split_scores.SplitScores | None = None,
    thresholds: np.ndarray | None = None,
) -> Assessment:
    """Assesses scores.

    Args:
      measured: what to report on; without class counts there are no head, middle and tail.
      named_groups: masks (num_tags,) by name.
      settings: see Settings.
      fitted_on: another split, to fit thresholds and calibration on; None: neither, unless given.
      thresholds: instead of fitted ones.

    Raises:
      KerastagError: shapes differ, labels are not 0 or 1, a score is not finite.
    """
    bounds, names, counts = (
        (settings.head_over, settings.tail_at_most),
        measured.vocabulary.names,
        measured.class_counts,
    )
    figures = evaluation.evaluate(measured.labels, measured.scores, names, counts, *bounds, named_groups)
    masks = groups.all_members(len(names), counts, *bounds, named_groups)
    if settings.unit != "none":
        resampled = (settings.num_resamples, settings.seed)
        clusters = resampling.of(measured, settings.unit)
        labels = measured.labels.astype(bool)
        figures["intervals"] = intervals.bootstrap(labels, measured.scores, names, clusters, masks, *resampled)
    undecided = Assessment(figures, tables.of_results(figures), masks)
    fitted = None
    if fitted_on is not None:
        if thresholds is None:
            thresholds = decisions.fit_thresholds(fitted_on.labels, fitted_on.scores)
        if settings.calibrate_by != "none":
            fitted = _calibration(fitted_on, settings.calibrate_by)
    return undecided if thresholds is None else _decided(undecided, measured, thresholds, settings, fitted)


def _calibration(fitted_on: split_scores.SplitScores, method: str) -> calibration.Calibration | None:
    """None where there are too few artists to hold some out."""
    clusters, names = resampling.of(fitted_on, "auto"), fitted_on.vocabulary.names
    try:
        return calibration.fit_and_check(fitted_on.labels, fitted_on.scores, names, clusters, method)
    except errors.KerastagError:
        if clusters.ids.max(initial=0) + 1 < 5:
            return None
        raise


def _decided(
    undecided: Assessment,
    measured: split_scores.SplitScores,
    thresholds: np.ndarray,
    settings: Settings,
    fitted: calibration.Calibration | None,
) -> Assessment:
    decided = decisions.decide(measured.scores, thresholds, settings.strictly_above)
    figures = {
        **undecided.figures,
        "decisions": decisions.evaluate(measured.labels, decided, measured.vocabulary.names),
    }
    shown = [*undecided.tables, decision_table(figures["decisions"])]
    if fitted is not None:
        figures["calibration"] = {"method": fitted.method, "expected_calibration_error": fitted.errors}
        shown.append(calibration_table(fitted))
    rows = None
    if "intervals" in figures:
        calibrated = None if fitted is None else fitted.calibrated
        rows = card.build(figures, figures["decisions"], thresholds, calibrated)
    return Assessment(figures, shown, undecided.masks, thresholds, decided, fitted, rows)


def decision_table(figures: Mapping[str, Any]) -> tables.Table:
    """Precision, recall and F1 of decisions, macro and micro."""
    rows = tuple(
        (mean, figures[f"precision_{mean}"], figures[f"recall_{mean}"], figures[f"f1_{mean}"])
        for mean in ("macro", "micro")
    )
    return tables.Table(("decisions", "precision", "recall", "F1"), rows)


def calibration_table(fitted: calibration.Calibration) -> tables.Table:
    """Expected calibration error before and after, measured on held-out folds of the split it was fitted on."""
    row = (fitted.method, fitted.errors.get("before"), fitted.errors.get("after"))
    return tables.Table(
        ("calibration", "error before", "error after"), (row,), "Expected calibration error, mean over tags, held out."
    )
