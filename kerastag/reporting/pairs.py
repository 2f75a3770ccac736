"""Runs in pairs: which differences are real and which are noise."""

import dataclasses
from collections.abc import Sequence

from kerastag.metrics import comparison_tables, tables
from kerastag.metrics.documents import Comparison
from kerastag.reporting import charts, measuring, views


@dataclasses.dataclass(frozen=True)
class Pairs:
    """What the section shows.

    Attributes:
      forests: title and chart of each figure.
      tables: summary, table and note of each, folded away.
    """

    forests: Sequence[tuple[str, charts.Forest]]
    tables: Sequence[tuple[str, views.Table, str]]


def pairs(measured: measuring.Measured) -> Pairs | None:
    """Macro PR-AUC and ROC-AUC as forests, every figure and every tag as tables; None for a single run."""
    compared = measured.compared
    if compared is None:
        return None
    headline = comparison_tables.headline(compared)
    shown = [("All figures of all pairs", _view(headline), headline.note)]
    for number, pair in enumerate(compared["pairs"]):
        rows = [row for row in pair["per_tag"] if row["figure"] == "pr_auc"]
        real = sum(comparison_tables.is_real(row) for row in rows)
        names = f"{pair['first']} − {pair['second']}"
        summary = f"{names}, tag by tag: {real} of {len(rows)} differ by more than noise"
        by_tag = comparison_tables.by_tag(compared, number)
        shown.append((summary, _view(by_tag), by_tag.note))
    figures = ("pr_auc", "roc_auc")
    forests = [(f"Macro {tables.figure_title(figure)}", _forest(compared, figure)) for figure in figures]
    return Pairs(forests, shown)


def _forest(compared: Comparison, figure: str) -> charts.Forest:
    rows = []
    for pair in compared["pairs"]:
        macro = next(row for row in pair["means"] if (row["figure"], row["over"]) == (figure, "macro"))
        difference, low, high = macro["difference"], macro["low"], macro["high"]
        if difference is not None and low is not None and high is not None:
            name = f"{pair['first']} − {pair['second']}"
            rows.append((name, difference, low, high, comparison_tables.is_real(macro)))
    return charts.forest(rows)


def _view(table: tables.Table) -> views.Table:
    return views.Table("", table.header, tables.shown_cells(table))
