"""The figures: means and groups of all runs, then every tag."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from kerastag.metrics import card, tables
from kerastag.reporting import charts, markup, measuring
from kerastag.reporting.markup import Safe, element

_GROUPS = ("head", "middle", "tail")
_SIGNS = {"reliable": "●", "weak": "◐", "near chance": "○", "unmeasured": "–"}


def section(measured: measuring.Measured) -> markup.Section:
    """Macro and micro figures and the groups, a row for each run, popularity below."""
    content = [_means(measured), _groups(measured)]
    notes = [_note(measured, number) for number in range(len(measured.runs))]
    return markup.section("results", "How good it is", *filter(None, content), *map(_paragraph, dict.fromkeys(notes)))


def tags(measured: measuring.Measured) -> markup.Section:
    """The card of every tag: for several runs first all their figures side by side."""
    several = len(measured.runs) > 1
    parts = [_side_by_side(measured)] if several and not measured.unpaired else []
    for number, run in enumerate(measured.runs):
        table = _card(measured, number)
        parts.append(element("details", element("summary", f"All tags of {run.name}"), table) if several else table)
    return markup.section("tags", "Tag by tag", *parts)


def _means(measured: measuring.Measured) -> Safe:
    names = ("pr_auc_macro", "roc_auc_macro", "pr_auc_micro", "roc_auc_micro", "lwlrap")
    best = max(found.figures["pr_auc_macro"] or 0 for found in measured.found)
    top = max([best, *(_high(found.figures, "pr_auc_macro") for found in measured.found)]) or 1.0
    rows = []
    for run, found in zip(measured.runs, measured.found, strict=True):
        bounds, value = found.figures["intervals"], found.figures["pr_auc_macro"]
        drawn = _bar(value, bounds["pr_auc_macro"], top)
        rows.append((run.name, drawn, *(markup.interval(found.figures[name], bounds[name], 3) for name in names)))
    chance = measured.popularity[0]
    if chance is not None:
        rows.append(("popularity", charts.bar(chance, None, None, top), markup.number(chance, 3), "0.500", "", "", ""))
    titles = ("PR-AUC macro", "ROC-AUC macro", "PR-AUC micro", "ROC-AUC micro", "lwlrap")
    return markup.table(f"Means on the {measured.runs[0].split} split", ("run", "", *titles), rows)


def _groups(measured: measuring.Measured) -> Safe | None:
    if any("groups" not in found.figures for found in measured.found):
        return None
    sizes = {name: measured.found[0].figures["groups"][name]["num_tags"] for name in _GROUPS}
    shown = [name for name in _GROUPS if sizes[name]]
    if len(shown) < 2:
        return None  # one group is all tags
    rows = []
    for run, found in zip(measured.runs, measured.found, strict=True):
        bounds = found.figures["intervals"]["groups"]
        figures = [found.figures["groups"][name]["pr_auc"] for name in shown]
        cells = [markup.interval(value, bounds[name]["pr_auc"], 3) for name, value in zip(shown, figures, strict=True)]
        rows.append((run.name, *cells))
    header = ("run", *(f"{name} ({sizes[name]} tags)" for name in shown))
    return markup.table("PR-AUC by how frequent tags are in training", header, rows)


def _side_by_side(measured: measuring.Measured) -> Safe:
    """PR-AUC of every tag in every run, the most frequent tag first; the best of a row is marked."""
    first, names = measured.runs[0], measured.runs[0].vocabulary.short_names
    columns = [[tag["pr_auc"] for tag in found.figures["per_tag"].values()] for found in measured.found]
    positives = [tag["positives"] for tag in measured.found[0].figures["per_tag"].values()]
    rows = []
    for row in _by_frequency(first.measured.class_counts, positives):
        values = [column[row] for column in columns]
        best = max((value for value in values if value is not None), default=None)
        cells = [_marked(value, value is not None and value == best) for value in values]
        rows.append((names[row], _count(first.measured.class_counts, row), positives[row], *cells))
    header = ("tag", "training tracks", first.split, *(run.name for run in measured.runs))
    return markup.table("PR-AUC of every tag, the most frequent first", header, rows)


def _card(measured: measuring.Measured, number: int) -> Safe:
    """A run's card: figures with intervals, the word, and decisions where thresholds could be fitted elsewhere."""
    run, found = measured.runs[number], measured.found[number]
    per_tag, bounds = found.figures["per_tag"], found.figures["intervals"]["per_tag"]
    decided = {row.tag: row for row in found.tag_card or []}
    top = max([*((tag["pr_auc"] or 0) for tag in per_tag.values()), 1e-9])
    rows = []
    for row in _by_frequency(run.measured.class_counts, [tag["positives"] for tag in per_tag.values()]):
        name = run.vocabulary.names[row]
        own, interval = per_tag[name], bounds[name]
        cells = [
            run.vocabulary.short_names[row],
            _word(card.word_of(interval)),
            _bar(own["pr_auc"], interval["pr_auc"], top),
            markup.interval(own["pr_auc"], interval["pr_auc"], 3),
            markup.number(own["roc_auc"], 3),
            markup.number(tables.lift(own, found.figures["num_tracks"]), 1),
            _count(run.measured.class_counts, row),
            own["positives"],
        ]
        if decided:
            line = decided[name]
            threshold = "never" if np.isinf(line.threshold) else markup.number(line.threshold, 3)
            cells += [threshold, markup.number(line.precision, 2), markup.number(line.recall, 2)]
        rows.append(cells)
    header = ["tag", "trust", "", "PR-AUC", "ROC-AUC", "lift", "training tracks", run.split]
    header += ["threshold", "precision", "recall"] if decided else []
    return markup.table(f"{run.name}, the most frequent tag first", header, rows, class_="card")


def _by_frequency(class_counts: np.ndarray | None, positives: Sequence[int]) -> list[int]:
    counts = np.asarray(positives if class_counts is None else class_counts)
    return [int(row) for row in np.argsort(-counts, kind="stable")]


def _count(class_counts: np.ndarray | None, row: int) -> str:
    return "–" if class_counts is None else f"{class_counts[row]:,}"


def _bar(value: float | None, bounds: dict[str, float] | None, top: float) -> Safe:
    if value is None:
        return Safe("")
    low, high = (bounds["low"], min(bounds["high"], top)) if bounds else (None, None)
    return charts.bar(value, low, high, top)


def _word(word: str) -> Safe:
    sign = element("span", _SIGNS[word], aria_hidden="true")
    return element("span", sign, f" {word}", class_=f"word {word.replace(' ', '-')}")


def _marked(value: float | None, best: bool) -> Safe:
    text = markup.number(value, 3)
    return element("strong", text) if best else markup.escaped(text)


def _high(figures: dict[str, Any], name: str) -> float:
    bounds = figures["intervals"][name]
    return bounds["high"] if bounds else 0.0


def _note(measured: measuring.Measured, number: int) -> str:
    return tables.headline(measured.found[number].figures).note


def _paragraph(text: str) -> Safe:
    return element("p", text, class_="note")
