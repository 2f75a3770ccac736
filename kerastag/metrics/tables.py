"""Results as tables: aligned text for the terminal, Markdown for a page, TSV for a program."""

import dataclasses
import unicodedata
from collections.abc import Sequence
from typing import Any

from kerastag import tags

Cell = str | int | float | None

DECIMALS = {"lift": 1}  # by column title; 4 for the others


@dataclasses.dataclass(frozen=True)
class Table:
    """Cells in columns; the first column is text, the others numbers or None, where there is no figure.

    Attributes:
      header: column titles, (num_columns,).
      rows: cells, (num_rows, num_columns).
      note: one line for people, below the table; empty for none.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""


def of_results(results: dict[str, Any]) -> list[Table]:
    """The tables of what `metrics.evaluate` returns: means, groups if there are any, tags."""
    tables = [headline(results), by_tag(results)]
    if "groups" in results:
        tables.insert(1, by_group(results))
    return tables


def headline(results: dict[str, Any]) -> Table:
    """Macro and micro figures; the note gives the numbers of tracks and tags and the tags left out."""
    note = f"{results['num_tracks']} tracks, {results['num_tags']} tags."
    for key, reason in (
        ("tags_without_positives", "no positive track, no figures"),
        ("tags_without_negatives", "no negative track, no ROC-AUC"),
    ):
        if results[key]:
            note += f" Left out of the means ({reason}): {', '.join(_shown_names(results[key]))}."
    rows = tuple((mean, results[f"pr_auc_{mean}"], results[f"roc_auc_{mean}"]) for mean in ("macro", "micro"))
    return Table(("average", "PR-AUC", "ROC-AUC"), rows, note)


def by_group(results: dict[str, Any]) -> Table:
    """Head, middle and tail."""
    rows = tuple(
        (name, group["num_tags"], group["pr_auc"], group["roc_auc"])
        for name, group in results["groups"].items()
    )
    return Table(("group", "tags", "PR-AUC", "ROC-AUC"), rows)


def by_tag(results: dict[str, Any]) -> Table:
    """All tags, by falling PR-AUC; lift is PR-AUC over that of chance, which is the share of positives."""
    per_tag = results["per_tag"]
    rows = [
        (name, tag["positives"], tag["pr_auc"], tag["roc_auc"], _lift(tag, results["num_tracks"]))
        for name, tag in zip(_shown_names(list(per_tag)), per_tag.values(), strict=True)
    ]
    rows.sort(key=lambda row: (row[2] is None, -(row[2] or 0), row[0]))
    return Table(("tag", "positives", "PR-AUC", "ROC-AUC", "lift"), tuple(rows))


def text(tables: Sequence[Table]) -> str:
    """Columns aligned for a terminal, an empty line between tables."""
    return "\n".join(_text(table) for table in tables)


def markdown(tables: Sequence[Table]) -> str:
    """Pipe tables, an empty line between them."""
    return "\n".join(_markdown(table) for table in tables)


def tsv(table: Table) -> str:
    """One table for programs: a header, figures in full, nothing where there is none; no note."""
    cells = [["" if cell is None else str(cell) for cell in row] for row in table.rows]
    return "".join("\t".join(line) + "\n" for line in [table.header, *cells])


def _text(table: Table) -> str:
    lines = [table.header, *_shown_cells(table)]
    widths = [max(map(_width, column)) for column in zip(*lines, strict=True)]
    aligned = [
        line[0]
        + " " * (widths[0] - _width(line[0]))
        + "".join(f"  {cell:>{width}}" for cell, width in zip(line[1:], widths[1:], strict=True))
        for line in lines
    ]
    return "".join(f"{line.rstrip()}\n" for line in [*aligned, *filter(None, [table.note])])


def _markdown(table: Table) -> str:
    rule = ["---", *["---:"] * (len(table.header) - 1)]
    cells = [[cell.replace("|", "\\|") for cell in row] for row in _shown_cells(table)]
    lines = "".join(f"| {' | '.join(line)} |\n" for line in [table.header, rule, *cells])
    return lines + (f"\n{table.note}\n" if table.note else "")


def _shown_cells(table: Table) -> list[list[str]]:
    decimals = [DECIMALS.get(title, 4) for title in table.header]
    return [[_shown_cell(cell, n) for cell, n in zip(row, decimals, strict=True)] for row in table.rows]


def _shown_cell(cell: Cell, decimals: int) -> str:
    if cell is None:
        return "-"
    return f"{cell:.{decimals}f}" if isinstance(cell, float) else str(cell)


def _lift(tag: dict[str, Any], num_tracks: int) -> float | None:
    return None if tag["pr_auc"] is None else tag["pr_auc"] * num_tracks / tag["positives"]


def _shown_names(names: Sequence[str]) -> tuple[str, ...]:
    return tags.Vocabulary(names).short_names


def _width(string: str) -> int:
    """Columns that a terminal gives to a string: two for a wide character, none for a combining one."""
    return sum(
        0 if unicodedata.combining(mark) else 2 if unicodedata.east_asian_width(mark) in "WF" else 1
        for mark in string
    )
