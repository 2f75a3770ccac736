"""Where a run stands, and the checkpoint that brings it back exactly."""

import dataclasses
import pathlib
import zipfile
import zlib
from collections.abc import Sequence

import keras
import numpy as np

from kerastag import errors, files, json_types
from kerastag.metrics import matrices
from kerastag.runs import run_folder
from kerastag.tensors import Tensor


@dataclasses.dataclass
class TrainingState:
    """What an interrupted run needs beside its variables.

    Attributes:
      stage: stage of the schedule, whose optimiser is at work.
      epoch: epochs trained and validated in full.
      draw: draws of the plan of the next epoch that are trained on already.
      step: optimiser steps so far.
      loss_sum, loss_steps: sum and number of the losses since the epoch began, for its mean loss.
      norm_sum, norm_steps: likewise of the gradients' norm, of the steps where it is finite.
      best_score: the best validation score, strictly greater than all before; None before the first.
      best_epoch: the epoch that had it, counted from 1.
      best_averaged: whether it is that of averaged weights, see training.averaging.
      seconds: time spent in steps, over all sittings: not in waiting for input, validation or starting.
    """

    stage: int = 0
    epoch: int = 0
    draw: int = 0
    step: int = 0
    loss_sum: float = 0.0
    loss_steps: int = 0
    norm_sum: float = 0.0
    norm_steps: int = 0
    best_score: float | None = None
    best_epoch: int = 0
    best_averaged: bool = False
    seconds: float = 0.0

    def begin_epoch(self, epoch: int) -> None:
        """Forgets the sums of the epoch before."""
        self.epoch, self.draw = epoch, 0
        self.loss_sum, self.loss_steps, self.norm_sum, self.norm_steps = 0.0, 0, 0.0, 0

    def offer(self, score: float, epoch: int) -> bool:
        """Takes the score of an epoch; returns whether it is the best so far."""
        if self.best_score is not None and not score > self.best_score:
            return False
        self.best_score, self.best_epoch = score, epoch
        return True

    def is_over(self, epochs: int, patience: int = 0, max_seconds: float | None = None) -> bool:
        """Whether a run that stands at the end of an epoch is at its end, see settings.Settings."""
        if self.epoch >= epochs or (max_seconds is not None and self.seconds >= max_seconds):
            return True
        return patience > 0 and self.best_epoch > 0 and self.epoch - self.best_epoch >= patience


def save(
    folder: pathlib.Path,
    model: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    state: TrainingState,
    average: Sequence[keras.Variable] = (),
) -> None:
    """Writes variables, those of an average too, and state; the folder appears whole, in place of the one before.

    Neither .keras nor weights files keep the seeds of dropout, so every variable is written, seeds too.
    """
    with files.whole_folder(folder, overwrite=True) as temporary:
        np.savez(
            temporary / "variables.npz", **_variables(model, optimizer, average, lambda variable: np.asarray(variable))
        )
        files.write_json(temporary / run_folder.STATE, dataclasses.asdict(state))


def read(folder: pathlib.Path) -> TrainingState:
    """The state of a checkpoint.

    Raises:
      KerastagError: there is no checkpoint, or it is damaged.
    """
    if not (folder / run_folder.STATE).is_file():
        raise errors.KerastagError(f"{folder}: no checkpoint")
    try:
        return json_types.build(TrainingState, files.read_json(folder / run_folder.STATE))
    except TypeError as error:
        raise errors.KerastagError(f"{folder / run_folder.STATE}: not a checkpoint's state ({error})") from None


def restore(
    folder: pathlib.Path,
    model: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    average: Sequence[keras.Variable] = (),
) -> None:
    """Fills model, optimiser and average from a checkpoint.

    Raises:
      KerastagError: it is damaged, or of another network or optimiser; nothing is changed then.
    """
    optimizer.build(model.trainable_variables)
    variables = _variables(model, optimizer, average, lambda variable: variable)
    arrays = _arrays(folder / "variables.npz")
    shapes = {name: array.shape for name, array in arrays.items() if array.dtype.kind in "biuf"}
    if shapes != {name: tuple(variable.shape) for name, variable in variables.items()}:
        raise errors.KerastagError(f"{folder}: a checkpoint of another network or optimiser")
    for name, variable in variables.items():
        variable.assign(arrays[name])


def _arrays(path: pathlib.Path) -> dict[str, np.ndarray]:
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > path.stat().st_size:
                raise ValueError("it unpacks to more than it is")
        with np.load(path, allow_pickle=False) as saved:
            return {name: np.asarray(saved[name]) for name in saved}
    except OSError as error:
        raise errors.KerastagError(f"{path}: cannot be read ({files.reason(error)})") from None
    except (*matrices.DAMAGED, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise errors.KerastagError(f"{path}: is damaged ({error})") from None


def _variables(
    model: keras.Model, optimizer: keras.optimizers.Optimizer, average: Sequence[keras.Variable], value: Tensor
) -> dict[str, Tensor]:
    """Every variable by its position; Keras' own names have counters that differ from process to process."""
    optimizer.build(model.trainable_variables)
    kept = {"model": model.variables, "optimizer": optimizer.variables, "average": average}
    return {
        f"{owner}_{index:04d}": value(variable)
        for owner, variables in kept.items()
        for index, variable in enumerate(variables)
    }
