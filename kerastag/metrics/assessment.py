"""Everything that an evaluation says about scores: figures, intervals, decisions, calibration, card, comparisons."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from kerastag import errors
from kerastag.metrics import (
    calibration,
    card,
    comparison,
    comparison_tables,
    decisions,
    evaluation,
    groups,
    intervals,
    resampling,
    seed_spread,
    tables,
)
from kerastag.metrics.documents import Comparison, DecisionFigures, Figures, Headline, SeedSpread
from kerastag.metrics.split_scores import SplitScores


@dataclasses.dataclass(frozen=True)
class Settings:
    """How to assess.

    Attributes:
      head_over, tail_at_most: see groups.members.
      unit: what the bootstrap draws, "auto", "artist", "track", or "none": no intervals.
      num_resamples, seed: number of resamples and random seed of the bootstrap.
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
    """One set of scores, assessed.

    Attributes:
      figures: for metrics.json.
      tables: for people.
      masks: which tags are in which group.
      thresholds: the score from which each tag is decided; None where nothing was given to fit them on.
      decided: bool (num_tracks, num_tags), by the thresholds.
      calibrator: fitted beside the thresholds.
      tag_card: how far each tag can be trusted; needs thresholds and intervals.
    """

    figures: Figures
    tables: list[tables.Table]
    masks: dict[str, np.ndarray]
    thresholds: np.ndarray | None = None
    decided: np.ndarray | None = None
    calibrator: calibration.Calibration | None = None
    tag_card: list[card.Row] | None = None


@dataclasses.dataclass(frozen=True)
class Partners:
    """Other scores of the tracks that are measured.

    Attributes:
      name: what to call the measured scores beside them.
      compared: models to compare with, by a name for people.
      same_setting: runs of the measured setting with other seeds.
    """

    name: str = "measured"
    compared: Mapping[str, SplitScores] = dataclasses.field(default_factory=dict)
    same_setting: Sequence[SplitScores] = ()


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """What `evaluate` says.

    Attributes:
      assessment: what is said of the measured scores alone.
      figures: for metrics.json, comparisons included.
      tables: for people, likewise.
    """

    assessment: Assessment
    figures: Figures
    tables: list[tables.Table]


def evaluate(
    measured: SplitScores,
    settings: Settings,
    named_groups: Mapping[str, np.ndarray],
    fitted_on: SplitScores | None = None,
    thresholds: np.ndarray | None = None,
    partners: Partners | None = None,
) -> Evaluation:
    """Assesses scores, and sets them beside the popularity baseline and other scores of the same tracks.

    Args:
      measured, named_groups, settings, fitted_on, thresholds: see `assess`.
      partners: other scores; each must be of the same tracks, see SplitScores.check_same_tracks.

    Raises:
      KerastagError: see `assess`.
    """
    assessed, partners = assess(measured, named_groups, settings, fitted_on, thresholds), partners or Partners()
    figures, shown = assessed.figures, list(assessed.tables)
    if measured.class_counts is not None:
        figures["popularity_baseline"] = popularity_baseline(measured)
    if partners.compared:
        figures["comparison"] = compare(measured, partners, assessed.masks, settings)
        shown += comparison_tables.of_comparison(figures["comparison"])
    if partners.same_setting:
        figures["over_seeds"] = spread_over_seeds(measured, partners, assessed.masks, settings)
        shown.append(seed_spread.table(figures["over_seeds"]))
    return Evaluation(assessed, figures, shown)


def popularity_baseline(measured: SplitScores) -> Headline:
    """The figures of the baseline that knows only how often a tag occurs in training; class counts must be known."""
    assert measured.class_counts is not None
    scores = evaluation.popularity_scores(measured.class_counts, len(measured))
    figures = evaluation.evaluate(measured.labels, scores, measured.vocabulary.names)
    return {
        "pr_auc_macro": figures["pr_auc_macro"],
        "roc_auc_macro": figures["roc_auc_macro"],
        "pr_auc_micro": figures["pr_auc_micro"],
        "roc_auc_micro": figures["roc_auc_micro"],
    }


def compare(
    measured: SplitScores, partners: Partners, masks: Mapping[str, np.ndarray], settings: Settings
) -> Comparison:
    """The measured scores against each partner; see comparison.compare."""
    predictions = {partners.name: measured.scores} | {
        name: partner.scores for name, partner in partners.compared.items()
    }
    return comparison.compare(
        measured.labels,
        predictions,
        measured.vocabulary.names,
        _clusters(measured, settings),
        masks,
        partners.name,
        seed=settings.seed,
    )


def spread_over_seeds(
    measured: SplitScores, partners: Partners, masks: Mapping[str, np.ndarray], settings: Settings
) -> SeedSpread:
    """The measured run and others of its setting; see seed_spread.spread."""
    scores = [measured.scores, *(partner.scores for partner in partners.same_setting)]
    return seed_spread.spread(
        measured.labels,
        scores,
        measured.vocabulary.names,
        _clusters(measured, settings),
        masks,
        settings.num_resamples,
        settings.seed,
    )


def assess(
    measured: SplitScores,
    named_groups: Mapping[str, np.ndarray],
    settings: Settings,
    fitted_on: SplitScores | None = None,
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
    bounds = (settings.head_over, settings.tail_at_most)
    names, counts = measured.vocabulary.names, measured.class_counts
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


def _clusters(measured: SplitScores, settings: Settings) -> resampling.Clusters:
    return resampling.of(measured, "auto" if settings.unit == "none" else settings.unit)


def _calibration(fitted_on: SplitScores, method: str) -> calibration.Calibration | None:
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
    measured: SplitScores,
    thresholds: np.ndarray,
    settings: Settings,
    fitted: calibration.Calibration | None,
) -> Assessment:
    decided = decisions.decide(measured.scores, thresholds, settings.strictly_above)
    decision_figures = decisions.evaluate(measured.labels, decided, measured.vocabulary.names)
    figures: Figures = {**undecided.figures, "decisions": decision_figures}
    shown = [*undecided.tables, decision_table(decision_figures)]
    if fitted is not None:
        figures["calibration"] = {"method": fitted.method, "expected_calibration_error": dict(fitted.errors)}
        shown.append(calibration_table(fitted))
    rows = None
    if "intervals" in figures:
        calibrated = None if fitted is None else fitted.calibrated
        rows = card.build(figures, decision_figures, thresholds, calibrated)
    return Assessment(figures, shown, undecided.masks, thresholds, decided, fitted, rows)


def decision_table(figures: DecisionFigures) -> tables.Table:
    """Precision, recall and F1 of decisions, macro and micro."""
    rows = (
        ("macro", figures["precision_macro"], figures["recall_macro"], figures["f1_macro"]),
        ("micro", figures["precision_micro"], figures["recall_micro"], figures["f1_micro"]),
    )
    return tables.Table(("decisions", "precision", "recall", "F1"), rows)


def calibration_table(fitted: calibration.Calibration) -> tables.Table:
    """Expected calibration error before and after, measured on held-out folds of the split it was fitted on."""
    row = (fitted.method, fitted.errors.get("before"), fitted.errors.get("after"))
    return tables.Table(
        ("calibration", "error before", "error after"), (row,), "Expected calibration error, mean over tags, held out."
    )
