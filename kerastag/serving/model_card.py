"""model_card.md: what a served model is, what it was made from and how far to trust it, for who has only the folder."""

import csv
import datetime
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kerastag import errors, files, metrics, run_folder, tagger
from kerastag.metrics import card, decisions

NOT_STATED = "not stated"
_FEW_TRACKS = 200  # a macro figure over fewer moves by hundredths from sample to sample
_PATH_FLAGS = ("data_dir", "train_dirs", "train_split", "validation_split", "test_split", "tags_file", "pretrained")
_LEFT_OUT = ("run_dir", "resume", "overwrite", "verbosity", "strategy", "num_devices", "profile")  # change no model


def text(
    name: str,
    source: run_folder.RunFolder,
    parts: tagger.Parts,
    facts: Mapping[str, Any],
    data_license: str | None = None,
) -> str:
    """The card in Markdown.

    Args:
      name: of the served model.
      source: the run or the ensemble that is exported.
      parts: what it is made of.
      facts: what model.json says.
      data_license: terms of the training data; None: what a licences.tsv in its folder says.
    """
    records = [run.record() for run in parts.runs]
    measured = _measured(source, parts)
    sections = {
        "": _what(parts, facts),
        "Made from": _made_from(parts, records, facts),
        "Data": _data(records, data_license),
        "Figures": _figures(source, measured),
        "Tags": _tags(source, parts, records[0] if len(records) == 1 else source.record()),
        "Limits": _limits(source, parts, facts, measured),
        "Versions": _versions(records),
    }
    body = "\n\n".join((f"## {title}\n\n" if title else "") + content for title, content in sections.items())
    return f"# {name}\n\n{body}\n"


def _what(parts: tagger.Parts, facts: Mapping[str, Any]) -> str:
    if facts["calibrated"]:
        meaning = "Each is an estimate of the probability that the piece has the tag"
        meaning += f" ({parts.combination.fitted.method} calibration)." if parts.combination.fitted else "."
    else:
        meaning = "They rank pieces by a tag; they are not probabilities, and 0.5 is not a threshold."
    centred = all(one["centred"] for one in facts["members"])
    seconds = facts["chunk_samples"] / facts["sample_rate"]
    heard = "one chunk from its middle" if centred else f"the mean over {facts['num_chunks']} evenly spaced chunks"
    return (
        f"Gives a piece of music {len(parts.vocabulary)} scores from 0 to 1, one for each tag of `tags.txt`, in its "
        f"order. {meaning}\n\n"
        f"It takes mono audio at {facts['sample_rate']} Hz of any length; a score is {heard} of {seconds:.2f} s. "
        "How to ask it stands in the README.md beside the version's folder, what it is to a program in `model.json`."
    )


def _made_from(parts: tagger.Parts, records: Sequence[dict[str, Any]], facts: Mapping[str, Any]) -> str:
    lines = []
    if len(records) > 1:
        shares = ", ".join(f"{share:.3g}" for share in facts["weights"])
        lines.append(f"The {facts['method']} of {len(records)} networks' scores, with weights {shares}.\n")
    for run, record in zip(parts.runs, records, strict=True):
        lines.append(f"- run `{run.path.resolve().name}`{_best_epoch(run)}, computed in {facts['precision']} here")
        preset = re.findall(r"--(?:preset|flagfile)[= ](\S+)", record.get("command", ""))
        if preset:
            lines[-1] += f"; preset {', '.join(pathlib.Path(one).stem for one in preset)}"
        if record.get("source"):
            lines[-1] += f"; weights from `{record['source']['file']}`"
        shown = _shown_flags(record.get("flags") or {})
        if shown:
            lines.append(f"  `{' '.join(shown)}`")
    return "\n".join(lines)


def _best_epoch(run: run_folder.RunFolder) -> str:
    """Where training stood when the model was best on validation data."""
    if not run.history_path.is_file():
        return ""
    with run.history_path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    figure = "val_roc_auc" if run.record().get("flags", {}).get("best_by") == "roc_auc" else "val_pr_auc"
    measured = [row for row in rows if row.get(figure)]  # an empty cell: not validated, or not defined
    if not measured:
        return ""
    best = max(measured, key=lambda row: float(row[figure]))
    area = f" (validation PR-AUC {float(best['val_pr_auc']):.4f})" if best.get("val_pr_auc") else ""
    return f", best in epoch {best['epoch']} of {rows[-1]['epoch']}{area}"


def _shown_flags(given: Mapping[str, Any]) -> list[str]:
    shown = []
    for name, value in given.items():
        if value is None or name in _LEFT_OUT:
            continue
        values = value if isinstance(value, list) else [value]
        if name in _PATH_FLAGS:
            values = [pathlib.Path(one).name for one in values]
        shown.append(f"--{name}={','.join(map(str, values))}")
    return shown


def _data(records: Sequence[dict[str, Any]], data_license: str | None) -> str:
    lines = []
    for folders, sizes in dict.fromkeys((_folders(record), _sizes(record)) for record in records):
        lines.append(f"- {folders}: {sizes}")
    found = list(dict.fromkeys(_license(record) for record in records))
    return "\n".join([*lines, f"- licence: {data_license or '; '.join(found)}"])


def _is_demo(record: Mapping[str, Any]) -> bool:
    return record.get("data_dir") is None and record.get("class_counts") is not None


def _folders(record: Mapping[str, Any]) -> str:
    if _is_demo(record):
        return "kerastag's synthesised demo set"
    folders = [*((record.get("flags") or {}).get("train_dirs") or []), record.get("data_dir")]
    names = dict.fromkeys(f"`{pathlib.Path(folder).name}`" for folder in folders if folder)
    return f"folder {', '.join(names)}" if names else "not trained by kerastag"


def _sizes(record: Mapping[str, Any]) -> str:
    sizes = record.get("num_tracks") or {}
    return ", ".join(f"{size} tracks for {split}" for split, size in sizes.items()) or "numbers of tracks not known"


def _license(record: Mapping[str, Any]) -> str:
    """What licences.tsv in the data's folder says, by licence."""
    if _is_demo(record):
        return "CC0, nothing in it is recorded"
    path = pathlib.Path(record.get("data_dir") or "") / "licences.tsv"
    if not path.is_file():
        return NOT_STATED
    by_license: dict[str, list[str]] = {}
    with path.open(encoding="utf-8") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            by_license.setdefault(row.get("LICENCE") or NOT_STATED, []).append(row.get("PACKAGE") or "?")
    return "; ".join(f"{one} ({', '.join(packages)})" for one, packages in by_license.items()) or NOT_STATED


def _measured(source: run_folder.RunFolder, parts: tagger.Parts) -> dict[str, dict[str, Any]]:
    """What metrics.evaluate says of the predictions in the folder, by split."""
    found = {}
    for split in ("test", "validation"):
        if source.predictions_path(split).is_file():
            kept = source.read_scores(split)
            found[split] = metrics.evaluate(kept.labels, kept.scores, parts.vocabulary.names)
    return found


def _figures(source: run_folder.RunFolder, measured: Mapping[str, dict[str, Any]]) -> str:
    if not measured:
        return "None: the folder it was exported from has no predictions."
    lines = ["| split | tracks | macro PR-AUC | by chance | macro ROC-AUC |", "| --- | --- | --- | --- | --- |"]
    for split, figures in measured.items():
        positives = [one["positives"] for one in figures["per_tag"].values() if one["positives"]]
        chance = float(np.mean(positives)) / figures["num_tracks"] if positives else 0.0
        pr_auc, roc_auc = (
            _shown(figures[name]) + _interval(source, figures, name) for name in ("pr_auc_macro", "roc_auc_macro")
        )
        lines.append(f"| {split} | {figures['num_tracks']} | {pr_auc} | {chance:.4f} | {roc_auc} |")
    note = "Macro: the mean over tags. Uncalibrated scores; calibration keeps each tag's order."
    if "validation" in measured:
        note += " The best epoch was chosen on the validation split, so its figures flatter."
    return "\n".join([*lines, "", note])


def _interval(source: run_folder.RunFolder, figures: Mapping[str, Any], name: str) -> str:
    """The 95 % interval in the folder's metrics.json, if that is about these very figures."""
    path = source.path / "metrics.json"
    try:
        stated = files.read_json(path) if path.is_file() else {}
        same = stated["num_tracks"] == figures["num_tracks"] and np.isclose(stated[name], figures[name], atol=1e-9)
        bounds = stated["intervals"][name]
        return f" ({bounds['low']:.4f} to {bounds['high']:.4f})" if same else ""
    except (errors.KerastagError, KeyError, TypeError):
        return ""


def _tags(source: run_folder.RunFolder, parts: tagger.Parts, record: Mapping[str, Any]) -> str:
    """A line for each tag, with what the run knows of it."""
    vocabulary, columns = parts.vocabulary, {}
    counts = record.get("class_counts")
    if counts:
        columns["training tracks"] = [str(counts[tag]) for tag in vocabulary.names]
    rows = _card(source, parts)
    if rows:
        ordered = [rows[tag] for tag in vocabulary.names]
        columns["PR-AUC"] = [_shown(row.pr_auc) for row in ordered]
        columns["95 % interval"] = [f"{_shown(row.low)} to {_shown(row.high)}" for row in ordered]
        columns["how far to trust it"] = [row.word for row in ordered]
    header = ["tag", *columns]
    lines = [header, ["---"] * len(header)]
    for position, tag in enumerate(vocabulary.names):
        lines.append([tag.replace("|", "\\|"), *(column[position] for column in columns.values())])
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    return table if rows else f"{table}\n\nHow far each can be trusted was not measured (`kerastag evaluate` does)."


def _card(source: run_folder.RunFolder, parts: tagger.Parts) -> dict[str, card.Row]:
    return card.read(source.card_path, parts.vocabulary) if source.card_path.is_file() else {}


def _limits(
    source: run_folder.RunFolder,
    parts: tagger.Parts,
    facts: Mapping[str, Any],
    measured: Mapping[str, dict[str, Any]],
) -> str:
    limits = [
        "It answers whatever it is given: music unlike that of its data, and what is no music, gets scores as well.",
        "It learnt from tags that were given; a track without a tag counted as not having it, whether anybody had "
        "thought of it or not.",
        "What happens between the chunks is not heard, and a piece shorter than a chunk is filled up with silence.",
    ]
    if facts["precision"] != "float32":
        limits.append(f"It computes in {facts['precision']}: scores differ a little from those in float32.")
    short_names = np.array(parts.vocabulary.short_names)
    if source.thresholds_path.is_file():
        never = short_names[np.isinf(decisions.read_thresholds(source.thresholds_path, parts.vocabulary))]
        limits.append(
            "`thresholds.tsv` says from which served score on a tag is given, for the highest F1 on validation data."
            + (f" Never given: {', '.join(never)}." if never.size else "")
        )
    num_tracks = next(iter(measured.values()))["num_tracks"] if measured else 0
    if 0 < num_tracks < _FEW_TRACKS:
        limits.append(f"Its figures rest on {num_tracks} tracks only.")
    weak = [
        short_names[parts.vocabulary.index(tag)]
        for tag, row in _card(source, parts).items()
        if row.word in ("near chance", "unmeasured")
    ]
    if weak:
        limits.append(f"Near chance, or not measured: {', '.join(weak)}.")
    return "\n".join(f"- {one}" for one in limits)


def _versions(records: Sequence[dict[str, Any]]) -> str:
    today = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    lines = [f"- exported {today} by {_listed(run_folder.versions())}"]
    trained = dict.fromkeys(_listed(record["versions"]) for record in records if record.get("versions"))
    lines += [f"- trained by {one}" for one in trained]
    commits = dict.fromkeys(record["git_commit"] for record in records if record.get("git_commit"))
    return "\n".join([*lines, *(f"- kerastag's commit {commit}" for commit in commits)])


def _listed(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def _shown(value: float | None) -> str:
    return "none" if value is None else f"{value:.4f}"
