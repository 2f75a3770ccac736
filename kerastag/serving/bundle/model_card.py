"""model_card.md: what a served model is, what it was made from and how far to trust it, for who has only the folder."""

import dataclasses
import datetime
import os
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from kerastag import errors, files, metrics, names, templates, tsv
from kerastag.inference.export_facts import ExportFacts
from kerastag.metrics import tables
from kerastag.metrics.documents import Figures
from kerastag.runs import record as run_record
from kerastag.runs import run_folder
from kerastag.runs.model import Model
from kerastag.runs.record import RunRecord

NOT_STATED = "not stated"
_FEW_TRACKS = 200  # a macro figure over fewer moves by hundredths from sample to sample
_PATH_FLAGS = (
    *("data_dir", "train_dirs", "train_split", "validation_split", "test_split", "tags_file"),
    *("pretrained", "base"),
)
_LEFT_OUT = ("run_dir", "resume", "overwrite", "verbosity", "strategy", "num_devices", "profile")  # change no model


@dataclasses.dataclass(frozen=True)
class _Run:
    """One run as the card tells of it; texts are empty where there is nothing to tell."""

    name: str
    best_epoch: str
    weights: str
    presets: list[str]
    weights_from: str
    licence: str
    flags: list[str]


def text(
    name: str,
    model: Model,
    facts: ExportFacts,
    data_license: str | None = None,
    figures: Mapping[str, Figures] | None = None,
) -> str:
    """The card in Markdown.

    Args:
      name: the served model's name.
      model: the run or the ensemble that is exported.
      facts: what model.json says.
      data_license: terms of the training data; None: what a licences.tsv in its folder says.
      figures: as `figures_of` gives them; None: they are taken here.
    """
    figures_by_split = figures_of(model) if figures is None else figures
    licenses = dict.fromkeys(_license(record) for record in model.records)
    values = {
        "name": name,
        "num_tags": len(model.vocabulary),
        "facts": facts,
        "meaning": _meaning(model, facts),
        "heard": _heard(facts),
        "chunk_seconds": facts.chunk_samples / facts.sample_rate,
        "weights": ", ".join(f"{share:.3g}" for share in facts.weights),
        "runs": [_run(run, record) for run, record in zip(model.runs, model.records, strict=True)],
        "datasets": list(dict.fromkeys((_folders(record), _sizes(record)) for record in model.records)),
        "license": data_license or "; ".join(licenses),
        "figures": _figure_table(model.folder, figures_by_split) if figures_by_split else "",
        "chosen_on_validation": "validation" in figures_by_split,
        "tag_table": _tag_table(model),
        "is_measured": bool(model.card),
        "limits": _limits(model, facts, figures_by_split),
        "versions": _versions(model.records),
    }
    return templates.render(__package__, "model_card.md.j2", values)


def _meaning(model: Model, facts: ExportFacts) -> str:
    if not facts.calibrated:
        return "They rank pieces by a tag; they are not probabilities, and 0.5 is not a threshold."
    how = f" ({model.combination.fitted.method} calibration)" if model.combination.fitted else ""
    return f"Each is an estimate of the probability that the piece has the tag{how}."


def _heard(facts: ExportFacts) -> str:
    if all(network.centred for network in facts.members):
        return "one chunk from its middle"
    return f"the mean over {facts.num_chunks} evenly spaced chunks"


def _run(run: run_folder.RunFolder, record: RunRecord) -> _Run:
    presets = re.findall(r"--(?:preset|flagfile)[= ](\S+)", record.command)
    return _Run(
        name=run.path.resolve().name,
        best_epoch=_best_epoch(run, record),
        weights=record.weights or "",
        presets=[pathlib.Path(preset).stem for preset in presets],
        weights_from=record.source.get("file", NOT_STATED) if record.source else "",
        licence=(record.licence or NOT_STATED) if record.source else "",
        flags=_shown_flags(record),
    )


def _best_epoch(run: run_folder.RunFolder, record: RunRecord) -> str:
    """Where training stood when the model was best on validation data."""
    rows = run_folder.read_figures(run.history_path)
    figure = f"val_{record.text_flag('best_by', 'pr_auc')}"
    measured = [row for row in rows if figure in row]  # else not validated, or not defined
    if not measured:
        return ""
    best = max(measured, key=lambda row: row[figure])
    area = f" (validation PR-AUC {best['val_pr_auc']:.4f})" if "val_pr_auc" in best else ""
    return f", best in epoch {best['epoch']:.0f} of {rows[-1]['epoch']:.0f}{area}"


def _shown_flags(record: RunRecord) -> list[str]:
    shown = []
    for name, value in record.flags.items():
        if value is None or name in _LEFT_OUT:
            continue
        values = [str(item) for item in value] if isinstance(value, list) else [str(value)]
        if name in _PATH_FLAGS:
            values = [pathlib.Path(path).name for path in values]
        shown.append(f"--{name}={','.join(values)}")
    return shown


def _folders(record: RunRecord) -> str:
    if record.is_of_demo_set:
        return "kerastag's synthesised demo set"
    train_dirs = record.flags.get("train_dirs")
    folders = [*(train_dirs if isinstance(train_dirs, list) else ()), record.data_dir]
    shown = dict.fromkeys(names.code(pathlib.Path(folder).name) for folder in folders if folder)
    return f"folder {', '.join(shown)}" if shown else "not trained by kerastag"


def _sizes(record: RunRecord) -> str:
    sizes = [f"{size} tracks for {names.markdown(split)}" for split, size in record.num_tracks.items()]
    return ", ".join(sizes) or "numbers of tracks not known"


def _license(record: RunRecord) -> str:
    """What licences.tsv in the data's folder says, by licence."""
    if record.is_of_demo_set:
        return "CC0, nothing in it is recorded"
    path = pathlib.Path(record.data_dir or "") / "licences.tsv"
    if not os.path.isfile(path):  # whatever run.json calls the folder
        return NOT_STATED
    by_license: dict[str, list[str]] = {}
    for row in tsv.read_columns(path):
        by_license.setdefault(row.get("LICENCE") or NOT_STATED, []).append(row.get("PACKAGE") or "?")
    return "; ".join(f"{name} ({', '.join(packages)})" for name, packages in by_license.items()) or NOT_STATED


def figures_of(model: Model) -> dict[str, Figures]:
    """The figures of the predictions in the folder, by split.

    Raises:
      KerastagError: a file of them is damaged.
    """
    figures = {}
    for split in ("test", "validation"):
        if model.folder.predictions_path(split).is_file():
            kept = model.folder.read_scores(split)
            figures[split] = metrics.evaluate(kept.labels, kept.scores, model.vocabulary.names)
    return figures


def _figure_table(folder: run_folder.RunFolder, figures_by_split: Mapping[str, Figures]) -> str:
    rows = []
    for split, figures in figures_by_split.items():
        positives = [areas["positives"] for areas in figures["per_tag"].values() if areas["positives"]]
        chance = float(np.mean(positives)) / figures["num_tracks"] if positives else 0.0
        pr_auc = _shown(figures["pr_auc_macro"]) + _interval(folder, figures, "pr_auc_macro")
        roc_auc = _shown(figures["roc_auc_macro"]) + _interval(folder, figures, "roc_auc_macro")
        rows.append((split, figures["num_tracks"], pr_auc, chance, roc_auc))
    header = ("split", "tracks", "macro PR-AUC", "by chance", "macro ROC-AUC")
    return tables.markdown([tables.Table(header, tuple(rows))])


def _interval(folder: run_folder.RunFolder, figures: Figures, name: Literal["pr_auc_macro", "roc_auc_macro"]) -> str:
    """The 95 % interval in the folder's metrics.json, if that is about these very figures."""
    path, value = folder.path / "metrics.json", figures[name]
    try:
        stated = files.read_json(path) if path.is_file() else {}
        same = stated["num_tracks"] == figures["num_tracks"] and abs(stated[name] - (value or 0)) < 1e-8
        bounds = stated["intervals"][name]
        return f" ({bounds['low']:.4f} to {bounds['high']:.4f})" if same else ""
    except (errors.KerastagError, KeyError, TypeError, ValueError, OverflowError):
        return ""


def _tag_table(model: Model) -> str:
    """A line for each tag, with what the run knows of it."""
    columns: dict[str, Sequence[str]] = {"tag": model.vocabulary.names}
    if model.class_counts:
        columns["training tracks"] = [str(model.class_counts[tag]) for tag in model.vocabulary.names]
    if model.card:
        rows = [model.card[tag] for tag in model.vocabulary.names]
        columns["PR-AUC"] = [_shown(row.pr_auc) for row in rows]
        columns["95 % interval"] = [f"{_shown(row.low)} to {_shown(row.high)}" for row in rows]
        columns["how far to trust it"] = [row.word for row in rows]
    return tables.markdown([tables.Table(tuple(columns), tuple(zip(*columns.values(), strict=True)))])


def _limits(model: Model, facts: ExportFacts, figures_by_split: Mapping[str, Figures]) -> list[str]:
    limits = [
        "It answers whatever it is given: music unlike that of its data, and what is no music, gets scores as well.",
        "It learnt from tags that were given; a track without a tag counted as not having it, whether anybody had "
        "thought of it or not.",
        "What happens between the chunks is not heard, and a piece shorter than a chunk is filled up with silence.",
    ]
    if facts.precision != "float32":
        limits.append(f"It computes in {facts.precision}: scores differ a little from those in float32.")
    short_names = np.array(model.vocabulary.short_names)
    if model.thresholds is not None:
        never = short_names[np.isinf(model.thresholds)]
        limits.append(
            "`thresholds.tsv` says from which served score on a tag is given, for the highest F1 on validation data."
            + (f" Never given: {', '.join(map(names.markdown, never))}." if never.size else "")
        )
    num_tracks = next(iter(figures_by_split.values()))["num_tracks"] if figures_by_split else 0
    if 0 < num_tracks < _FEW_TRACKS:
        limits.append(f"Its figures rest on {num_tracks} tracks only.")
    weak = [
        short_names[model.vocabulary.index(tag)]
        for tag, row in model.card.items()
        if row.word in ("near chance", "unmeasured")
    ]
    if weak:
        limits.append(f"Near chance, or not measured: {', '.join(map(names.markdown, weak))}.")
    return limits


def _versions(records: Sequence[RunRecord]) -> list[str]:
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    trained = dict.fromkeys(_listed(record.versions) for record in records if record.versions)
    commits = dict.fromkeys(record.git_commit for record in records if record.git_commit)
    return [
        f"exported {today} by {_listed(run_record.versions())}",
        *(f"trained by {versions}" for versions in trained),
        *(f"kerastag's commit {commit}" for commit in commits),
    ]


def _listed(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def _shown(value: float | None) -> str:
    return "none" if value is None else f"{value:.4f}"
