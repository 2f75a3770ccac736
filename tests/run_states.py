"""What two runs ended with, side by side."""

import pathlib

import numpy as np


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
