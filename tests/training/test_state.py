"""When a run is over; and checkpoints that are damaged."""

import json

import keras
import numpy as np
import pytest

from kerastag import errors
from kerastag.training import state as training_state


@pytest.mark.parametrize(
    ("epoch", "best_epoch", "seconds", "end", "is_over"),
    [
        (0, 0, 0.0, (5, 0, None), False),
        (4, 1, 1e6, (5, 0, None), False),  # neither patience nor seconds are asked for
        (5, 5, 0.0, (5, 0, None), True),
        (3, 1, 0.0, (5, 2, None), True),
        (2, 1, 0.0, (5, 2, None), False),
        (4, 0, 0.0, (5, 2, None), False),  # no figure is defined: nothing can improve
        (1, 1, 9.9, (5, 0, 10.0), False),
        (1, 1, 10.0, (5, 0, 10.0), True),
    ],
)
def test_a_run_is_over_by_epochs_patience_or_seconds(epoch, best_epoch, seconds, end, is_over):
    state = training_state.TrainingState(epoch=epoch, best_epoch=best_epoch, seconds=seconds)
    assert state.is_over(*end) is is_over


@pytest.mark.parametrize(
    "change", [{"epoch": "3"}, {"epoch": None}, {"best_score": [1]}, {"seconds": 10**400}, {"more": 1}, {"step": True}]
)
def test_a_state_of_other_types_is_refused(change, tmp_path):
    (tmp_path / "state.json").write_text(json.dumps(change))
    with pytest.raises(errors.KerastagError, match=r"state\.json: not a checkpoint's state \('"):
        training_state.read(tmp_path)


def test_variables_that_unpack_to_more_than_they_are_are_refused(tmp_path):
    network = keras.Sequential([keras.Input([2]), keras.layers.Dense(1)])
    np.savez_compressed(tmp_path / "variables.npz", model_0000=np.zeros(1_000_000))
    with pytest.raises(errors.KerastagError, match=r"variables\.npz: is damaged \(it unpacks to more than it is"):
        training_state.restore(tmp_path, network, keras.optimizers.SGD())
