"""Batch normalisation folded into the convolutions before it: the same network for inference, at twice the speed."""

import keras
import numpy as np

from kerastag.models import layers


def fold(model: keras.Model, precision: str | None = None) -> keras.Model:
    """The network without the batch normalisations that follow a convolution or dense layer.

    Args:
      model: of this package; it is left as it is.
      precision: policy of the result; None: the model's.

    Returns:
      a network for inference with the logits of `model`, to float32's last digits; the popularity baseline itself.
    """
    folded = empty(model, precision)
    if folded is not model:
        fill(folded, model)
    return folded


def empty(model: keras.Model, precision: str | None = None) -> keras.Model:
    """The folded network with fresh weights, to be filled whenever those of `model` have changed."""
    config = model.get_config()
    if "folded" not in config:
        return model
    return model.__class__.from_config({**config, "folded": True, "precision": precision or model.precision})


def fill(folded: keras.Model, model: keras.Model) -> None:
    """Gives `folded` the weights of `model`: kernel * s, (bias - mean) * s + beta, s = gamma / sqrt(variance + eps)."""
    norms = _norms(model)
    for layer in folded.layers:
        values = [np.asarray(weight) for weight in model.get_layer(layer.name).weights]
        if layer.name in norms:
            kernel, bias = (value.astype(np.float64) for value in values)
            norm = norms[layer.name]
            gamma, beta, mean, variance = (np.asarray(weight, np.float64) for weight in norm.weights)
            scale = gamma / np.sqrt(variance + norm.epsilon)  # (channels,)
            values = [(kernel * scale).astype(np.float32), ((bias - mean) * scale + beta).astype(np.float32)]
        layer.set_weights(values)


def _norms(model: keras.Model) -> dict[str, layers.BatchNormalization]:
    """The batch normalisation after each convolution and dense layer that has one, by that layer's name."""
    norms = {}
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            before = layer.input._keras_history.operation
            if hasattr(before, "kernel"):
                norms[before.name] = layer
    return norms
