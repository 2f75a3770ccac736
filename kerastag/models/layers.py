"""Layers that Keras does not have as the recipe needs them."""

import contextlib
import contextvars
import functools
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerastag import precisions
from kerastag.models import mel, pcen
from kerastag.tensors import Config, Tensor

PADDINGS = ("reflect", "zeros", "none")
COMPRESSIONS = ("decibel", "log10_10000", "pcen")


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
        waveform mirrored, or "zeros", of which Essentia has as many at the end as the last hop needs; "none": the first
        frame begins with the waveform.
      db_per_decade: decibels per decade of power; 20, as MTG's published spectrograms have it, doubles all values.
      compression: "decibel", or "log10_10000": log10(1 + 10000 x) of the power, as musicnn has it, without a floor; or
        "pcen", see models.pcen.
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
        compression: str = "decibel",
        **kwargs: Any,
    ):
        super().__init__(**{"trainable": False, **kwargs, "dtype": "float32", "autocast": False})
        if padding not in PADDINGS:
            raise ValueError(f"unknown padding '{padding}'; there are {', '.join(PADDINGS)}")
        if compression not in COMPRESSIONS:
            raise ValueError(f"unknown compression '{compression}'; there are {', '.join(COMPRESSIONS)}")
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
        self.compression = compression
        filters = mel.filter_bank(sample_rate, fft_size, num_mels, sample_rate / 2, mel_scale, unit_area)
        self.filters = filters.astype(np.float32)  # (num_bins, num_mels)
        self.floor_power = 10 ** (floor_db / db_per_decade)

    def call(self, waveform: Tensor) -> Tensor:
        waveform = tf.cast(waveform, tf.float32)
        window = functools.partial(tf.signal.hann_window, periodic=not self.symmetric_window)
        spectrum = tf.signal.stft(self._padded(waveform), self.fft_size, self.hop_size, self.fft_size, window)
        power = tf.square(tf.math.real(spectrum)) + tf.square(tf.math.imag(spectrum))  # (batch, num_frames, num_bins)
        bands = self._bands(power)  # (batch, num_frames, num_mels)
        return tf.transpose(self.compress(bands), [0, 2, 1])[..., None]  # (batch, num_mels, num_frames, 1)

    def compress(self, bands: Tensor) -> Tensor:
        """The power of mel bands, (batch, num_frames, num_mels), on the layer's scale."""
        if self.compression == "pcen":
            return pcen.pcen(bands, self.hop_size / self.sample_rate)
        if self.compression == "log10_10000":
            return tf.math.log(10_000 * bands + 1) / np.log(10)
        return self.db_per_decade / np.log(10) * tf.math.log(tf.maximum(bands, self.floor_power))

    def _padded(self, waveform: Tensor) -> Tensor:
        half = self.fft_size // 2
        if self.padding == "none":
            return waveform
        if self.padding == "reflect":
            return tf.pad(waveform, [[0, 0], [half, half]], mode="REFLECT")
        return tf.pad(waveform, [[0, 0], [half, half + -tf.shape(waveform)[1] % self.hop_size]])

    def _bands(self, power: Tensor) -> Tensor:
        """Power (batch, num_frames, num_bins) to that of mel bands; on a GPU in float64, which TF32 does not reach.

        TensorFlow rounds float32 to TF32's 11 digits in products there, which puts values off by 3e-3 dB.
        """
        dtype = tf.float64 if precisions.has_gpu() else tf.float32
        bands = tf.matmul(tf.cast(power, dtype), tf.constant(self.filters, dtype))
        return tf.cast(bands, tf.float32)

    def compute_output_spec(self, waveform: Tensor) -> Tensor:
        batch, samples = waveform.shape
        # with zeros, a part of a hop has a frame too; without padding, no frame goes beyond an end
        spare = {"reflect": 0, "zeros": self.hop_size - 1, "none": -self.fft_size}[self.padding]
        num_frames = None if samples is None else 1 + (samples + spare) // self.hop_size
        return keras.KerasTensor((batch, self.num_mels, num_frames, 1), dtype="float32")

    def get_config(self) -> Config:
        names = (
            *("sample_rate", "fft_size", "hop_size", "num_mels", "floor_db"),
            *("mel_scale", "unit_area", "symmetric_window", "padding", "db_per_decade", "compression"),
        )
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


_first_row: contextvars.ContextVar[Tensor] = contextvars.ContextVar("first_row", default=0)


@contextlib.contextmanager
def rows_from(first_row: Tensor) -> Iterator[None]:
    """While a network is called: the place in the whole batch, (), that the first row of its share has."""
    token = _first_row.set(first_row)
    try:
        yield
    finally:
        _first_row.reset(token)


def first_row() -> Tensor:
    """What `rows_from` says, int64 (); 0 outside of it."""
    return tf.cast(_first_row.get(), tf.int64)


def hashed(seed_generator: keras.random.SeedGenerator, rows: Tensor, units: int) -> Tensor:
    """Random bits that do not depend on who draws them: a hash of seed, step, row and unit, in integers alone.

    Args:
      seed_generator: its next seed is taken.
      rows: places in the whole batch, int64 (batch,).
      units: numbers for each row.

    Returns:
      int64 (batch, units) from 0 to 2^32 - 1.
    """
    seed, step = tf.unstack(tf.cast(seed_generator.next(), tf.int64))
    place = rows[:, None] * units + tf.range(units, dtype=tf.int64)
    return _hash(_hash(place + seed * _GOLDEN) + step * _GOLDEN)


@keras.saving.register_keras_serializable(package="kerastag")
class Dropout(keras.layers.Dropout):
    """keras.layers.Dropout with masks that do not depend on who draws them.

    Keras' are other ones under XLA than without, and the same on every replica. Here the fate of a unit of (batch,
    units) is a hash of seed, step, row and unit in integers alone: plain, compiled, and divided among devices, see
    `rows_from`. Feature maps, for which a hash takes too long, have Philox numbers: plain and compiled, and other ones
    on each replica.
    """

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        if not training or not self.rate:
            return inputs
        if len(inputs.shape) > 2:
            seed, step = tf.unstack(tf.cast(self.seed_generator.next(), tf.int64))
            pair = tf.stack([seed + first_row() * _GOLDEN, step])
            bits = tf.random.stateless_uniform(tf.shape(inputs), pair, None, None, tf.int32, alg="philox")
            kept = bits >= int(self.rate * 2**32) - 2**31  # in integers: XLA makes other numbers with a point of them
        else:
            rows = tf.range(tf.shape(inputs, tf.int64)[0]) + first_row()
            kept = hashed(self.seed_generator, rows, inputs.shape[1]) >= int(self.rate * 2**32)
        return tf.where(kept, inputs * tf.cast(1 / (1 - self.rate), inputs.dtype), 0)


_GOLDEN = 0x9E3779B1  # 2^32 over the golden ratio, so that neighbours are far apart


def _hash(x: Tensor) -> Tensor:
    """Mixes the lower 32 bits of int64 numbers, as Wellons' lowbias32 does; int32 has no arithmetic on GPUs."""
    for multiplier, shift in ((1, 16), (0x7FEB352D, 15), (0x846CA68B, 16)):
        x = tf.bitwise.bitwise_and(x * multiplier, 0xFFFFFFFF)
        x = tf.bitwise.bitwise_xor(x, tf.bitwise.right_shift(x, tf.constant(shift, tf.int64)))
    return x
