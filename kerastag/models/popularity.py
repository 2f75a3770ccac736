"""The popularity baseline: the same scores for every track, how often each tag occurs in training."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerastag.tensors import Config, Tensor


@keras.saving.register_keras_serializable(package="kerastag")
class ConstantLogits(keras.layers.Layer):
    """The same logits for every row of its input.

    Args:
      logits: (num_tags,).
    """

    def __init__(self, logits: Sequence[float], **kwargs: Any):
        super().__init__(**{"trainable": False, **kwargs, "dtype": "float32", "autocast": False})
        self.logits = [float(logit) for logit in logits]

    def call(self, inputs: Tensor) -> Tensor:
        return tf.tile(tf.constant([self.logits], tf.float32), [tf.shape(inputs)[0], 1])

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (input_shape[0], len(self.logits))

    def get_config(self) -> Config:
        return {**super().get_config(), "logits": self.logits}


@keras.saving.register_keras_serializable(package="kerastag")
class Popular(keras.Model):
    """Waveform (batch, samples), which it does not listen to, to the logits of the tags' frequencies.

    Args:
      frequencies: (num_tags,) share of the training tracks with each tag, in [0, 1].
      precision: float32 in all; taken so that it loads like a network.
    """

    chunk_samples = 16_000
    sample_rate = 16_000
    centred = True  # one chunk is enough
    consecutive = None

    def __init__(
        self, frequencies: Sequence[float], precision: str | None = None, name: str = "popular", **kwargs: Any
    ):
        share = np.clip(np.asarray(frequencies, np.float64), 1e-6, 1 - 1e-6)
        waveform = keras.Input((None,), name="waveform", dtype="float32")
        logits = ConstantLogits(np.log(share / (1 - share)).tolist(), name="frequencies")(waveform)
        super().__init__(waveform, logits, name=name, **kwargs)
        self.frequencies = [float(frequency) for frequency in frequencies]
        self.precision = precision or "float32"

    @property
    def num_tags(self) -> int:
        """Outputs."""
        return len(self.frequencies)

    def get_config(self) -> Config:
        return {"frequencies": self.frequencies, "precision": self.precision, "name": self.name}

    @classmethod
    def from_config(cls, config: Config, custom_objects: Config | None = None) -> "Popular":
        return cls(**config)
