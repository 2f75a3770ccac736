"""Results as tables: aligned text for the terminal, Markdown for a page, TSV for a program."""

import dataclasses
import os
import pathlib
import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from kerastag import files, tags

Cell = str | int | float | None

_AREAS = ("pr_auc", "roc_auc")
DECIMALS = {"lift": 1, "lift low": 1, "P(> 0)": 3}  # by column title; 4 for the others


@dataclasses.dataclass(frozen=True)
class Table:
    """Cells in columns; the first is text, the others are numbers, words, or None where there is no figure.

    Attributes:
      header: column titles, (num_columns,).
      rows: cells, (num_rows, num_columns).
      note: one line for people, below the table; empty for none.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""


def of_results(results: dict[str, Any]) -> list[Table]:
    """The tables of what `metrics.evaluate` returns: means, groups if there are any, label ranking, tags.

    With what intervals.bootstrap returns under "intervals" every figure has its interval beside it.
    """
    tables = [headline(results), by_track(results), by_tag(results)]
    if "groups" in results:
        tables.insert(1, by_group(results))
    return tables


def headline(results: dict[str, Any]) -> Table:
    """Macro and micro figures; the note gives the numbers of tracks and tags and the tags left out."""
    note = f"{results['num_tracks']} tracks, {results['num_tags']} tags."
    for key, reason in (
        ("tags_without_positives", "Left out of the means (no positive track, no figures)"),
        ("tags_without_negatives", "Left out of the means (no negative track, no ROC-AUC)"),
        ("constant_tags", "The same score on every track"),
    ):
        if results.get(key):
            note += f" {reason}: {', '.join(_shown_names(results[key]))}."
    if "intervals" in results:
        note += f" {_interval_note(results['intervals'])}"
    found = results.get("intervals")
    rows = []
    for mean in ("macro", "micro"):
        bounds = {name: found[f"{name}_{mean}"] for name in _AREAS} if found else None
        rows.append((mean, *_areas({name: results[f"{name}_{mean}"] for name in _AREAS}, bounds)))
    return Table(("average", *_area_titles(found)), tuple(rows), note)


def by_group(results: dict[str, Any]) -> Table:
    """Head, middle and tail, and named groups."""
    found = results.get("intervals")
    rows = tuple(
        (name, group["num_tags"], *_areas(group, found and found["groups"].get(name, {})))
        for name, group in results["groups"].items()
    )
    return Table(("group", "tags", *_area_titles(found)), rows)


def by_track(results: dict[str, Any]) -> Table:
    """Label-ranking figures: lwlrap and hit rates."""
    found = results.get("intervals")
    rows = []
    for name, value in results.items():
        if name == "lwlrap" or name.startswith("hit_rate_at_"):
            rows.append((figure_title(name), value, *(_bounds(found[name]) if found else ())))
    return Table(("ranking of a track's tags", "figure", *(("low", "high") if found else ())), tuple(rows))


def by_tag(results: dict[str, Any]) -> Table:
    """All tags, by falling PR-AUC; lift is PR-AUC over that of chance, which is the share of positives."""
    per_tag, found = results["per_tag"], results.get("intervals")
    rows = [
        (
            name,
            tag["positives"],
            *_areas(tag, found and found["per_tag"][full_name]),
            lift(tag, results["num_tracks"]),
        )
        for name, (full_name, tag) in zip(_shown_names(list(per_tag)), per_tag.items(), strict=True)
    ]
    rows.sort(key=lambda row: (row[2] is None, -(row[2] or 0), row[0]))
    return Table(("tag", "positives", *_area_titles(found), "lift"), tuple(rows))


def figure(value: float | None) -> str:
    """A figure in a sentence; None is one that the labels do not define."""
    return "undefined" if value is None else f"{value:.4f}"


def figure_title(name: str, over: str = "tracks") -> str:
    """A figure's name for people: `PR-AUC macro` for pr_auc over macro, `top-5 hit rate` for hit_rate_at_5."""
    if over != "tracks":
        return f"{figure_title(name)} {over}"
    if name.startswith("hit_rate_at_"):
        return f"top-{name.removeprefix('hit_rate_at_')} hit rate"
    return {"pr_auc": "PR-AUC", "roc_auc": "ROC-AUC"}.get(name, name)


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


def write_all(folder: str | os.PathLike[str], shown: Sequence[Table]) -> None:
    """Writes every table as TABLE.tsv, called after its first column, and all of them as tables.txt and tables.md."""
    for number, table in enumerate(shown, 1):
        name = re.sub(r"[^a-z0-9]+", "_", table.header[0].lower()).strip("_")
        files.write_text(pathlib.Path(folder) / f"{number:02d}_{name}.tsv", tsv(table))
    files.write_text(pathlib.Path(folder) / "tables.txt", text(shown))
    files.write_text(pathlib.Path(folder) / "tables.md", markdown(shown))


def _text(table: Table) -> str:
    lines = [table.header, *shown_cells(table)]
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
    cells = [[cell.replace("|", "\\|") for cell in row] for row in shown_cells(table)]
    lines = "".join(f"| {' | '.join(line)} |\n" for line in [table.header, rule, *cells])
    return lines + (f"\n{table.note}\n" if table.note else "")


def shown_cells(table: Table) -> list[list[str]]:
    """A table's cells as text, figures rounded; a dash where there is none."""
    decimals = [DECIMALS.get(title, 4) for title in table.header]
    return [[_shown_cell(cell, n) for cell, n in zip(row, decimals, strict=True)] for row in table.rows]


def _shown_cell(cell: Cell, decimals: int) -> str:
    if cell is None:
        return "-"
    return f"{cell:.{decimals}f}" if isinstance(cell, float) else str(cell)


def _area_titles(found: Any) -> tuple[str, ...]:
    if not found:
        return ("PR-AUC", "ROC-AUC")
    return ("PR-AUC", "PR low", "PR high", "ROC-AUC", "ROC low", "ROC high")


def _areas(figures: dict[str, Any], found: Any) -> tuple[Cell, ...]:
    """Both areas, each with the ends of its interval if there are intervals."""
    if not found:
        return tuple(figures[name] for name in _AREAS)
    return tuple(cell for name in _AREAS for cell in (figures[name], *_bounds(found[name])))


def _bounds(interval: dict[str, float] | None) -> tuple[Cell, Cell]:
    return (interval["low"], interval["high"]) if interval else (None, None)


def _interval_note(found: dict[str, Any]) -> str:
    return (
        f"low..high: {100 * found['level']:g} % intervals, {found['num_resamples']} resamples of "
        f"{found['num_clusters']} {found['unit']}."
    )


def lift(tag: dict[str, Any], num_tracks: int) -> float | None:
    """PR-AUC of a tag, as metrics.evaluate has it under "per_tag", over that of chance; None where it has none."""
    return None if tag["pr_auc"] is None else tag["pr_auc"] * num_tracks / tag["positives"]


def _shown_names(names: Sequence[str]) -> tuple[str, ...]:
    return tags.Vocabulary(names).short_names


def _width(string: str) -> int:
    """Columns that a terminal gives to a string: two for a wide character, none for a combining one."""
    return sum(
        0 if unicodedata.combining(mark) else 2 if unicodedata.east_asian_width(mark) in "WF" else 1 for mark in string
    )
