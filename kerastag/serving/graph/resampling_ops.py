"""Resampling inside a graph as the reader resamples: soxr's own filters, measured, applied block by block.

Between two rates soxr at its HQ setting is one linear-phase filter, to about 1e-6, and it reaches no further than
HALF_KERNEL samples at the lower rate. So a block's spectrum, times the filter's response, cut or filled up with zeros
to the other rate's number of bins, is the block resampled. That takes one table of kernels for all rates, a few
milliseconds for half a minute, and as much memory for an hour as for a minute, but for the result.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from kerastag import audio
from kerastag.audio import resampling
from kerastag.tensors import Tensor

MIN_RATE, MAX_RATE = 4_000, 192_000
HALF_KERNEL = 128  # beyond it soxr's kernels stay below 1e-7 of their peak
BLOCK_SAMPLES = 32_768  # of output at least, a power of two
_MIN_PERIODS = 4  # per block; one at each end may be margin

# Where the ratio is simple, soxr takes another filter than its neighbours have: these rates get their own.
COMMON_RATES = (
    *(4_000, 6_000, 8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 36_000, 37_800, 40_000),
    *(44_100, 47_952, 48_000, 64_000, 72_000, 80_000, 88_200, 96_000, 128_000, 144_000, 176_400, 192_000),
)
_PER_OCTAVE = 8


class _Plan(NamedTuple):
    """How a rate is dealt with; int64 scalars. A period is the least time that is whole samples at both rates."""

    inputs: Tensor  # per block
    outputs: Tensor
    input_margin: Tensor  # at each end of a block, where it lacks its neighbours
    output_margin: Tensor
    input_hop: Tensor  # from one block to the next
    output_hop: Tensor


class Resampler:
    """Brings a waveform of any whole rate from MIN_RATE to MAX_RATE to one sample rate, in plain operations.

    At COMMON_RATES it gives what `audio.read` does to 1e-5, but for the first 64 samples, where soxr itself is off by
    up to 1e-2 of full scale if the sound begins loud. At any other rate the kernel is that of a rate near by: the
    responses differ by up to 1e-2 between 0.91 and 1 times the Nyquist frequency, typically by 1e-3, and hardly
    elsewhere. The kernels are 28 kB of constants in each graph that uses them; variables would be on a device.

    Args:
      sample_rate: sample rate of the results, in Hz.

    Attributes:
      sample_rate: sample rate of the results, in Hz.
    """

    def __init__(self, sample_rate: int = audio.SAMPLE_RATE):
        self.sample_rate = sample_rate
        self._common = np.array([rate for rate in COMMON_RATES if rate != sample_rate])
        self._others = np.array(_rates_between(sample_rate))
        rows = [measured_kernel(int(rate), sample_rate) for rate in (*self._common, *self._others)]
        self._kernels = np.array(rows, np.float32)  # (num_rates, HALF_KERNEL + 1)

    def __call__(self, waveform: Tensor, rate: Tensor) -> Tensor:
        """Resamples float32 (frames,) at `rate` Hz, an integer scalar, to float32 (resampling.output_length,)."""
        return self.stream(lambda start, count: waveform[start : start + count], tf.size(waveform, tf.int64), rate)

    def stream(self, read: Callable[[Tensor, Tensor], Tensor], num_frames: Tensor, rate: Tensor) -> Tensor:
        """The same for a waveform that is read block by block.

        Args:
          read: called with two int64 scalars, the first frame and their number, for float32 (frames,).
          num_frames: number of frames of the waveform, an integer scalar above 0.
          rate: sample rate of the waveform in Hz, an integer scalar from MIN_RATE to MAX_RATE; others give nonsense.

        Returns:
          float32 (resampling.output_length,).
        """
        num_frames, rate = tf.cast(num_frames, tf.int64), tf.cast(rate, tf.int64)
        plan, length = self._plan(rate), -(-num_frames * self.sample_rate // rate)
        response = self._response(plan, rate)

        def step(block: Tensor, done: Tensor) -> tuple[Tensor, Tensor]:
            start = block * plan.input_hop - plan.input_margin
            first, last = tf.maximum(start, 0), tf.minimum(start + plan.inputs, num_frames)
            frames = tf.pad(read(first, last - first), [[first - start, start + plan.inputs - last]])  # (inputs,)
            samples = tf.cond(
                tf.equal(rate, self.sample_rate), lambda: frames, lambda: _filter(frames, response, plan.outputs)
            )  # (outputs,)
            count = tf.minimum(plan.output_hop, length - block * plan.output_hop)
            return block + 1, done.write(tf.cast(block, tf.int32), samples[plan.output_margin :][:count])

        blocks = tf.TensorArray(tf.float32, 0, dynamic_size=True, infer_shape=False, element_shape=[None])
        zero = tf.constant(0, tf.int64)
        _, blocks = tf.while_loop(  # one at a time, so that memory does not grow
            lambda block, _: block * plan.output_hop < length, step, (zero, blocks), parallel_iterations=1
        )
        return blocks.concat()

    def _plan(self, rate: Tensor) -> _Plan:
        divisor = _greatest_common_divisor(rate, tf.constant(self.sample_rate, tf.int64))
        inputs, outputs = rate // divisor, self.sample_rate // divisor  # per period
        powers = tf.constant([size for size in 2 ** np.arange(16) if size >= _MIN_PERIODS], tf.int64)
        periods = tf.reduce_min(tf.where(powers * outputs >= BLOCK_SAMPLES, powers, powers[-1]))
        margin = -(-HALF_KERNEL // tf.minimum(inputs, outputs))
        return _Plan(
            *(periods * inputs, periods * outputs),
            *(margin * inputs, margin * outputs),
            *((periods - 2 * margin) * inputs, (periods - 2 * margin) * outputs),
        )

    def _response(self, plan: _Plan, rate: Tensor) -> Tensor:
        """The filter's response at the bins of the lower rate, float32 (bins,), with the scale between two FFTs."""
        same = tf.equal(self._common, rate)
        nearest = len(self._common) + tf.argmin(tf.abs(self._others - rate))
        row = tf.where(tf.reduce_any(same), tf.argmax(same), nearest)
        kernel = tf.gather(self._kernels, row)  # (HALF_KERNEL + 1,)
        size = tf.minimum(plan.inputs, plan.outputs)
        zeros = tf.zeros([size - 2 * HALF_KERNEL - 1])
        whole = tf.concat([kernel, zeros, tf.reverse(kernel[1:], [0])], axis=0)  # (size,), centred on 0
        return tf.math.real(tf.signal.rfft(whole)) * tf.cast(plan.outputs / plan.inputs, tf.float32)


def measured_kernel(rate: int, sample_rate: int) -> np.ndarray:
    """The right half of soxr's kernel from `rate` to `sample_rate`, its samples as far apart as the lower rate's.

    Returns:
      (HALF_KERNEL + 1,) float64, the centre first; the whole kernel has a sum of 1.
    """
    impulse = np.zeros(2 * rate, np.float32)
    impulse[rate] = 1  # at 1 s, which is a sample at any two rates
    heard = resampling.resample(impulse, rate, sample_rate).astype(np.float64)
    response = np.fft.rfft(np.roll(heard, -sample_rate)).real  # linear phase: the rest is rounding
    lower = min(rate, sample_rate)
    kernel = np.fft.irfft(response[: lower + 1], 2 * lower)
    return kernel[: HALF_KERNEL + 1] * rate / sample_rate


def _rates_between(sample_rate: int) -> list[int]:
    """Rates whose kernels stand for all that are not common; soxr's change slowly but for a step at each octave."""
    rates = [MIN_RATE + 1, sample_rate - 1]  # one kernel below the sample rate
    octave = sample_rate
    while octave < MAX_RATE:
        inside = np.geomspace(octave + 1, 2 * octave - 1, _PER_OCTAVE)
        rates += [int(rate) | 1 for rate in inside if rate <= MAX_RATE]
        octave *= 2
    return rates


def _greatest_common_divisor(one: Tensor, other: Tensor) -> Tensor:
    return tf.while_loop(lambda _, b: b > 0, lambda a, b: (b, a % b), (one, other))[0]


def _filter(frames: Tensor, response: Tensor, num_outputs: Tensor) -> Tensor:
    """A block (inputs,) to (num_outputs,); what lies beyond the lower rate's Nyquist frequency falls away."""
    num_bins = tf.size(response, tf.int64)
    kept = tf.signal.rfft(frames)[:num_bins] * tf.cast(response, tf.complex64)
    spectrum = tf.pad(kept, [[0, num_outputs // 2 + 1 - num_bins]])  # (num_outputs // 2 + 1,)
    return tf.signal.irfft(spectrum, [tf.cast(num_outputs, tf.int32)])
