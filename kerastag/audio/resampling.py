"""Sample rates: how long the output is, which input a chunk needs, and the resampling itself.

The resampler is soxr at its HQ setting, librosa's own choice, and its output is aligned as
librosa.resample's: output sample k lies at the time of input frame k * rate / sample_rate.
"""

import math

import numpy as np
import soxr

from kerastag.audio import cutting

MARGIN = 256  # samples at the lower of the two rates: more than half the length of soxr's filters


def output_length(num_frames: int, rate: int, sample_rate: int) -> int:
    """How many samples at `sample_rate` Hz `num_frames` frames at `rate` Hz become; rounded up."""
    return -(-num_frames * sample_rate // rate)


def resample(mono: np.ndarray, rate: int, sample_rate: int) -> np.ndarray:
    """Resamples float32 (frames,) at `rate` Hz to float32 (output_length,) at `sample_rate` Hz."""
    if rate == sample_rate or not len(mono):
        return mono
    waveform = soxr.resample(mono, rate, sample_rate, quality="HQ")
    return cutting.fit(waveform, output_length(len(mono), rate, sample_rate))


def input_span(start: int, stop: int, rate: int, sample_rate: int) -> tuple[int, int, int]:
    """The stretch of the input that gives output samples `start` to `stop` as resampling the whole would.

    A resampler that begins at another input frame puts its outputs at other times, unless that frame falls on
    an output sample. Such frames are the multiples of rate / gcd(rate, sample_rate).

    Returns:
      The first input frame, the input frame to stop before (perhaps past the end), and the output sample that
      the first input frame falls on.
    """
    if rate == sample_rate:
        return start, stop, start
    common = math.gcd(rate, sample_rate)
    margin = MARGIN * max(1, -(-sample_rate // rate))
    step = max(0, start - margin) // (sample_rate // common)
    return step * (rate // common), -(-(stop + margin) * rate // sample_rate), step * (sample_rate // common)
