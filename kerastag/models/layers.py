"""Layers that Keras does not have as the recipe needs them."""

import functools
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerastag.models import mel

PADDINGS = ("reflect", "zeros")


@keras.saving.register_keras_serializable(package="kerastag")
class LogMelSpectrogram(keras.layers.Layer):
    """Waveform (batch, samples) to mel spectrogram (batch, num_mels, num_frames, 1) in dB.

    As it comes: a periodic Hann window as long as the FFT, frames centred with reflection, power, HTK triangles
    without area normalisation, 10 log10(max(x, 1e-10)): librosa.stft and librosa.filters.mel(htk=True, norm=None).
    Always in float32, whatever the precision policy: the power overflows in half precision. A waveform must be
    longer than half the FFT, since reflection needs that much.

    Args:
      sample_rate: of the waveform, in Hz; the highest band ends at half of it.
      fft_size: samples per FFT and window.
      hop_size: samples from frame to frame.
      num_mels: bands.
      floor_db: the value of silence, also of every band too narrow to hold an FFT bin (the lowest one here).
      mel_scale: one of mel.SCALES.
      unit_area: triangles with an area of 1, not a peak of 1; see mel.filter_bank.
      symmetric_window: the Hann window ends at the zero it starts with, as Essentia's does.
      padding: what is beyond both ends, where frames are centred on the first sample and on the last: "reflect", the
        waveform mirrored, or "zeros", of which Essentia has as many at the end as the last hop needs.
      db_per_decade: of power; 20, as MTG's published spectrograms have it, doubles all values.
    """

    def __init__(
        self,
        sample_rate: int = 16_000,
        fft_size: int = 512,
        hop_size: int = 256,
        num_mels: int = 128,
        floor_db: float = -100.0,
        mel_scale: str = "htk",
        unit_area: bool = False,
        symmetric_window: bool = False,
        padding: str = "reflect",
        db_per_decade: float = 10.0,
        **kwargs: Any,
    ):
        super().__init__(**{"trainable": False, **kwargs, "dtype": "float32", "autocast": False})
        if padding not in PADDINGS:
            raise ValueError(f"unknown padding '{padding}'; there are {', '.join(PADDINGS)}")
        self.sample_rate = sample_rate
        self.fft_size = fft_size
        self.hop_size = hop_size
        self.num_mels = num_mels
        self.floor_db = floor_db
        self.mel_scale = mel_scale
        self.unit_area = unit_area
        self.symmetric_window = symmetric_window
        self.padding = padding
        self.db_per_decade = db_per_decade
        filters = mel.filter_bank(sample_rate, fft_size, num_mels, sample_rate / 2, mel_scale, unit_area)
        self._filters = filters.astype(np.float32)

    def call(self, waveform: Any) -> Any:
        waveform = tf.cast(waveform, tf.float32)
        half = self.fft_size // 2
        if self.padding == "reflect":
            padded = tf.pad(waveform, [[0, 0], [half, half]], mode="REFLECT")
        else:
            padded = tf.pad(waveform, [[0, 0], [half, half + -tf.shape(waveform)[1] % self.hop_size]])
        window = functools.partial(tf.signal.hann_window, periodic=not self.symmetric_window)
        spectrum = tf.signal.stft(padded, self.fft_size, self.hop_size, self.fft_size, window)
        power = tf.square(tf.math.real(spectrum)) + tf.square(tf.math.imag(spectrum))  # (batch, num_frames, num_bins)
        bands = tf.matmul(power, self._filters)  # (batch, num_frames, num_mels)
        floor = 10 ** (self.floor_db / self.db_per_decade)
        decibel = self.db_per_decade / np.log(10) * tf.math.log(tf.maximum(bands, floor))
        return tf.transpose(decibel, [0, 2, 1])[..., None]  # (batch, num_mels, num_frames, 1)

    def compute_output_spec(self, waveform: Any) -> Any:
        batch, samples = waveform.shape
        spare = 0 if self.padding == "reflect" else self.hop_size - 1  # with zeros, a part of a hop has a frame too
        num_frames = None if samples is None else 1 + (samples + spare) // self.hop_size
        return keras.KerasTensor((batch, self.num_mels, num_frames, 1), dtype="float32")

    def get_config(self) -> dict[str, Any]:
        names = (
            *("sample_rate", "fft_size", "hop_size", "num_mels", "floor_db"),
            *("mel_scale", "unit_area", "symmetric_window", "padding", "db_per_decade"),
        )
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable(package="kerastag")
class BatchNormalization(keras.layers.Layer):
    """Batch normalisation of the last axis on TensorFlow's fused kernel.

    Keras' own layer does not use that kernel, which makes a training step more than twice as fast here, and keeps
    the biased moving variance; this one keeps the unbiased one, as PyTorch does. Input of (batch, channels) or
    (batch, height, width, channels) in any floating type; weights and statistics are float32. Under a strategy
    each replica normalises by its own share of the batch and the moving statistics are the mean over replicas.

    Args:
      momentum: of the moving statistics, in Keras' sense: the weight of the old value.
      epsilon: added to the variance.
    """

    def __init__(self, momentum: float = 0.9, epsilon: float = 1e-5, **kwargs: Any):
        super().__init__(**kwargs)
        self.momentum = momentum
        self.epsilon = epsilon

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        shape = (input_shape[-1],)
        self.gamma = self.add_weight(name="gamma", shape=shape, initializer="ones", autocast=False)
        self.beta = self.add_weight(name="beta", shape=shape, initializer="zeros", autocast=False)
        moving = {"shape": shape, "trainable": False, "autocast": False, "aggregation": "mean"}
        self.moving_mean = self.add_weight(name="moving_mean", initializer="zeros", **moving)
        self.moving_variance = self.add_weight(name="moving_variance", initializer="ones", **moving)

    def call(self, inputs: Any, training: bool = False) -> Any:
        if training and inputs.shape[-1] == 1:
            return self._normalise_one_channel(inputs)
        x = inputs[:, None, None, :] if len(inputs.shape) == 2 else inputs
        empty = tf.zeros([0], tf.float32)
        y, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=x,
            scale=self.gamma.value,
            offset=self.beta.value,
            mean=empty if training else self.moving_mean.value,
            variance=empty if training else self.moving_variance.value,
            epsilon=self.epsilon,
            is_training=bool(training),
        )
        if training:
            self._update(mean, variance)
        return y[:, 0, 0, :] if len(inputs.shape) == 2 else y

    def _normalise_one_channel(self, inputs: Any) -> Any:
        # the fused kernel adds a channel's values one by one in float32: over the million of a batch of spectrograms
        # the variance comes out wrong in the fourth digit
        x = tf.cast(inputs, tf.float32)
        mean, variance = tf.nn.moments(x, axes=list(range(len(x.shape) - 1)))
        count = tf.cast(tf.size(x), tf.float32)
        self._update(mean, variance * count / tf.maximum(count - 1, 1))
        y = tf.nn.batch_normalization(x, mean, variance, self.beta.value, self.gamma.value, self.epsilon)
        return tf.cast(y, inputs.dtype)

    def _update(self, mean: Any, variance: Any) -> None:
        for moving, batch_value in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving.value * self.momentum + batch_value * (1 - self.momentum))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "momentum": self.momentum, "epsilon": self.epsilon}
