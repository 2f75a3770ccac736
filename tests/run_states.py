"""What two runs ended with, side by side; and a run that is interrupted."""

import os
import pathlib
import signal

import numpy as np
import pytest

from kerastag.training import loop


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
