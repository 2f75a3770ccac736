"""What was trained, on what, and how it went: the sections of settings and of curves."""

import dataclasses
import math
from collections.abc import Callable, Sequence

from kerastag.reporting import charts, measuring, views
from kerastag.reporting.gathering import ReportedRun

_ALWAYS = ("loss", "model", "num_channels", "epochs", "batch_size", "learning_rate", "schedule", "sampling", "seed")
_PLACES = ("run_dir", "data_dir", "resume", "overwrite", "verbosity", "flagfile")  # not of the experiment
_CURVES = {  # columns of history.tsv
    "Training loss": "loss",
    "Validation loss": "val_loss",
    "Macro PR-AUC, validation": "val_pr_auc",
    "Macro ROC-AUC, validation": "val_roc_auc",
}
_GROUPS = {"head": "val_pr_auc_head", "middle": "val_pr_auc_middle", "tail": "val_pr_auc_tail"}
Points = list[tuple[float, float]]


@dataclasses.dataclass(frozen=True)
class Setting:
    """Settings that differ or matter, data, versions; every flag and the commands folded away."""

    settings: views.Table
    commands: Sequence[str]
    every_flag: views.Table


@dataclasses.dataclass(frozen=True)
class Curves:
    """Charts over the epochs, and a note above them."""

    note: str
    charts: Sequence[charts.LineChart]


def setting(measured: measuring.Measured) -> Setting:
    """The section of settings."""
    runs = measured.runs
    names, all_flags = [run.name for run in runs], _flag_names(runs)
    shown = [name for name in all_flags if name in _ALWAYS or _differs(runs, name)]
    rows: list[list[views.Cell]] = [
        [name.replace("_", " "), *(_flag(run, name) for run in runs)] for name in shown if name not in _PLACES
    ]
    rows += [[title, *map(fact, runs)] for title, fact in _FACTS.items() if any(map(fact, runs))]
    every = [[name, *(_flag(run, name) for run in runs)] for name in all_flags]
    return Setting(
        views.Table("Settings", ("", *names), rows, "text"),
        [run.record.command for run in runs if run.record.command],
        views.Table("Every flag", ("flag", *names), every),
    )


def curves(measured: measuring.Measured) -> Curves | None:
    """How training went, epoch by epoch; None where no run has a history."""
    runs = [run for run in measured.runs if run.history]
    if not runs:
        return None
    drawn = _of_one_run(runs[0]) if len(runs) == 1 else _of_several_runs(runs)
    note = "" if len(runs) == 1 else "Losses of different kinds are not on one scale: compare their shapes alone."
    return Curves(note, [chart for chart in (*drawn, _rates(runs)) if chart is not None])


def _of_one_run(run: ReportedRun) -> list[charts.LineChart | None]:
    history = run.history
    by_group = {name: _points(history, column) for name, column in _GROUPS.items()}
    several_groups = sum(map(bool, by_group.values())) > 1  # one group is all tags
    return [
        _chart("Loss", {"training": _points(history, "loss"), "validation": _points(history, "val_loss")}),
        _chart(
            "PR-AUC, validation",
            {"macro": _points(history, "val_pr_auc"), "micro": _points(history, "val_pr_auc_micro")},
        ),
        _chart(
            "ROC-AUC, validation",
            {"macro": _points(history, "val_roc_auc"), "micro": _points(history, "val_roc_auc_micro")},
        ),
        _chart("PR-AUC by frequency", by_group) if several_groups else None,
        _chart("PR-AUC by weights", {name: _points(history, f"val_pr_auc_{name}") for name in ("raw", "averaged")}),
    ]


def _of_several_runs(runs: Sequence[ReportedRun]) -> list[charts.LineChart | None]:
    return [
        _chart(title, {run.name: _points(run.history, column) for run in runs}) for title, column in _CURVES.items()
    ]


def _chart(title: str, lines: dict[str, Points], logarithmic: bool = False) -> charts.LineChart | None:
    if not any(lines.values()):
        return None
    return charts.lines(title, "epoch", list(lines.items()), logarithmic)


def _rates(runs: Sequence[ReportedRun]) -> charts.LineChart | None:
    """Learning rates, where one changes."""
    lines = {run.name if len(runs) > 1 else "": _points(run.history, "learning_rate") for run in runs}
    values = {y for points in lines.values() for _, y in points}
    if len(values) < 2 or min(values) <= 0:
        return None
    return _chart("Learning rate", lines, logarithmic=True)


def _points(history: Sequence[dict[str, float]], column: str) -> Points:
    return [(row["epoch"], row[column]) for row in history if math.isfinite(row.get(column, math.nan))]


def _best(run: ReportedRun) -> str:
    figure = f"val_{run.record.text_flag('best_by', 'pr_auc')}"
    validated = [row for row in run.history if figure in row]
    if not validated:
        return ""
    best = max(validated, key=lambda row: row[figure])  # the first of equals, as in training
    return f"epoch {best['epoch']:.0f} of {run.history[-1]['epoch']:.0f}"


def _speed(run: ReportedRun) -> str:
    rates = sorted(row["chunks_per_second"] for row in run.history if "chunks_per_second" in row)
    return f"{rates[len(rates) // 2]:,.0f} chunks/s" if rates else ""


_FACTS: dict[str, Callable[[ReportedRun], str]] = {
    "computed in": lambda run: run.record.precision or "",
    "best": _best,
    "weights of the model": lambda run: run.record.weights or "",
    "training speed": _speed,
    "tracks": lambda run: ", ".join(f"{count:,} {split}" for split, count in run.record.num_tracks.items()),
    "tags": lambda run: str(len(run.vocabulary)),
    "versions": lambda run: ", ".join(f"{name} {number}" for name, number in run.record.versions.items()),
    "commit": lambda run: (run.record.git_commit or "")[:12],
}


def _flag_names(runs: Sequence[ReportedRun]) -> list[str]:
    """Flags that are set in any run, in the order of the first."""
    names = dict.fromkeys(name for run in runs for name in run.record.flags)
    return [name for name in names if any(run.record.flags.get(name) is not None for run in runs)]


def _differs(runs: Sequence[ReportedRun], name: str) -> bool:
    return any(run.record.flags.get(name) != runs[0].record.flags.get(name) for run in runs)


def _flag(run: ReportedRun, name: str) -> str:
    value = run.record.flags.get(name)
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
