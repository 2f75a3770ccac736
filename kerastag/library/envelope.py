"""The peaks of a waveform, for drawing it."""

import math
from typing import TYPE_CHECKING

import numpy as np

from kerastag import audio

if TYPE_CHECKING:
    from kerastag.audio.reading import Sound  # which loads libsndfile

BLOCK_SECONDS = 60.0  # that are in memory at once


def peaks(sound: "Sound", num_columns: int, sample_rate: int = audio.SAMPLE_RATE) -> np.ndarray:
    """The lowest and the highest sample in each of so many equal parts of a file.

    Memory does not grow with the file's length.

    Args:
      sound: the file, or an `audio.Waveform`.
      num_columns: how many parts; a file of fewer samples has as many as it has samples.
      sample_rate: at which the file is read, in Hz.

    Returns:
      float32 (num_columns, 2): lowest, highest.

    Raises:
      AudioError: the file cannot be read.
    """
    length = audio.num_samples(sound, sample_rate)
    edges = np.linspace(0, length, min(num_columns, length) + 1).round().astype(np.int64)
    at_once = max(1, math.floor(BLOCK_SECONDS * sample_rate * (len(edges) - 1) / length))
    parts = []
    for first in range(0, len(edges) - 1, at_once):
        own = edges[first : first + at_once + 1]
        block = audio.read_chunk(sound, int(own[0]), int(own[-1] - own[0]), sample_rate)
        places = own[:-1] - own[0]
        parts.append(np.stack([np.minimum.reduceat(block, places), np.maximum.reduceat(block, places)], axis=1))
    return np.concatenate(parts)
