"""Per-channel energy normalisation: a gain control for each mel band, in place of decibels.

Wang et al. 2017, arXiv:1607.05666, eq. 1 and 2, with the parameters that Lostanlen et al. 2019, IEEE Signal Processing
Letters 26(1), and librosa.pcen start from; they are not trained.
"""

import math

import tensorflow as tf

from kerastag import precisions
from kerastag.tensors import Tensor

GAIN, BIAS, POWER, EPSILON = 0.98, 2.0, 0.5, 1e-6
SECONDS = 0.4  # time constant of the smoother
SCALE = 2.0**30  # power as of samples of 16 bits, for which these parameters are


def smoothing(seconds_per_frame: float) -> float:
    """The weight s of a new frame for a time constant of SECONDS, as librosa.pcen has it."""
    frames = SECONDS / seconds_per_frame
    return (math.sqrt(1 + 4 * frames**2) - 1) / (2 * frames**2)


def pcen(bands: Tensor, seconds_per_frame: float) -> Tensor:
    """Mel bands to (E / (epsilon + M)^gain + bias)^power - bias^power.

    M is E smoothed along time, M(t) = (1 - s) M(t - 1) + s E(t), from M(0) = E(0): exactly, as a product with a matrix,
    so that it is the same in every runtime.

    Args:
      bands: power of waveforms in [-1, 1], float32 (batch, num_frames, num_mels).
      seconds_per_frame: from frame to frame.

    Returns:
      float32 (batch, num_frames, num_mels); 0 for silence.
    """
    energy = bands * SCALE
    num_frames = bands.shape[1] or tf.shape(bands)[1]
    dtype = tf.float64 if precisions.has_gpu() else tf.float32  # which TF32 does not reach
    recursion = _recursion(num_frames, smoothing(seconds_per_frame), dtype)
    smooth = tf.cast(tf.matmul(recursion, tf.cast(energy, dtype)), tf.float32)
    return tf.pow(energy / tf.pow(EPSILON + smooth, GAIN) + BIAS, POWER) - tf.pow(BIAS, POWER)


def _recursion(num_frames: int | Tensor, weight: float, dtype: tf.DType) -> Tensor:
    """The matrix (num_frames, num_frames) of M: weight * (1 - weight)^(t - k), without weight for the first frame."""
    frames = tf.range(num_frames)
    ago = tf.cast(frames[:, None] - frames, dtype)
    kept = tf.exp(tf.maximum(ago, 0) * tf.constant(math.log(1 - weight), dtype))
    new = tf.where(frames == 0, tf.ones((), dtype), tf.constant(weight, dtype))
    return tf.where(ago >= 0, kept * new, tf.zeros((), dtype))
