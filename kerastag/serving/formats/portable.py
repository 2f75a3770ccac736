"""A network from chunks to scores in operations that every runtime has, for batches of any size.

No complex numbers, strings, loops or shapes that depend on values: runtimes for small machines lack them, and
converters get them wrong. The chunk's length is fixed; only the batch is open.
"""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from kerastag import errors
from kerastag.metrics import ensembles
from kerastag.models import layers, segments
from kerastag.runs.model import Combination
from kerastag.tensors import Tensor

INPUT, OUTPUT = "waveform", "scores"


def check(networks: Sequence[keras.Model], combination: Combination) -> None:
    """Whether a model can have a form whose scores are averaged over chunks outside of it.

    Raises:
      KerastagError: it hears nothing, or the scores of its chunks do not average to its own.
    """
    wrong, option = "", ""
    if any(not _hears(network) for network in networks):
        wrong = "the popularity baseline hears nothing: its scores are the tags' frequencies"
    elif len({(network.chunk_samples, network.sample_rate, network.centred) for network in networks}) > 1:
        wrong = "the members of the ensemble take chunks of several kinds"
    elif len(networks) > 1 and combination.method != "mean":
        wrong = f"{combination.method} is taken of a track's scores, not of a chunk's"
    elif combination.fitted is not None:
        wrong, option = "probabilities are those of a track's scores, not of a chunk's", "calibrated"
    if wrong:
        raise errors.KerastagError(f"{wrong}; such a model has the form saved_model alone", option)


class Portable(tf.Module):
    """chunks, float32 (batch, chunk_samples), to scores, float32 (batch, num_tags).

    The mean over members is linear, and so is the mean over chunks: taken for every chunk, it gives a track's score.

    Args:
      networks: float32, with one kind of chunk, see `check`.
      combination: a mean of their scores.
      by_matrix: the spectrum is a product with a matrix of sines, not an FFT, which not every runtime has.
    """

    def __init__(self, networks: Sequence[keras.Model], combination: Combination, by_matrix: bool):
        super().__init__()
        self.chunk_samples = networks[0].chunk_samples
        self._shares = ensembles.normalised(combination.weights, len(networks)).astype(np.float32)
        parts = [segments.behind_front_end(network) for network in networks]
        self._front_ends = [
            _FrontEnd(network.get_layer(segments.FRONT_END), by_matrix, heard_chunks)
            for network, (heard_chunks, _) in zip(networks, parts, strict=True)
        ]
        self._networks = [part for _, part in parts]
        self.weights = [variable.value for network in self._networks for variable in network.weights]

    def function(self) -> tf.types.experimental.PolymorphicFunction:
        """The tf.function with input `waveform` and output `scores`."""
        spec = tf.TensorSpec([None, self.chunk_samples], tf.float32, name=INPUT)
        return tf.function(self._scores, input_signature=[spec], autograph=False)

    def _scores(self, waveform: Tensor) -> dict[str, Tensor]:
        members = [
            share * tf.sigmoid(network(front_end(waveform), training=False))
            for share, front_end, network in zip(self._shares, self._front_ends, self._networks, strict=True)
        ]
        return {OUTPUT: tf.add_n(members) if len(members) > 1 else members[0]}


class _FrontEnd:
    """What a LogMelSpectrogram gives of chunks of one length."""

    def __init__(self, layer: layers.LogMelSpectrogram, by_matrix: bool, heard_chunks: int = 1):
        if layer.fft_size % layer.hop_size:
            raise ValueError(f"frames of {layer.fft_size} are not put together of hops of {layer.hop_size}")
        self._layer = layer
        self._heard_chunks = heard_chunks
        self._by_matrix = by_matrix
        # the layer's own window to the last digit: a cosine that is off by 1e-7 shows in quiet bands
        window = tf.signal.hann_window(layer.fft_size, periodic=not layer.symmetric_window)
        self._window = np.asarray(window)  # float32 (fft_size,)
        time, bins = np.arange(layer.fft_size), np.arange(layer.fft_size // 2 + 1)
        angles = 2 * np.pi * (time[:, None] * bins % layer.fft_size) / layer.fft_size
        self._waves = [  # (fft_size, num_bins) each
            (wave(angles) * self._window[:, None]).astype(np.float32) for wave in (np.cos, np.sin)
        ]

    def __call__(self, waveform: Tensor) -> Tensor:
        """float32 (batch, samples) to (batch * heard_chunks, num_mels, num_frames, 1) on the layer's scale."""
        layer = self._layer
        if self._heard_chunks > 1:
            waveform = tf.reshape(waveform, [-1, waveform.shape[1] // self._heard_chunks])
        frames = self._frames(waveform)  # (batch, num_frames, fft_size)
        bands = tf.matmul(self._power(frames), layer.filters)  # (batch, num_frames, num_mels)
        return tf.transpose(layer.compress(bands), [0, 2, 1])[..., None]

    def _frames(self, waveform: Tensor) -> Tensor:
        """Overlapping frames, out of hops side by side: no gathering."""
        layer = self._layer
        size, hop = layer.fft_size, layer.hop_size
        half, spare = (0, 0) if layer.padding == "none" else (size // 2, 0)
        if layer.padding == "zeros":
            spare = -waveform.shape[1] % hop
        mode = "REFLECT" if layer.padding == "reflect" else "CONSTANT"
        padded = tf.pad(waveform, [[0, 0], [half, half + spare]], mode)
        num_frames = 1 + (padded.shape[1] - size) // hop
        num_hops = num_frames - 1 + size // hop
        hops = tf.reshape(padded[:, : num_hops * hop], [-1, num_hops, hop])
        return tf.concat([hops[:, first : first + num_frames] for first in range(size // hop)], axis=2)

    def _power(self, frames: Tensor) -> Tensor:
        """(batch, num_frames, num_bins)."""
        if self._by_matrix:
            real, imaginary = (tf.matmul(frames, wave) for wave in self._waves)
        else:
            spectrum = tf.signal.rfft(frames * self._window)
            real, imaginary = tf.math.real(spectrum), tf.math.imag(spectrum)
        return tf.square(real) + tf.square(imaginary)


def _hears(network: keras.Model) -> bool:
    return any(layer.name == segments.FRONT_END for layer in network.layers)
