"""What was trained, on what, and how it went: the sections of settings and of curves."""

import math
from collections.abc import Sequence
from typing import Any

from kerastag.reporting import charts, gathering, markup, measuring
from kerastag.reporting.markup import Safe, element

_ALWAYS = ("loss", "model", "num_channels", "epochs", "batch_size", "learning_rate", "schedule", "sampling", "seed")
_PLACES = ("run_dir", "data_dir", "resume", "overwrite", "verbosity", "flagfile")  # not of the experiment
_CURVES = {  # columns of history.tsv
    "Training loss": "loss",
    "Validation loss": "val_loss",
    "Macro PR-AUC, validation": "val_pr_auc",
    "Macro ROC-AUC, validation": "val_roc_auc",
}
_GROUPS = {"head": "val_pr_auc_head", "middle": "val_pr_auc_middle", "tail": "val_pr_auc_tail"}


def section(measured: measuring.Measured) -> markup.Section:
    """Settings that differ or matter, data, versions; every flag folded away."""
    runs = measured.runs
    shown = [name for name in _flag_names(runs) if name in _ALWAYS or _differs(runs, name)]
    shown = [name for name in shown if name not in _PLACES]
    rows: list[Sequence[object]] = [(_words(name), *(_flag(run, name) for run in runs)) for name in shown]
    rows += [(title, *map(found, runs)) for title, found in _FACTS.items() if any(map(found, runs))]
    names = [run.name for run in runs]
    more = markup.table(
        "Every flag", ("flag", *names), [(name, *(_flag(run, name) for run in runs)) for name in _flag_names(runs)]
    )
    return markup.section(
        "setting",
        "What was trained",
        markup.table("Settings", ("", *names), rows, class_="text"),
        element("details", element("summary", "Every flag, and the commands"), *_commands(runs), more),
    )


def curves(measured: measuring.Measured) -> markup.Section | None:
    """How training went, epoch by epoch; None where no run has a history."""
    runs = [run for run in measured.runs if run.history]
    if not runs:
        return None
    drawn = []
    if len(runs) == 1:
        history = runs[0].history
        drawn.append(_chart("Loss", {"training": _points(history, "loss"), "validation": _points(history, "val_loss")}))
        areas = {"macro": _points(history, "val_pr_auc"), "micro": _points(history, "val_pr_auc_micro")}
        drawn.append(_chart("PR-AUC, validation", areas))
        areas = {"macro": _points(history, "val_roc_auc"), "micro": _points(history, "val_roc_auc_micro")}
        drawn.append(_chart("ROC-AUC, validation", areas))
        by_group = {name: _points(history, key) for name, key in _GROUPS.items()}
        if sum(map(bool, by_group.values())) > 1:  # one group is all tags
            drawn.append(_chart("PR-AUC by frequency", by_group))
    else:
        every = {title: {run.name: _points(run.history, column) for run in runs} for title, column in _CURVES.items()}
        drawn += [_chart(title, lines) for title, lines in every.items()]
    drawn.append(_rates(runs))
    told = "" if len(runs) == 1 else "Losses of different kinds are not on one scale: compare their shapes alone."
    content = [element("p", told)] if told else []
    return markup.section("curves", "How it went", *content, element("div", *filter(None, drawn), class_="charts"))


def _chart(title: str, lines: dict[str, list[tuple[float, float]]], logarithmic: bool = False) -> Safe | None:
    if not any(lines.values()):
        return None
    return charts.lines(title, "epoch", list(lines.items()), logarithmic)


def _rates(runs: Sequence[gathering.Run]) -> Safe | None:
    """Learning rates, where one changes."""
    lines = {run.name if len(runs) > 1 else "": _points(run.history, "learning_rate") for run in runs}
    values = {y for points in lines.values() for _, y in points}
    if len(values) < 2 or min(values) <= 0:
        return None
    return _chart("Learning rate", lines, logarithmic=True)


def _points(history: Sequence[dict[str, float]], column: str) -> list[tuple[float, float]]:
    return [(row["epoch"], row[column]) for row in history if math.isfinite(row.get(column, math.nan))]


def _best(run: gathering.Run) -> str:
    figure = f"val_{run.record['flags'].get('best_by', 'pr_auc')}"
    found = [row for row in run.history if figure in row]
    if not found:
        return ""
    best = max(found, key=lambda row: row[figure])  # the first of equals, as in training
    return f"epoch {best['epoch']:.0f} of {run.history[-1]['epoch']:.0f}"


def _speed(run: gathering.Run) -> str:
    rates = sorted(row["chunks_per_second"] for row in run.history if "chunks_per_second" in row)
    return f"{rates[len(rates) // 2]:,.0f} chunks/s" if rates else ""


def _tracks(run: gathering.Run) -> str:
    counts = run.record.get("num_tracks") or {}
    return ", ".join(f"{count:,} {split}" for split, count in counts.items())


def _versions(run: gathering.Run) -> str:
    return ", ".join(f"{name} {number}" for name, number in (run.record.get("versions") or {}).items())


_FACTS = {
    "computed in": lambda run: run.record.get("precision") or "",
    "best": _best,
    "training speed": _speed,
    "tracks": _tracks,
    "tags": lambda run: len(run.vocabulary),
    "versions": _versions,
    "commit": lambda run: (run.record.get("git_commit") or "")[:12],
}


def _flag_names(runs: Sequence[gathering.Run]) -> list[str]:
    """Flags that are set in any run, in the order of the first."""
    names = dict.fromkeys(name for run in runs for name in run.record["flags"])
    return [name for name in names if any(run.record["flags"].get(name) is not None for run in runs)]


def _differs(runs: Sequence[gathering.Run], name: str) -> bool:
    return any(run.record["flags"].get(name) != runs[0].record["flags"].get(name) for run in runs)


def _flag(run: gathering.Run, name: str) -> str:
    value: Any = run.record["flags"].get(name)
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return (
        ", ".join(map(str, value)) if isinstance(value, list) else f"{value:g}" if isinstance(value, float) else value
    )


def _words(name: str) -> str:
    return name.replace("_", " ")


def _commands(runs: Sequence[gathering.Run]) -> list[Safe]:
    return [element("pre", element("code", run.record["command"])) for run in runs if run.record.get("command")]
