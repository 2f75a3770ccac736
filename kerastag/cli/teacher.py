"""Flags of training by a teacher: its soft labels beside the labels, and music without labels."""

import contextlib
import os
import pathlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from absl import flags

from kerastag import cli, errors, models, tags
from kerastag.audio import finding
from kerastag.data import dataset, splits, track_files
from kerastag.runs import run_folder

if TYPE_CHECKING:
    from kerastag.inference import model_source
    from kerastag.training import soft_labels

_DETAILS = ("unlabelled", "soft_weight", "teacher_chunks")


def define(values: flags.FlagValues) -> None:
    """Who teaches, and what."""
    flags.DEFINE_string(
        "teacher",
        None,
        "A run, an ensemble, an export or a published model with all tags, whose scores are learnt beside the labels.",
        flag_values=values,
    )
    flags.DEFINE_string(
        "unlabelled",
        None,
        "Folder of music without labels, of which --teacher's scores are learnt.",
        flag_values=values,
    )
    flags.DEFINE_float(
        "soft_weight",
        0.5,
        "Weight of the loss by --teacher's scores where there are labels, which have the rest; 1: no labels count.",
        0.0,
        1.0,
        flag_values=values,
    )
    flags.DEFINE_integer(
        "teacher_chunks",
        16,
        "Evenly spaced chunks of each track whose scores by --teacher are averaged.",
        1,
        flag_values=values,
    )


def check(values: flags.FlagValues) -> None:
    """Raises UsageError: flags need --teacher, or contradict it."""
    if values.teacher is None:
        given = [name for name in _DETAILS if getattr(values, name) != values[name].default]
        if given:
            raise errors.UsageError(f"--{given[0]} needs --teacher")
        return
    if values.model == "popular":
        raise errors.UsageError("--teacher: --model=popular is not trained")
    if values.unlabelled is None:
        return
    if values.model in models.PROBES:
        raise errors.UsageError(f"--unlabelled: --model={values.model} embeds the tracks of its splits alone")
    if values.sampling == "class_aware":
        raise errors.UsageError(
            "--unlabelled: --sampling=class_aware draws tracks by their labels, and these have none"
        )


def teaching(
    values: flags.FlagValues, folder: run_folder.RunFolder, data: dataset.Dataset, resumed: bool
) -> "soft_labels.Teaching | None":
    """What the flags say, checked before any work; None: nobody teaches.

    A resumed run has its list of tracks in its folder, and needs the teacher only if that has not heard them all.

    Raises:
      KerastagError: the teacher cannot be read, lacks a tag, hears nothing, is not the one that began, or lies in the
        folder of the new run; there is no music without labels.
    """
    if values.teacher is None:
        return None
    from kerastag.training import soft_labels

    how = (values.soft_weight, values.teacher_chunks)
    if not resumed:
        source = _source(values.teacher, data.vocabulary)
        _check_outside(source, folder)
        return soft_labels.Teaching(source, _unlabelled(values, data), *how)
    kept = soft_labels.SoftLabels.of_run(folder)
    unlabelled = kept.unlabelled(soft_labels.identities(data))
    if kept.complete:
        return soft_labels.Teaching(None, unlabelled, *how)
    source = _source(values.teacher, data.vocabulary)
    if source.fingerprint != (folder.record().teacher or {}).get("fingerprint"):
        raise errors.KerastagError(f"{values.teacher}: not the teacher that the run was begun with", "teacher")
    return soft_labels.Teaching(source, unlabelled, *how)


def _source(teacher: str, vocabulary: tags.Vocabulary) -> "model_source.ModelSource":
    from kerastag.inference import model_source

    source = model_source.find(teacher)
    missing = [
        short for name, short in zip(vocabulary, vocabulary.short_names, strict=True) if name not in source.vocabulary
    ]
    if missing:
        raise errors.KerastagError(f"{teacher}: lacks tags that are to be learnt: {', '.join(missing)}", "teacher")
    records = source.model.records if source.model else ()
    if records and all(record.text_flag("model") == "popular" for record in records):
        raise errors.KerastagError(f"{teacher}: the popularity baseline hears nothing that it could teach", "teacher")
    source.fingerprint  # noqa: B018  reads every file of the model
    return source


def _check_outside(source: "model_source.ModelSource", folder: run_folder.RunFolder) -> None:
    """Raises KerastagError: a new run, which empties its folder, would take its teacher with it."""
    runs = [run.path for run in source.model.runs] if source.model else []
    for path in (source.folder, *runs):
        if folder.path.resolve() in (path.resolve(), *path.resolve().parents):
            raise errors.KerastagError(f"{path}: lies in the folder of the new run, which is emptied", "run_dir")


def _unlabelled(values: flags.FlagValues, data: dataset.Dataset) -> tuple[str, ...]:
    """The music without labels: not the tracks of a split, of which a student would learn what it is measured by."""
    if values.unlabelled is None:
        return ()
    found = finding.find_audio([values.unlabelled], skip=_of_splits(values, data))
    cli.warn(found.warnings())
    if not found.files:
        raise errors.KerastagError(f"{values.unlabelled}: no audio beside the tracks of the splits", "unlabelled")
    return tuple(os.path.abspath(path) for path in found.files)


def _of_splits(values: flags.FlagValues, data: dataset.Dataset) -> Iterator[pathlib.Path]:
    """The files of the training and validation tracks, and of the test split if there is one."""
    sources = [*data.training, data.validation]
    test = splits.split_path(data.validation.folder, values.test_split, "test")
    if test.is_file():
        sources.append(dataset.Source(data.validation.folder, splits.read(test)))
    for source in sources:
        for track in source.split.tracks:
            with contextlib.suppress(errors.KerastagError):  # training tells of those that are not there
                yield track_files.resolve(source.folder, track)
