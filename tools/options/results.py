"""What came out of a comparison of options, as tables, as JSON and as a picture."""

import dataclasses
import pathlib
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kerastag import errors, files
from kerastag.metrics import comparison, tables
from kerastag.metrics.documents import Resampled
from kerastag.metrics.drawing import canvas
from kerastag.runs import run_folder
from tools.options import differences


@dataclasses.dataclass(frozen=True)
class Cost:
    """What a run of an option took, in the mean over its seeds: epochs, epoch of its best model, seconds of steps."""

    epochs: float
    best_epoch: float
    seconds: float


def cost_of(folders: Sequence[run_folder.RunFolder]) -> Cost | None:
    """What training took; None where it left no checkpoint, as the popularity baseline."""
    try:
        states = [files.read_json(folder.checkpoint_path / run_folder.STATE) for folder in folders]
    except (OSError, errors.KerastagError):
        return None
    return Cost(*(float(np.mean([state[name] for state in states])) for name in ("epoch", "best_epoch", "seconds")))


def figures_table(
    measured: Mapping[str, Mapping[str, differences.Measured]], costs: Mapping[str, Cost | None], tested: str
) -> tables.Table:
    """The figures of every option, the best PR-AUC first, and what training took."""
    rows = []
    for option, figures in measured.items():
        cells: list[tables.Cell] = [option]
        for figure in differences.FIGURES:
            own = figures[figure].own
            cells += [float(own.mean()), float(own.std(ddof=1)) if len(own) > 1 else None]
        cost = costs.get(option)
        cells += [round(cost.epochs), round(cost.best_epoch), round(cost.seconds)] if cost else [None, None, None]
        rows.append(tuple(cells))
    rows.sort(key=lambda row: -float(row[1] or 0))
    note = f"{tested}; means over seeds, with their standard deviation. Epochs and seconds: of training, in the mean."
    titles = ("PR-AUC", "sd", "ROC-AUC", "sd", "epochs", "best", "seconds")
    return tables.Table(("option", *titles), tuple(rows), note)


def difference_tables(
    rows: Sequence[differences.Difference], described: Resampled, num_seeds: int
) -> list[tables.Table]:
    """One table for each figure: every difference, from the most positive down within what it is against."""
    return [
        _differences(figure, [row for row in rows if row.figure == figure], described, num_seeds)
        for figure in differences.FIGURES
    ]


def _differences(
    figure: str, rows: Sequence[differences.Difference], described: Resampled, num_seeds: int
) -> tables.Table:
    cells = tuple(
        (
            row.option,
            row.against,
            *(row.difference, row.low, row.high, row.low_tracks, row.high_tracks, row.deviation_of_seeds, row.p_holm),
            row.verdict,
        )
        for row in _ordered(rows)
    )
    note = (
        f"{tables.figure_title(figure, 'macro')}, paired by seed. low..high: {100 * described['level']:g} % over "
        f"{described['num_clusters']} {described['unit']} and {num_seeds} seeds together; tracks low..high: over the "
        f"{described['unit']} alone ({described['num_resamples']} resamples). p is corrected for {len(rows)} "
        f"comparisons (Holm); a difference is noise unless p < {comparison.SIGNIFICANCE:g}."
    )
    titles = ("difference", "low", "high", "tracks low", "tracks high", "sd of seeds", "p (Holm)", "verdict")
    return tables.Table(("option", "against", *titles), cells, note)


def _ordered(rows: Sequence[differences.Difference]) -> list[differences.Difference]:
    against = list(dict.fromkeys(row.against for row in rows))
    return sorted(rows, key=lambda row: (against.index(row.against), row.difference is None, -(row.difference or 0)))


def write_json(
    path: pathlib.Path,
    measured: Mapping[str, Mapping[str, differences.Measured]],
    rows: Sequence[differences.Difference],
    described: Resampled,
    failures: Sequence[str],
) -> None:
    """Everything for a program: each seed's figures, each difference with its verdict, what was resampled."""
    document = {
        **described,
        "figures": {
            option: {figure: _without_nan(of_option[figure].own) for figure in differences.FIGURES}
            for option, of_option in measured.items()
        },
        "differences": [{**dataclasses.asdict(row), "verdict": row.verdict} for row in rows],
        "failures": list(failures),
    }
    files.write_json(path, document)


def _without_nan(values: np.ndarray) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in values]


def draw(path: pathlib.Path, rows: Sequence[differences.Difference], num_seeds: int) -> None:
    """Forest plots of the differences in macro PR-AUC: thick bars over tracks, thin ones over tracks and seeds."""
    shown = [row for row in _ordered(rows) if row.figure == "pr_auc" and row.difference is not None]
    if not shown:
        return
    panels = [[row for row in shown if row.against == name] for name in dict.fromkeys(row.against for row in shown)]
    with canvas.page(path, 6.0, 1.2 + 0.45 * len(panels) + 0.2 * len(shown)) as figure:
        drawn = figure.subplots(
            len(panels), 1, squeeze=False, sharex=True, height_ratios=[len(panel) + 1 for panel in panels]
        )[:, 0]
        for axes, panel in zip(drawn, panels, strict=True):
            _forest(axes, panel)
        drawn[-1].set_xlabel("difference in macro PR-AUC; to the right: better")
        handles = [
            drawn[0].plot([], [], color=canvas.GREY, lw=3, alpha=0.5, label="over tracks")[0],
            drawn[0].plot([], [], color=canvas.GREY, lw=0.9, label=f"over tracks and {num_seeds} seeds")[0],
            drawn[0].plot([], [], "o", color=canvas.VERMILLION, ms=4, label="more than noise")[0],
        ]
        figure.legend(handles=handles, loc="outside upper center", ncols=3)


def _forest(axes: Any, panel: Sequence[differences.Difference]) -> None:
    axes.set_title(_wrapped(f"against {panel[0].against}"), loc="left")
    axes.axvline(0, color=canvas.GREY, lw=0.8, zorder=0)
    for place, row in enumerate(panel):
        is_real = row.verdict in ("better", "worse")
        colour = canvas.VERMILLION if is_real else canvas.GREY
        axes.hlines(place, row.low_tracks, row.high_tracks, color=colour, lw=3, alpha=0.5)
        if row.low is not None:
            axes.hlines(place, row.low, row.high, color=colour, lw=0.9)
        axes.plot(row.difference, place, "o", color=colour, ms=4, mfc=colour if is_real else "white")
    axes.set_yticks(range(len(panel)), [_wrapped(row.option) for row in panel])
    axes.set_ylim(len(panel) - 0.5, -0.5)


def _wrapped(name: str) -> str:
    """A+B+C in lines that a picture has room for."""
    return textwrap.fill(name.replace("+", " + "), 32)
