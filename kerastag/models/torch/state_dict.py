"""Weights under their PyTorch names into a Keras model: layer1.conv_1.weight to the layer layer1_conv_1."""

from collections.abc import Mapping

import keras
import numpy as np

from kerastag import errors
from kerastag.tensors import Tensor

# buffers of the mel spectrogram and counters of batches, which the networks here do without
_SKIPPED_PREFIXES = ("spec.", "to_db.")
_SKIPPED_SUFFIX = "num_batches_tracked"


def load(model: keras.Model, state: Mapping[str, np.ndarray]) -> None:
    """Fills every weight of `model` from a dict of arrays under the PyTorch names.

    Args:
      model: a built model whose layers are called like the PyTorch modules, with "_" for ".".
      state: NumPy arrays by name; mel filters, windows and `num_batches_tracked` are ignored.

    Raises:
      KerastagError: a weight is missing, left over, or of another shape; the model is then unchanged.
    """
    state = {name: np.asarray(array) for name, array in state.items() if not _is_skipped(name)}
    values, used = [], set()
    for layer in model.layers:
        for weight, parameter in _weights(layer):
            name = _find(state, layer.name, parameter)
            value = to_keras(state[name])
            if value.shape != tuple(weight.shape):
                raise errors.KerastagError(f"{name}: shape {value.shape}, the network has {tuple(weight.shape)}")
            values.append((weight, value))
            used.add(name)
    left_over = sorted(set(state) - used)
    if left_over:
        raise errors.KerastagError(f"{left_over[0]}: the network has no such weight ({len(left_over)} left over)")
    for weight, value in values:
        weight.assign(value)


def _is_skipped(name: str) -> bool:
    return name.startswith(_SKIPPED_PREFIXES) or name.endswith(_SKIPPED_SUFFIX)


def to_keras(array: np.ndarray) -> np.ndarray:
    """PyTorch's axis order to Keras': (out, in, h, w) to (h, w, in, out), (out, in) to (in, out)."""
    if array.ndim == 4:
        return array.transpose(2, 3, 1, 0)
    return array.T if array.ndim == 2 else array


def _weights(layer: keras.layers.Layer) -> list[tuple[Tensor, str]]:
    if hasattr(layer, "moving_mean"):
        return [
            (layer.gamma, "weight"),
            (layer.beta, "bias"),
            (layer.moving_mean, "running_mean"),
            (layer.moving_variance, "running_var"),
        ]
    return [(layer.kernel, "weight"), (layer.bias, "bias")] if hasattr(layer, "kernel") else []


def _find(state: Mapping[str, np.ndarray], layer: str, parameter: str) -> str:
    for name in state:
        if name.replace(".", "_") == f"{layer}_{parameter}":
            return name
    raise errors.KerastagError(f"{layer}.{parameter}: missing in the checkpoint")
