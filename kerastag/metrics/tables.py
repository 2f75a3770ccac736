"""Results as tables: aligned text for the terminal, Markdown for a page, TSV for a program."""

import dataclasses
import os
import pathlib
import re
import unicodedata
from collections.abc import Sequence

from kerastag import files, names, tags, tsv
from kerastag.metrics import label_ranking
from kerastag.metrics.documents import AreaBounds, Areas, Bounds, Figures, Intervals, TagAreas

Cell = str | int | float | None

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


def of_results(figures: Figures) -> list[Table]:
    """The tables of what `metrics.evaluate` returns: means, groups if there are any, label ranking, tags.

    With what intervals.bootstrap returns under "intervals" every figure has its interval beside it.
    """
    tables = [headline(figures), by_track(figures), by_tag(figures)]
    if "groups" in figures:
        tables.insert(1, by_group(figures))
    return tables


def headline(figures: Figures) -> Table:
    """Macro and micro figures; the note gives the numbers of tracks and tags and the tags left out."""
    note = f"{figures['num_tracks']} tracks, {figures['num_tags']} tags."
    for left_out, reason in (
        (figures["tags_without_positives"], "Left out of the means (no positive track, no figures)"),
        (figures["tags_without_negatives"], "Left out of the means (no negative track, no ROC-AUC)"),
        (figures["constant_tags"], "The same score on every track"),
    ):
        if left_out:
            note += f" {reason}: {', '.join(_shown_names(left_out))}."
    intervals = figures.get("intervals")
    if intervals:
        note += f" {_interval_note(intervals)}"
    macro: Areas = {"pr_auc": figures["pr_auc_macro"], "roc_auc": figures["roc_auc_macro"]}
    micro: Areas = {"pr_auc": figures["pr_auc_micro"], "roc_auc": figures["roc_auc_micro"]}
    macro_bounds, micro_bounds = None, None
    if intervals:
        macro_bounds = AreaBounds(pr_auc=intervals["pr_auc_macro"], roc_auc=intervals["roc_auc_macro"])
        micro_bounds = AreaBounds(pr_auc=intervals["pr_auc_micro"], roc_auc=intervals["roc_auc_micro"])
    rows = (("macro", *_areas(macro, macro_bounds)), ("micro", *_areas(micro, micro_bounds)))
    return Table(("average", *_area_titles(intervals)), rows, note)


def by_group(figures: Figures) -> Table:
    """Head, middle and tail, and named groups."""
    intervals = figures.get("intervals")
    rows = tuple(
        (name, group["num_tags"], *_areas(group, intervals["groups"].get(name, {}) if intervals else None))
        for name, group in figures["groups"].items()
    )
    return Table(("group", "tags", *_area_titles(intervals)), rows)


def by_track(figures: Figures) -> Table:
    """Label-ranking figures: lwlrap and hit rates."""
    intervals = figures.get("intervals")
    rows: list[tuple[Cell, ...]] = [
        (figure_title("lwlrap"), figures["lwlrap"], *(_bounds(intervals["lwlrap"]) if intervals else ()))
    ]
    for name in map(label_ranking.hit_rate_name, label_ranking.top_ks(figures["num_tags"])):
        rows.append((figure_title(name), figures[name], *(_bounds(intervals[name]) if intervals else ())))
    return Table(("ranking of a track's tags", "figure", *(("low", "high") if intervals else ())), tuple(rows))


def by_tag(figures: Figures) -> Table:
    """All tags, by falling PR-AUC; lift is PR-AUC over that of chance, which is the share of positives."""
    per_tag, intervals = figures["per_tag"], figures.get("intervals")
    rows = []
    for name, (full_name, areas) in zip(_shown_names(list(per_tag)), per_tag.items(), strict=True):
        bounds = intervals["per_tag"][full_name] if intervals else None
        cells = (name, areas["positives"], *_areas(areas, bounds), lift(areas, figures["num_tracks"]))
        rows.append((areas["pr_auc"] is None, -(areas["pr_auc"] or 0), name, cells))
    ordered = tuple(cells for *_, cells in sorted(rows, key=lambda row: row[:3]))
    return Table(("tag", "positives", *_area_titles(intervals), "lift"), ordered)


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
    """Pipe tables, an empty line between them; what stands in them is text, whatever Markdown would make of it."""
    return "\n".join(_markdown(table) for table in tables)


def write_all(folder: str | os.PathLike[str], shown: Sequence[Table]) -> None:
    """Writes every table as TABLE.tsv, called after its first column, and all of them as tables.txt and tables.md."""
    for number, table in enumerate(shown, 1):
        name = re.sub(r"[^a-z0-9]+", "_", table.header[0].lower()).strip("_")
        cells = [["" if cell is None else _on_its_line(cell) for cell in row] for row in table.rows]
        tsv.write(pathlib.Path(folder) / f"{number:02d}_{name}.tsv", table.header, cells)
    files.write_text(pathlib.Path(folder) / "tables.txt", text(shown))
    files.write_text(pathlib.Path(folder) / "tables.md", markdown(shown))


def _text(table: Table) -> str:
    lines = [list(map(names.printable, table.header)), *shown_cells(table)]
    widths = [max(map(_width, column)) for column in zip(*lines, strict=True)]
    aligned = [
        line[0]
        + " " * (widths[0] - _width(line[0]))
        + "".join(f"  {cell:>{width}}" for cell, width in zip(line[1:], widths[1:], strict=True))
        for line in lines
    ]
    return "".join(f"{line.rstrip()}\n" for line in [*aligned, *filter(None, [names.line(table.note)])])


def _markdown(table: Table) -> str:
    rule = ["---", *["---:"] * (len(table.header) - 1)]
    header, *cells = ([names.markdown(cell) for cell in row] for row in [table.header, *shown_cells(table)])
    lines = "".join(f"| {' | '.join(line)} |\n" for line in [header, rule, *cells])
    return lines + (f"\n{names.markdown(table.note)}\n" if table.note else "")


def shown_cells(table: Table) -> list[list[str]]:
    """A table's cells as text, figures rounded; a dash where there is none."""
    decimals = [DECIMALS.get(title, 4) for title in table.header]
    return [[_shown_cell(cell, n) for cell, n in zip(row, decimals, strict=True)] for row in table.rows]


def _shown_cell(cell: Cell, decimals: int) -> str:
    if cell is None:
        return "-"
    return f"{cell:.{decimals}f}" if isinstance(cell, float) else names.printable(str(cell))


def _on_its_line(cell: str | int | float) -> str | int | float:
    return names.printable(cell) if isinstance(cell, str) else cell


def _area_titles(intervals: Intervals | None) -> tuple[str, ...]:
    if not intervals:
        return ("PR-AUC", "ROC-AUC")
    return ("PR-AUC", "PR low", "PR high", "ROC-AUC", "ROC low", "ROC high")


def _areas(areas: Areas, bounds: AreaBounds | None) -> tuple[Cell, ...]:
    """Both areas, each with the ends of its interval if there are intervals."""
    if bounds is None:
        return areas["pr_auc"], areas["roc_auc"]
    return (
        *(areas["pr_auc"], *_bounds(bounds.get("pr_auc"))),
        *(areas["roc_auc"], *_bounds(bounds.get("roc_auc"))),
    )


def _bounds(interval: Bounds | None) -> tuple[Cell, Cell]:
    return (interval["low"], interval["high"]) if interval else (None, None)


def _interval_note(intervals: Intervals) -> str:
    return (
        f"low..high: {100 * intervals['level']:g} % intervals, {intervals['num_resamples']} resamples of "
        f"{intervals['num_clusters']} {intervals['unit']}."
    )


def lift(tag: TagAreas, num_tracks: int) -> float | None:
    """PR-AUC of a tag over that of chance; None where it has none."""
    return None if tag["pr_auc"] is None else tag["pr_auc"] * num_tracks / tag["positives"]


def _shown_names(names: Sequence[str]) -> tuple[str, ...]:
    return tags.Vocabulary(names).short_names


def _width(string: str) -> int:
    """Columns that a terminal gives to a string: two for a wide character, none for a combining one."""
    return sum(
        0 if unicodedata.combining(mark) else 2 if unicodedata.east_asian_width(mark) in "WF" else 1 for mark in string
    )
