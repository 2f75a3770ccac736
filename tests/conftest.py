"""One TensorFlow for the whole suite, on two virtual CPU devices so that strategies can be tested."""

import pathlib

import numpy as np
import pytest

SHARED = pathlib.Path(__file__).parent.parent.parent / "shared"


@pytest.fixture(scope="session", autouse=True)
def tensorflow():
    """TensorFlow, started as the commands start it."""
    from kerastag import runtime
    from kerastag.training import devices

    runtime.start()
    devices.strategy("mirrored", num_devices=2)
    import tensorflow as tf

    return tf


@pytest.fixture(scope="session")
def goldens():
    """A function from a name to the reference implementation's arrays; skips without them."""

    def load(name: str) -> dict[str, np.ndarray]:
        path = SHARED / "goldens" / f"{name}.npz"
        if not path.is_file():
            pytest.skip(f"the reference numbers {name}.npz are not here")
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)

    return load


@pytest.fixture
def rng():
    """A seeded generator."""
    return np.random.default_rng(7)
