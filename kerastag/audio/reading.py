"""Waveforms out of audio files: whole, one chunk, a random chunk, chunks spread evenly."""

import dataclasses
import os
from typing import TypeAlias

import numpy as np

from kerastag import audio
from kerastag.audio import cutting, resampling, source

SEEKING_COST = 1.2  # decoding a chunk after a seek takes so much longer than decoding it in passing
Path: TypeAlias = str | bytes | os.PathLike[str]


@dataclasses.dataclass(frozen=True)
class AudioInfo:
    """What a file holds: its own rate in Hz, channels, true number of frames, and the seconds they last."""

    sample_rate: int
    num_channels: int
    num_frames: int
    seconds: float


def info(path: Path) -> AudioInfo:
    """The rate, channels and true length of a file; raises AudioError as `read` does."""
    with source.Source(path) as file:
        return AudioInfo(file.rate, file.num_channels, file.num_frames, file.num_frames / file.rate)


def num_samples(path: Path, sample_rate: int = audio.SAMPLE_RATE) -> int:
    """The length of `read(path, sample_rate)`, without decoding it all; raises AudioError as `read` does."""
    with source.Source(path) as file:
        return _length(file, sample_rate)


def read(path: Path, sample_rate: int = audio.SAMPLE_RATE) -> np.ndarray:
    """Reads a whole file.

    Args:
      path: the file; its content tells the format, its suffix does not matter.
      sample_rate: of the result, in Hz.

    Returns:
      float32 (samples,), the mean of the channels. It may peak above 1.0. Of a truncated file, what
      decodes; a damaged stretch in the middle is silent.

    Raises:
      AudioError: the file is missing, empty, not audio, holds no samples, none that decodes, NaN or
        infinity, or has a rate outside 1,000 to 768,000 Hz.
    """
    with source.Source(path) as file:
        return _read(file, sample_rate)


def read_chunk(path: Path, start: int, num_samples: int, sample_rate: int = audio.SAMPLE_RATE) -> np.ndarray:
    """Reads `read(path)[start : start + num_samples]`, decoding little more than that.

    Args:
      path: the file.
      start: the first sample, counted at `sample_rate`; not negative.
      num_samples: how many.
      sample_rate: of the result, in Hz.

    Returns:
      float32 (num_samples,), zeros past the file's end.

    Raises:
      AudioError: as `read`, for what the chunk touches.
    """
    with source.Source(path) as file:
        return _read_chunk(file, start, num_samples, sample_rate)


def random_chunk(path: Path, fraction: float, chunk_samples: int, sample_rate: int = audio.SAMPLE_RATE) -> np.ndarray:
    """Reads one chunk, opening the file once; the caller draws `fraction`, so the caller owns the seed.

    Args:
      path: the file.
      fraction: in [0, 1): where among the possible starts, all equally likely if it is uniform.
      chunk_samples: the chunk's length, counted at `sample_rate`.
      sample_rate: of the result, in Hz.

    Returns:
      float32 (chunk_samples,); a shorter file comes whole, with zeros after it.

    Raises:
      AudioError: as `read`, for what the chunk touches.
    """
    with source.Source(path) as file:
        start = cutting.random_start(_length(file, sample_rate), chunk_samples, fraction)
        return _read_chunk(file, start, chunk_samples, sample_rate)


def read_chunks(path: Path, num_chunks: int, chunk_samples: int, sample_rate: int = audio.SAMPLE_RATE) -> np.ndarray:
    """Reads evenly spaced chunks, those that a track's score is the mean over.

    Args:
      path: the file.
      num_chunks: how many; they overlap in a short file.
      chunk_samples: the length of each, counted at `sample_rate`.
      sample_rate: of the result, in Hz.

    Returns:
      float32 (num_chunks, chunk_samples); a file shorter than a chunk is padded with zeros at its end first.

    Raises:
      AudioError: as `read`.
    """
    with source.Source(path) as file:
        length = _length(file, sample_rate)
        if SEEKING_COST * num_chunks * chunk_samples >= length:
            return cutting.cut_chunks(_read(file, sample_rate), num_chunks, chunk_samples)
        starts = cutting.chunk_starts(length, chunk_samples, num_chunks)
        return np.stack([_read_chunk(file, int(start), chunk_samples, sample_rate) for start in starts])


def _length(file: source.Source, sample_rate: int) -> int:
    return resampling.output_length(file.num_frames, file.rate, sample_rate)


def _read(file: source.Source, sample_rate: int) -> np.ndarray:
    return resampling.resample(file.decode(0, file.num_frames), file.rate, sample_rate)


def _read_chunk(file: source.Source, start: int, num_samples: int, sample_rate: int) -> np.ndarray:
    if start < 0 or num_samples < 0:
        raise ValueError(f"start {start} and num_samples {num_samples} may not be negative")
    first, last, origin = resampling.input_span(start, start + num_samples, file.rate, sample_rate)
    waveform = resampling.resample(file.decode(first, last), file.rate, sample_rate)
    return cutting.fit(waveform[start - origin :], num_samples)
