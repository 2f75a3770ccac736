"""The figures: means and groups of all runs, then every tag."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from kerastag.metrics import card, tables
from kerastag.metrics.documents import Bounds, Figures
from kerastag.reporting import measuring, views

_GROUPS = ("head", "middle", "tail")
_SIGNS = {"reliable": "●", "weak": "◐", "near chance": "○", "unmeasured": "–"}


@dataclasses.dataclass(frozen=True)
class Results:
    """Means and groups, a row for each run, and notes below."""

    tables: Sequence[views.Table]
    notes: Sequence[str]


@dataclasses.dataclass(frozen=True)
class Tags:
    """Every tag.

    Attributes:
      side_by_side: PR-AUC of all runs; None: there is one, or they cannot be compared.
      cards: summary and table of each run.
      folded: whether the cards are folded away.
    """

    side_by_side: views.Table | None
    cards: Sequence[tuple[str, views.Table]]
    folded: bool


def results(measured: measuring.Measured) -> Results:
    """Macro and micro figures and the groups, popularity below."""
    groups = _groups(measured)
    notes = [tables.headline(assessment.figures).note for assessment in measured.assessments]
    return Results([_means(measured), *([groups] if groups else [])], list(dict.fromkeys(notes)))


def tags(measured: measuring.Measured) -> Tags:
    """The card of every tag: for several runs first all their figures side by side."""
    several = len(measured.runs) > 1
    cards = [(f"All tags of {run.name}", _card(measured, number)) for number, run in enumerate(measured.runs)]
    return Tags(_side_by_side(measured) if several and not measured.unpaired else None, cards, several)


def _means(measured: measuring.Measured) -> views.Table:
    all_figures = [assessment.figures for assessment in measured.assessments]
    best = max(figures["pr_auc_macro"] or 0 for figures in all_figures)
    top = max([best, *map(_high_end, all_figures)]) or 1.0
    rows: list[list[views.Cell]] = []
    for run, figures in zip(measured.runs, all_figures, strict=True):
        bounds = figures["intervals"]
        drawn = _bar(figures["pr_auc_macro"], bounds["pr_auc_macro"], top)
        rows.append(
            [
                run.name,
                drawn,
                views.interval(figures["pr_auc_macro"], bounds["pr_auc_macro"], 3),
                views.interval(figures["roc_auc_macro"], bounds["roc_auc_macro"], 3),
                views.interval(figures["pr_auc_micro"], bounds["pr_auc_micro"], 3),
                views.interval(figures["roc_auc_micro"], bounds["roc_auc_micro"], 3),
                views.interval(figures["lwlrap"], bounds["lwlrap"], 3),
            ]
        )
    chance = measured.popularity[0]
    if chance is not None:
        rows.append(["popularity", views.bar(chance, None, top), views.number(chance, 3), "0.500", "", "", ""])
    titles = ("PR-AUC macro", "ROC-AUC macro", "PR-AUC micro", "ROC-AUC micro", "lwlrap")
    return views.Table(f"Means on the {measured.runs[0].split} split", ("run", "", *titles), rows)


def _groups(measured: measuring.Measured) -> views.Table | None:
    if any("groups" not in assessment.figures for assessment in measured.assessments):
        return None
    sizes = {name: measured.assessments[0].figures["groups"][name]["num_tags"] for name in _GROUPS}
    shown = [name for name in _GROUPS if sizes[name]]
    if len(shown) < 2:
        return None  # one group is all tags
    rows = []
    for run, assessment in zip(measured.runs, measured.assessments, strict=True):
        groups, bounds = assessment.figures["groups"], assessment.figures["intervals"]["groups"]
        rows.append((run.name, *(views.interval(groups[name]["pr_auc"], bounds[name]["pr_auc"], 3) for name in shown)))
    header = ("run", *(f"{name} ({sizes[name]} tags)" for name in shown))
    return views.Table("PR-AUC by how frequent tags are in training", header, rows)


def _side_by_side(measured: measuring.Measured) -> views.Table:
    """PR-AUC of every tag in every run, the most frequent tag first; the best of a row is marked."""
    first, names = measured.runs[0], measured.runs[0].vocabulary.short_names
    per_tag = [list(assessment.figures["per_tag"].values()) for assessment in measured.assessments]
    positives = [areas["positives"] for areas in per_tag[0]]
    rows: list[list[views.Cell]] = []
    for tag in _by_frequency(first.measured.class_counts, positives):
        values = [areas[tag]["pr_auc"] for areas in per_tag]
        best = max((value for value in values if value is not None), default=None)
        cells = [_marked(value, value is not None and value == best) for value in values]
        rows.append([names[tag], _count(first.measured.class_counts, tag), positives[tag], *cells])
    header = ("tag", "training tracks", first.split, *(run.name for run in measured.runs))
    return views.Table("PR-AUC of every tag, the most frequent first", header, rows)


def _card(measured: measuring.Measured, number: int) -> views.Table:
    """A run's card: figures with intervals, the word, and decisions where thresholds could be fitted elsewhere."""
    run, assessment = measured.runs[number], measured.assessments[number]
    per_tag, bounds = assessment.figures["per_tag"], assessment.figures["intervals"]["per_tag"]
    decided = {row.tag: row for row in assessment.tag_card or []}
    top = max([*((areas["pr_auc"] or 0) for areas in per_tag.values()), 1e-9])
    rows = []
    for tag in _by_frequency(run.measured.class_counts, [areas["positives"] for areas in per_tag.values()]):
        name = run.vocabulary.names[tag]
        areas, interval = per_tag[name], bounds[name]
        word = card.word_of(interval)
        cells: list[views.Cell] = [
            run.vocabulary.short_names[tag],
            views.Word(word, _SIGNS[word]),
            _bar(areas["pr_auc"], interval["pr_auc"], top),
            views.interval(areas["pr_auc"], interval["pr_auc"], 3),
            views.number(areas["roc_auc"], 3),
            views.number(tables.lift(areas, assessment.figures["num_tracks"]), 1),
            _count(run.measured.class_counts, tag),
            areas["positives"],
        ]
        if decided:
            row = decided[name]
            threshold = "never" if np.isinf(row.threshold) else views.number(row.threshold, 3)
            cells += [threshold, views.number(row.precision, 2), views.number(row.recall, 2)]
        rows.append(cells)
    header = ["tag", "trust", "", "PR-AUC", "ROC-AUC", "lift", "training tracks", run.split]
    header += ["threshold", "precision", "recall"] if decided else []
    return views.Table(f"{run.name}, the most frequent tag first", header, rows, "card")


def _by_frequency(class_counts: np.ndarray | None, positives: Sequence[int]) -> list[int]:
    counts = np.asarray(positives if class_counts is None else class_counts)
    return [int(tag) for tag in np.argsort(-counts, kind="stable")]


def _count(class_counts: np.ndarray | None, tag: int) -> str:
    return "–" if class_counts is None else f"{class_counts[tag]:,}"


def _bar(value: float | None, bounds: Bounds | None, top: float) -> views.Cell:
    if value is None:
        return ""
    return views.bar(value, (bounds["low"], min(bounds["high"], top)) if bounds else None, top)


def _marked(value: float | None, is_best: bool) -> views.Cell:
    text = views.number(value, 3)
    return views.Strong(text) if is_best else text


def _high_end(figures: Figures) -> float:
    bounds = figures["intervals"]["pr_auc_macro"]
    return bounds["high"] if bounds else 0.0
