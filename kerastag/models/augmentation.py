"""Augmentation while training, on the device and inside the network: each example its own, nothing at evaluation.

What is drawn for an example is a hash of the seed, the step and the example's row in the whole batch, as dropout's
masks are: the same plain, compiled, on several devices, and after a resumption.
"""

import dataclasses
from typing import Any

import keras
import tensorflow as tf

from kerastag.models import layers
from kerastag.tensors import Config, Tensor

# widest masks, as shares of the bands and frames: 27 of 80 bands, Park et al. 2019, table 1; of a chunk's time, a fifth
MOST_BANDS, MOST_FRAMES = 27 / 80, 0.2
MOST_POINTS = 7  # of an equaliser's curve: 3 to 6 bands, Nam et al. 2022


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """What examples are changed by; nothing by default.

    Attributes:
      time_masks, frequency_masks: SpecAugment, Park et al. 2019, arXiv:1904.08779, section 2: stretches of frames and
        of mel bands that become the example's mean.
      gain_db: the waveform is louder or softer by up to so much.
      filter_db: FilterAugment, Nam et al. 2022, arXiv:2110.03282, of the linear type: an equaliser over mel bands,
        whose curve leads through 3 to 6 bands of random widths with gains up to so much.
      time_roll: the waveform begins anywhere and goes on with its start.
    """

    time_masks: int = 0
    frequency_masks: int = 0
    gain_db: float = 0.0
    filter_db: float = 0.0
    time_roll: bool = False

    def of_waveform(self, x: Tensor, num_chunks: int = 1) -> Tensor:
        """A network's input behind what changes waveforms; `num_chunks`: rows of the network for each of the batch."""
        if not (self.gain_db or self.time_roll):
            return x
        return WaveformAugmentation(self.gain_db, self.time_roll, num_chunks, name="augment_waveform")(x)

    def of_spectrogram(self, x: Tensor, num_chunks: int = 1) -> Tensor:
        """A mel spectrogram behind what changes it; see `of_waveform`."""
        if not (self.time_masks or self.frequency_masks or self.filter_db):
            return x
        how = (self.time_masks, self.frequency_masks, self.filter_db, num_chunks)
        return SpectrogramAugmentation(*how, name="augment_spectrogram")(x)


class _Augmentation(keras.layers.Layer):
    """Draws for the rows of a batch."""

    def __init__(self, num_chunks: int, **kwargs: Any):
        super().__init__(**{**kwargs, "dtype": "float32", "autocast": False})
        self.num_chunks = num_chunks
        self.seed_generator = keras.random.SeedGenerator()

    def _draws(self, x: Tensor, count: int) -> Tensor:
        """Uniform in [0, 1), float32 (batch, count), steps of 2^-24."""
        rows = layers.first_row() * self.num_chunks + tf.range(tf.shape(x, tf.int64)[0])
        return tf.cast(layers.hashed(self.seed_generator, rows, count) // 256, tf.float32) * 2.0**-24

    def compute_output_spec(self, x: Tensor, training: bool = False) -> Tensor:
        return keras.KerasTensor(x.shape, dtype="float32")


@keras.saving.register_keras_serializable(package="kerastag")
class WaveformAugmentation(_Augmentation):
    """Waveform (batch, samples) to one of another loudness and another beginning; see Augmentation."""

    def __init__(self, gain_db: float, time_roll: bool, num_chunks: int = 1, **kwargs: Any):
        super().__init__(num_chunks, **kwargs)
        self.gain_db = gain_db
        self.time_roll = time_roll

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        if not training:
            return x
        gain, shift = tf.unstack(self._draws(x, 2), axis=1)
        if self.gain_db:
            x = x * tf.pow(10.0, self.gain_db / 20 * (2 * gain - 1))[:, None]
        if self.time_roll:
            size = tf.shape(x)[1]
            first = tf.cast(shift * tf.cast(size, tf.float32), tf.int32)[:, None]
            x = tf.gather(x, (first + tf.range(size)) % size, batch_dims=1)
        return x

    def get_config(self) -> Config:
        names = ("gain_db", "time_roll", "num_chunks")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable(package="kerastag")
class SpectrogramAugmentation(_Augmentation):
    """Mel spectrogram (batch, num_mels, num_frames, 1), equalised if it is in dB, and masked; see Augmentation."""

    def __init__(
        self, time_masks: int, frequency_masks: int, filter_db: float = 0.0, num_chunks: int = 1, **kwargs: Any
    ):
        super().__init__(num_chunks, **kwargs)
        self.time_masks = time_masks
        self.frequency_masks = frequency_masks
        self.filter_db = filter_db

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        if not training:
            return x
        masks = 2 * (self.time_masks + self.frequency_masks)
        draws = self._draws(x, masks + 2 * MOST_POINTS - 1)
        num_mels, num_frames = x.shape[1], tf.shape(x)[2]
        if self.filter_db:
            x = x + self.filter_db * _curve(draws[:, masks:], num_mels)[:, :, None, None]
        if not masks:
            return x
        mean = tf.reduce_mean(x, axis=[1, 2, 3], keepdims=True)
        of_time = 2 * self.time_masks
        frames = _masked(draws[:, :of_time], num_frames, MOST_FRAMES)[:, None, :, None]
        bands = _masked(draws[:, of_time:masks], num_mels, MOST_BANDS)[:, :, None, None]
        return tf.where(frames | bands, mean, x)

    def get_config(self) -> Config:
        names = ("time_masks", "frequency_masks", "filter_db", "num_chunks")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def _masked(draws: Tensor, size: int | Tensor, most: float) -> Tensor:
    """Which of `size` places masks cover, bool (batch, size): each as wide as a draw says, at a place that one says.

    Args:
      draws: in [0, 1), (batch, 2 * num_masks).
      size: frames or bands.
      most: the widest mask, as a share of them.
    """
    places = tf.cast(tf.range(size), tf.float32)
    whole = tf.cast(size, tf.float32)
    widths = tf.floor(draws[:, ::2, None] * (tf.floor(whole * most) + 1))  # 0 to the widest, (batch, num_masks, 1)
    firsts = tf.floor(draws[:, 1::2, None] * (whole - widths + 1))
    return tf.reduce_any((places >= firsts) & (places < firsts + widths), axis=1)


def _curve(draws: Tensor, num_mels: int) -> Tensor:
    """A line of 3 to 6 stretches of random widths through random values in [-1, 1), over mel bands, (batch, num_mels).

    Args:
      draws: in [0, 1), (batch, 2 * MOST_POINTS - 1): values, how many stretches, where they meet.
    """
    values, number, inner = draws[:, :MOST_POINTS] * 2 - 1, draws[:, MOST_POINTS], draws[:, MOST_POINTS + 1 :]
    used = tf.range(MOST_POINTS - 2) < 2 + tf.cast(number[:, None] * 4, tf.int32)  # 2 to 5 points between the ends
    inner = tf.sort(tf.where(used, inner, 1.0), axis=1)
    ends = tf.zeros_like(inner[:, :1])
    points = tf.concat([ends, inner, ends + 1], axis=1)  # (batch, MOST_POINTS), those not used at 1
    bands = (tf.range(num_mels, dtype=tf.float32) + 0.5) / num_mels
    left = tf.reduce_sum(tf.cast(points[:, None, :] <= bands[:, None], tf.int32), axis=2) - 1  # (batch, num_mels)
    starts, ends = (tf.gather(points, left + n, batch_dims=1) for n in (0, 1))
    before, after = (tf.gather(values, left + n, batch_dims=1) for n in (0, 1))
    return before + (after - before) * (bands - starts) / (ends - starts)
