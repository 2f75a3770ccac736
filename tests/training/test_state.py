"""When a run is over."""

import pytest

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
