"""Which panels a level of monitoring has."""

import dataclasses
from collections.abc import Sequence

import keras
import numpy as np

from kerastag.data import pipeline
from kerastag.runs import examples, run_folder
from kerastag.runs.record import RunRecord
from kerastag.training import state as training_state
from kerastag.training.monitoring import (
    callback,
    comparison,
    listening,
    projector,
    scalars,
    tag_pictures,
    texts,
)
from kerastag.training.settings import Settings, Splits

LEVELS = ("full", "scalars", "none")


@dataclasses.dataclass(frozen=True)
class Watched:
    """The run that is shown.

    Attributes:
      folder: folder of the run.
      record: what it was started with.
      precision: the policy in use.
      state: state of the training.
      model: in training.
      tag_names: full names in column order.
      class_counts: training tracks with each tag, (num_tags,).
      tracks: that it trains and validates on.
      chunk: what the model takes.
      settings: how long it trains, and how it validates.
      averages: whether it keeps an average of its weights.
    """

    folder: run_folder.RunFolder
    record: RunRecord
    precision: str
    state: training_state.TrainingState
    model: keras.Model
    tag_names: Sequence[str]
    class_counts: np.ndarray
    tracks: Splits
    chunk: pipeline.ChunkFormat
    settings: Settings
    averages: bool = False


def monitoring(level: str, run: Watched) -> callback.Monitoring | None:
    """The callback of a level: full; scalars, curves and settings alone; none, nothing at all."""
    if level == "none":
        return None
    panels = [
        scalars.Scalars(run.class_counts, run.averages),
        scalars.TagScalars(run.class_counts),
        comparison.Comparison(run.folder.path.name, {**run.record.flags, "precision": run.precision}, run.state),
    ]
    if level == "full":
        panels += _pictures(run)
    return callback.Monitoring(run.folder.events_path, panels, run.settings.epochs, run.settings.validate_every)


def _pictures(run: Watched) -> list[callback.Panel]:
    tracks, listed = run.tracks.validation, run.tracks.listed
    chosen = examples.read(run.folder) or examples.write(run.folder, tracks, listed, run.model)
    rates, how = tracks.labels.mean(axis=0), (run.settings.validation_chunks, run.settings.batch_size)
    return [
        tag_pictures.TagPictures(),
        listening.Listening(chosen),
        texts.Texts(run.record, run.class_counts, rates, run.tag_names, run.model),
        projector.Projector(run.folder, tracks, listed, run.chunk, *how),
    ]
