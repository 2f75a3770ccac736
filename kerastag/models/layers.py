"""Layers that Keras does not have as the recipe needs them."""

import functools
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerastag.models import mel
from kerastag.tensors import Config, Tensor

PADDINGS = ("reflect", "zeros")
EPSILON = 1e-5  # added to the variance in batch normalisation


@keras.saving.register_keras_serializable(package="kerastag")
class LogMelSpectrogram(keras.layers.Layer):
    """Waveform (batch, samples) to mel spectrogram (batch, num_mels, num_frames, 1) in dB.

    As it comes: a periodic Hann window as long as the FFT, frames centred with reflection, power, HTK triangles
    without area normalisation, 10 log10(max(x, 1e-10)): librosa.stft and librosa.filters.mel(htk=True, norm=None).
    Always in float32, whatever the precision policy: the power overflows in half precision. A waveform must be
    longer than half the FFT, since reflection needs that much.

    Args:
      sample_rate: sample rate of the waveform, in Hz; the highest band ends at half of it.
      fft_size: samples per FFT and window.
      hop_size: samples from frame to frame.
      num_mels: bands.
      floor_db: the value of silence, also of every band too narrow to hold an FFT bin (the lowest one here).
      mel_scale: one of mel.SCALES.
      unit_area: triangles with an area of 1, not a peak of 1; see mel.filter_bank.
      symmetric_window: the Hann window ends at the zero it starts with, as Essentia's does.
      padding: what is beyond both ends, where frames are centred on the first sample and on the last: "reflect", the
        waveform mirrored, or "zeros", of which Essentia has as many at the end as the last hop needs.
      db_per_decade: decibels per decade of power; 20, as MTG's published spectrograms have it, doubles all values.
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
        self.filters = filters.astype(np.float32)  # (num_bins, num_mels)
        self.floor_power = 10 ** (floor_db / db_per_decade)

    def call(self, waveform: Tensor) -> Tensor:
        waveform = tf.cast(waveform, tf.float32)
        half = self.fft_size // 2
        if self.padding == "reflect":
            padded = tf.pad(waveform, [[0, 0], [half, half]], mode="REFLECT")
        else:
            padded = tf.pad(waveform, [[0, 0], [half, half + -tf.shape(waveform)[1] % self.hop_size]])
        window = functools.partial(tf.signal.hann_window, periodic=not self.symmetric_window)
        spectrum = tf.signal.stft(padded, self.fft_size, self.hop_size, self.fft_size, window)
        power = tf.square(tf.math.real(spectrum)) + tf.square(tf.math.imag(spectrum))  # (batch, num_frames, num_bins)
        bands = tf.matmul(power, self.filters)  # (batch, num_frames, num_mels)
        decibel = self.db_per_decade / np.log(10) * tf.math.log(tf.maximum(bands, self.floor_power))
        return tf.transpose(decibel, [0, 2, 1])[..., None]  # (batch, num_mels, num_frames, 1)

    def compute_output_spec(self, waveform: Tensor) -> Tensor:
        batch, samples = waveform.shape
        spare = 0 if self.padding == "reflect" else self.hop_size - 1  # with zeros, a part of a hop has a frame too
        num_frames = None if samples is None else 1 + (samples + spare) // self.hop_size
        return keras.KerasTensor((batch, self.num_mels, num_frames, 1), dtype="float32")

    def get_config(self) -> Config:
        names = (
            *("sample_rate", "fft_size", "hop_size", "num_mels", "floor_db"),
            *("mel_scale", "unit_area", "symmetric_window", "padding", "db_per_decade"),
        )
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable(package="kerastag")
class BatchNormalization(keras.layers.Layer):
    """Batch normalisation of the last axis: exact in float32, on TensorFlow's fused kernel in half precision.

    Input of (batch, channels) or (batch, height, width, channels); weights and statistics are float32. The moving
    variance is the unbiased one, as PyTorch keeps it; Keras' own layer keeps the biased one and does without the fused
    kernel, which makes a training step in bfloat16 more than twice as fast. That kernel adds a channel's values one
    by one in float32, too coarse for float32 training to follow a reference; see `normalise`. Under a strategy each
    replica normalises by its own share of the batch and the moving statistics are the mean over replicas.

    Args:
      momentum: momentum of the moving statistics, in Keras' sense: the weight of the old value.
      epsilon: added to the variance.
    """

    def __init__(self, momentum: float = 0.9, epsilon: float = EPSILON, **kwargs: Any):
        super().__init__(**kwargs)
        self.momentum = momentum
        self.epsilon = epsilon

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        exact = {"shape": (input_shape[-1],), "dtype": "float32", "autocast": False}
        self.gamma = self.add_weight(name="gamma", initializer="ones", **exact)
        self.beta = self.add_weight(name="beta", initializer="zeros", **exact)
        moving = {**exact, "trainable": False, "aggregation": "mean"}
        self.moving_mean = self.add_weight(name="moving_mean", initializer="zeros", **moving)
        self.moving_variance = self.add_weight(name="moving_variance", initializer="ones", **moving)

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        if not training:
            return self._fused(inputs, self.moving_mean.value, self.moving_variance.value)[0]
        if inputs.dtype == tf.float32 or inputs.shape[-1] == 1:  # one channel: the kernel is at its coarsest there
            y, mean, variance = normalise(tf.cast(inputs, tf.float32), self.gamma.value, self.beta.value, self.epsilon)
        else:
            empty = tf.zeros([0], tf.float32)
            y, mean, variance = self._fused(inputs, empty, empty, training=True)
        for moving, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving.value * self.momentum + value * (1 - self.momentum))
        return tf.cast(y, inputs.dtype)

    def _fused(
        self, inputs: Tensor, mean: Tensor, variance: Tensor, training: bool = False
    ) -> tuple[Tensor, Tensor, Tensor]:
        flat = len(inputs.shape) == 2
        y, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs[:, None, None, :] if flat else inputs,
            scale=self.gamma.value,
            offset=self.beta.value,
            mean=mean,
            variance=variance,
            epsilon=self.epsilon,
            is_training=training,
        )
        return y[:, 0, 0, :] if flat else y, mean, variance

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> Config:
        return {**super().get_config(), "momentum": self.momentum, "epsilon": self.epsilon}


def batch_norm(x: Tensor, name: str, precision: str, folded: bool = False) -> Tensor:
    """Batch normalisation after a convolution or dense layer; only noted where it is folded into that."""
    if not folded:
        return BatchNormalization(name=name, dtype=precision)(x)
    x._keras_history.operation.kerastag_norm = name
    return x


def folded_norm(layer: keras.layers.Layer) -> str | None:
    """The name of the batch normalisation that is folded into a layer; None if there is none."""
    return getattr(layer, "kerastag_norm", None)


def inner_policy(precision: str, folded: bool) -> str:
    """The policy between front end and output: a network for inference alone keeps half-precision weights.

    A mixed policy casts every kernel in every call, 5 % of the time of inference; the numbers are the same.
    """
    return precision.removeprefix("mixed_") if folded else precision


def normalise(x: Tensor, gamma: Tensor, beta: Tensor, epsilon: float) -> tuple[Tensor, Tensor, Tensor]:
    """Batch normalisation by batch statistics whose sums, forward and backward, are exact to float32's last digits.

    With the naive sums of the fused kernel the means are off by 2e-6, which flips units at zero; 14 steps of training
    then end 20 times further from the reference than with these.

    Args:
      x: (..., channels) float32.
      gamma, beta: (channels,).
      epsilon: added to the variance.

    Returns:
      the normalised x; the batch's mean and unbiased variance, (channels,), without gradients.
    """

    @tf.custom_gradient
    def run(x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
        count = tf.cast(tf.size(x) // x.shape[-1], tf.float64)
        mean = _channel_sum(x) / count
        centred = x - tf.cast(mean, tf.float32)
        variance = _channel_sum(tf.square(centred)) / count
        scale = tf.cast(tf.math.rsqrt(variance + epsilon), tf.float32)
        normal = centred * scale
        unbiased = variance * count / tf.maximum(count - 1, 1)

        def gradient(dy: Tensor, *statistics: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            d_beta, d_gamma = _channel_sum(dy), _channel_sum(dy * normal)
            mean_part, normal_part = tf.cast(d_beta / count, tf.float32), tf.cast(d_gamma / count, tf.float32)
            dx = gamma * scale * (dy - mean_part - normal * normal_part)
            return dx, tf.cast(d_gamma, tf.float32), tf.cast(d_beta, tf.float32)

        return (normal * gamma + beta, tf.cast(mean, tf.float32), tf.cast(unbiased, tf.float32)), gradient

    return run(x, gamma, beta)


def _channel_sum(x: Tensor) -> Tensor:
    """Sums (..., channels) to (channels,) float64, axis by axis: short sums in float32, the last one in float64."""
    for axis in reversed(range(1, len(x.shape) - 1)):
        x = tf.reduce_sum(x, axis)
    return tf.reduce_sum(tf.cast(x, tf.float64), 0)
