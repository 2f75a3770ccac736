"""Waveforms out of audio files, or of `audio.Waveform`: whole, one chunk, a random chunk, chunks spread evenly."""

import dataclasses
import functools
import os
from collections.abc import Callable
from typing import ParamSpec, TypeAlias, TypeVar

import numpy as np

from kerastag import audio
from kerastag.audio import account, cutting, fetched, in_memory, layout, pcm, resampling, source

SEEKING_COST = 1.2  # decoding a chunk after a seek takes so much longer than decoding it in passing
Path: TypeAlias = str | bytes | os.PathLike[str]
Sound: TypeAlias = Path | in_memory.Waveform
Opened: TypeAlias = source.Source | in_memory.Waveform
Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def _twice(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Reads once more, with all of it, what is remote and not what its beginning and its end suggest."""

    @functools.wraps(function)
    def reading(*arguments: Arguments.args, **named: Arguments.kwargs) -> Result:
        try:
            return function(*arguments, **named)
        except fetched.Unlike as unlike:
            fetched.distrust(unlike.url)
            layout.unlearn(unlike.url)
            return function(*arguments, **named)

    return reading


@dataclasses.dataclass(frozen=True)
class AudioInfo:
    """What a file holds: its own rate in Hz, channels, true number of frames, and the seconds they last."""

    sample_rate: int
    num_channels: int
    num_frames: int
    seconds: float


@_twice
def info(path: Sound) -> AudioInfo:
    """The rate, channels and true length of a file; raises AudioError as `read` does."""
    with _opened(path) as file:
        return AudioInfo(file.rate, file.num_channels, file.num_frames, file.num_frames / file.rate)


@_twice
def account_of(path: Path) -> account.Account:
    """How much of a file was heard, by all readings of it in this process; raises AudioError as `read` does.

    After `read` that is all of the file; before, what its structure shows.
    """
    with source.Source(path) as file:
        return file.account()


def heard_in_part() -> dict[str, account.Account]:
    """The files, by name, of which the readings of this process have missed over a second, or over 5 %."""
    return {path: heard for path, heard in layout.accounts() if heard.notable}


def forget_files() -> None:
    """Lets go of what readings have learnt of files, which a process that goes through millions must not keep."""
    layout.forget()


@_twice
def num_samples(path: Sound, sample_rate: int = audio.SAMPLE_RATE) -> int:
    """The length of `read(path, sample_rate)`, without decoding it all; raises AudioError as `read` does."""
    with _opened(path) as file:
        return _length(file, sample_rate)


@_twice
def read(path: Sound, sample_rate: int = audio.SAMPLE_RATE) -> np.ndarray:
    """Reads a whole file.

    Args:
      path: the file, or its URL (see kerastag.remote); its content tells the format, its suffix does not matter.
      sample_rate: sample rate of the result, in Hz.

    Returns:
      float32 (samples,), the mean of the channels. It may peak above 1.0. Of a truncated file, what
      decodes; a damaged stretch in the middle is silent, in MPEG audio left out; see `account_of`.

    Raises:
      AudioError: the file is missing, empty, not audio, holds no samples, none that decodes, NaN or
        infinity, or has a rate outside 1,000 to 768,000 Hz.
    """
    with _opened(path) as file:
        return _read(file, sample_rate)


@_twice
def read_chunk(path: Sound, start: int, num_samples: int, sample_rate: int = audio.SAMPLE_RATE) -> np.ndarray:
    """Reads `read(path)[start : start + num_samples]`, decoding little more than that.

    Args:
      path: the file.
      start: the first sample, counted at `sample_rate`; not negative.
      num_samples: how many.
      sample_rate: sample rate of the result, in Hz.

    Returns:
      float32 (num_samples,), zeros past the file's end.

    Raises:
      AudioError: as `read`, for what the chunk touches.
    """
    with _opened(path) as file:
        return _read_chunk(file, start, num_samples, sample_rate)


@_twice
def random_chunk(
    path: Sound,
    fraction: float,
    chunk_samples: int,
    sample_rate: int = audio.SAMPLE_RATE,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Reads one chunk, opening the file once; the caller draws `fraction`, so the caller owns the seed.

    Args:
      path: the file.
      fraction: in [0, 1): where among the possible starts, all equally likely if it is uniform.
      chunk_samples: the chunk's length, counted at `sample_rate`.
      sample_rate: sample rate of the result, in Hz.
      out: (chunk_samples,) to write to, float32, or int16, which is `to_int16` of the same; None: a new array.
        Mono files of 16 bits at `sample_rate` are copied to int16 as they are, in half the time.

    Returns:
      `out`, or float32 (chunk_samples,); a shorter file comes whole, with zeros after it.

    Raises:
      AudioError: as `read`, for what the chunk touches.
    """
    with _opened(path) as file:
        start = cutting.random_start(_length(file, sample_rate), chunk_samples, fraction)
        if out is None:
            return _read_chunk(file, start, chunk_samples, sample_rate)
        as_stored = out.dtype == np.int16 and file.stores_int16 and file.rate == sample_rate
        waveform = _read_chunk(file, start, chunk_samples, sample_rate, np.int16 if as_stored else np.float32)
    if out.dtype == waveform.dtype:
        out[...] = waveform
        return out
    return pcm.to_int16(waveform, out)


def read_chunks(
    path: Sound,
    num_chunks: int,
    chunk_samples: int,
    sample_rate: int = audio.SAMPLE_RATE,
    part: int | None = None,
) -> np.ndarray:
    """Reads evenly spaced chunks, those that a track's score is the mean over.

    Args:
      path: the file.
      num_chunks: how many; they overlap in a short file.
      chunk_samples: the length of each, counted at `sample_rate`.
      sample_rate: sample rate of the result, in Hz.
      part: below `num_parts(num_chunks)`: only that part of the chunks, in memory that does not grow with the file;
        None: all.

    Returns:
      float32 (num_chunks, chunk_samples); a file shorter than a chunk is padded with zeros at its end first.
      Of a part, its PART chunks, fewer in the last: the parts in turn are, bit for bit, the whole.

    Raises:
      AudioError: as `read`, for what the chunks touch.
    """
    parts = range(cutting.num_parts(num_chunks))
    parts = parts if part is None else parts[part : part + 1]
    read = [_read_part(path, num_chunks, chunk_samples, sample_rate, one) for one in parts]
    return read[0] if len(read) == 1 else np.concatenate(read)


@_twice
def read_consecutive(
    path: Sound,
    chunk_samples: int,
    consecutive: cutting.Consecutive,
    sample_rate: int = audio.SAMPLE_RATE,
    part: int = 0,
) -> np.ndarray:
    """Reads a part of the chunks that follow each other over a whole file; memory does not grow with its length.

    Args:
      path: the file.
      chunk_samples: the length of each, counted at `sample_rate`.
      consecutive: where they lie.
      sample_rate: sample rate of the result, in Hz.
      part: below `num_parts` of the number of chunks.

    Returns:
      float32 (chunks, chunk_samples).

    Raises:
      AudioError: as `read`, for what the chunks touch.
    """
    with _opened(path) as file:
        starts = cutting.starts_of_part(consecutive.starts(_length(file, sample_rate), chunk_samples), part)
        first = max(0, int(starts[0]))
        stretch = _read_chunk(file, first, int(starts[-1]) + chunk_samples - first, sample_rate)
    return cutting.cut_at(stretch, starts - first, chunk_samples)


@_twice
def _read_part(path: Sound, num_chunks: int, chunk_samples: int, sample_rate: int, part: int) -> np.ndarray:
    with _opened(path) as file:
        length = _length(file, sample_rate)
        starts = cutting.starts_of_part(cutting.chunk_starts(length, chunk_samples, num_chunks), part)
        first, end = int(starts[0]), int(starts[-1]) + chunk_samples
        if part == cutting.num_parts(num_chunks) - 1:
            end = max(end, length)  # a single part is then cut from what `read` gives, to the last bit
        if SEEKING_COST * len(starts) * chunk_samples >= end - first:
            stretch = _read_chunk(file, first, end - first, sample_rate)
            return np.stack([stretch[start : start + chunk_samples] for start in starts - first])
        return np.stack([_read_chunk(file, int(start), chunk_samples, sample_rate) for start in starts])


def _opened(path: Sound) -> Opened:
    return path if isinstance(path, in_memory.Waveform) else source.Source(path)


def _length(file: Opened, sample_rate: int) -> int:
    return resampling.output_length(file.num_frames, file.rate, sample_rate)


def _read(file: Opened, sample_rate: int) -> np.ndarray:
    return resampling.resample(file.decode(0, file.num_frames), file.rate, sample_rate)


def _read_chunk(
    file: Opened, start: int, num_samples: int, sample_rate: int, dtype: type[np.number] = np.float32
) -> np.ndarray:
    if start < 0 or num_samples < 0:
        raise ValueError(f"start {start} and num_samples {num_samples} may not be negative")
    first, last, origin = resampling.input_span(start, start + num_samples, file.rate, sample_rate)
    waveform = resampling.resample(file.decode(first, last, dtype), file.rate, sample_rate)
    return cutting.fit(waveform[start - origin :], num_samples)
