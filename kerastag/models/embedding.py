"""What a network knows of a chunk before it names tags: the input of its dropout."""

import keras
import tensorflow as tf

from kerastag.tensors import Tensor


def tensor_of(model: keras.Model) -> Tensor:
    """The Keras tensor that dropout takes, (batch, width); None: the model has none."""
    dropouts = [layer for layer in model.layers if isinstance(layer, keras.layers.Dropout)]
    return dropouts[-1].input if dropouts else None


def width_of(model: keras.Model) -> int:
    """Numbers in an embedding; 0: the model has none."""
    hidden = tensor_of(model)
    return 0 if hidden is None else int(hidden.shape[-1])


def model_of(model: keras.Model) -> keras.Model | None:
    """Waveform (batch, samples) to embedding, float32 (batch, width), with the model's weights; None: it has none."""
    hidden = tensor_of(model)
    return None if hidden is None else keras.Model(model.input, _float32(hidden))


def with_logits(model: keras.Model) -> keras.Model | None:
    """The same to logits (batch, num_tags) and embedding, computed once; None: it has none."""
    hidden = tensor_of(model)
    return None if hidden is None else keras.Model(model.input, [model.output, _float32(hidden)])


def _float32(values: Tensor) -> Tensor:
    return keras.layers.Lambda(lambda x: tf.cast(x, tf.float32), dtype="float32")(values)
