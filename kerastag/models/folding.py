"""Batch normalisation folded into the convolutions before it: the same network for inference, at twice the speed."""

import os

import keras
import numpy as np

from kerastag.models import loading
from kerastag.models import norm as norms


def fold(model: keras.Model, precision: str | None = None) -> keras.Model:
    """The network without the batch normalisations that follow a convolution or dense layer.

    Args:
      model: a model of this package; it is left as it is.
      precision: policy of the result; None: the model's.

    Returns:
      a network for inference with the logits of `model`, to float32's last digits; the popularity baseline itself.
    """
    folded = empty(model, precision)
    if folded is not model:
        fill(folded, model)
    return folded


def load(path: str | os.PathLike[str], precision: str | None = None) -> keras.Model:
    """`fold` of a .keras file; the network that it holds is not built, which would take longer than all else.

    Raises:
      KerastagError: the file cannot be read as a model of this package.
    """
    saved = loading.read(path)
    if saved is None or "folded" not in saved.config:
        return fold(loading.load(path), precision)
    with loading.told_of(path):
        folded = saved.build({**saved.config, "folded": True, "precision": precision or saved.config["precision"]})
        _fill(folded, saved.weights)
    return folded


def empty(model: keras.Model, precision: str | None = None) -> keras.Model:
    """The folded network with fresh weights, to be filled whenever those of `model` have changed."""
    config = model.get_config()
    if "folded" not in config:
        return model
    return model.__class__.from_config({**config, "folded": True, "precision": precision or model.precision})


def fill(folded: keras.Model, model: keras.Model) -> None:
    """Gives `folded` the weights of `model`: kernel * s, (bias - mean) * s + beta, s = gamma / sqrt(variance + eps)."""
    _fill(folded, {layer.name: [np.asarray(weight) for weight in layer.weights] for layer in model.layers})


def _fill(folded: keras.Model, weights: loading.Weights) -> None:
    for layer in folded.layers:
        if not layer.weights:
            continue
        values = weights[layer.name]
        norm = norms.folded_norm(layer)
        if norm in weights:  # else it was folded when it was saved
            kernel, bias = (value.astype(np.float64) for value in values)
            gamma, beta, mean, variance = (value.astype(np.float64) for value in weights[norm])
            scale = gamma / np.sqrt(variance + norms.EPSILON)  # (channels,)
            values = [(kernel * scale).astype(np.float32), ((bias - mean) * scale + beta).astype(np.float32)]
        layer.set_weights(values)
