"""Runs in pairs: which differences are real and which are noise."""

from typing import Any

from kerastag.metrics import comparison_tables, tables
from kerastag.reporting import charts, markup, measuring
from kerastag.reporting.markup import Safe, element


def section(measured: measuring.Measured) -> markup.Section | None:
    """The forest of macro PR-AUC and of every other headline figure's differences; None for a single run."""
    compared = measured.compared
    if compared is None:
        return None
    headline = comparison_tables.headline(compared)
    drawn = [_forest(compared, "pr_auc"), _forest(compared, "roc_auc")]
    return markup.section(
        "pairs",
        "Which is better",
        element(
            "p",
            "Each line is the difference of two runs with its 95 % interval. Filled ones hold after Holm's"
            " correction for all pairs, hollow ones are noise.",
        ),
        element("div", *drawn, class_="forests"),
        element("details", element("summary", "All figures of all pairs"), _table(headline)),
        *(_tags(compared, number) for number in range(len(compared["pairs"]))),
    )


def _forest(compared: dict[str, Any], figure: str) -> Safe:
    rows = []
    for pair in compared["pairs"]:
        found = next(row for row in pair["means"] if (row["figure"], row["over"]) == (figure, "macro"))
        if found["difference"] is not None:
            real = found["verdict"] in ("first", "second")
            name = f"{pair['first']} − {pair['second']}"
            rows.append((name, found["difference"], found["low"], found["high"], real))
    title = f"Macro {tables.figure_title(figure)}"
    return element("figure", element("figcaption", title), charts.forest(rows))


def _tags(compared: dict[str, Any], number: int) -> Safe:
    """The tags of one pair, folded away."""
    pair = compared["pairs"][number]
    found = [row for row in pair["per_tag"] if row["figure"] == "pr_auc"]
    real = sum(row["verdict"] in ("first", "second") for row in found)
    title = f"{pair['first']} − {pair['second']}, tag by tag: {real} of {len(found)} differ by more than noise"
    return element("details", element("summary", title), _table(comparison_tables.by_tag(compared, number)))


def _table(table: tables.Table) -> Safe:
    note = element("p", table.note, class_="note")
    return markup.joined([markup.table("", table.header, tables.shown_cells(table)), note])
