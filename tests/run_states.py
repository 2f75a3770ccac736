"""What two runs ended with, side by side; and a run that is interrupted, killed, or not trained at all."""

import os
import pathlib
import shutil
import signal

import numpy as np
import pytest

from kerastag.runs import lock
from kerastag.training import fit, loop, state


def variables(run_dir: pathlib.Path) -> dict[str, np.ndarray]:
    """Every variable of a run's checkpoint."""
    with np.load(run_dir / "checkpoint" / "variables.npz") as arrays:
        return dict(arrays)


def assert_same(one: pathlib.Path, other: pathlib.Path) -> None:
    """That two runs ended with the same variables, bit for bit."""
    first, second = variables(one), variables(other)
    assert first.keys() == second.keys()
    for name, array in first.items():
        np.testing.assert_array_equal(array, second[name], err_msg=name)


def interrupt_in_step(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while that step of all is at work."""
    train_epoch = loop.Trainer.train_epoch

    def interrupted(self, batches, state, on_step):
        def then(number, logs):
            on_step(number, logs)
            if state.step == step:
                os.kill(os.getpid(), signal.SIGINT)

        return train_epoch(self, batches, state, then)

    monkeypatch.setattr(loop.Trainer, "train_epoch", interrupted)


def keep_as_killed(step: int, path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Copies a run's folder to `path` as it is once that step, the last of an epoch, is in its checkpoint."""
    save = state.save

    def saved(folder, model, optimizer, at, *more):
        save(folder, model, optimizer, at, *more)
        if at.step == step and not at.draw:
            shutil.copytree(folder.parent, path, ignore=shutil.ignore_patterns(lock.NAME))

    monkeypatch.setattr(state, "save", saved)


def interrupt_before_training(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ctrl-C where the next epoch would begin: what was refused before is, and no step is traced.

    Returns:
      the precision of each trainer that came so far.
    """
    precisions = []

    def interrupted(self, epoch):
        precisions.append(self._trainer.model.precision)
        raise loop.Interrupted

    monkeypatch.setattr(fit.Fit, "_run_epoch", interrupted)
    return precisions
