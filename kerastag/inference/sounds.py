"""What a tagger is given to hear, a file or a waveform, as tracks: whole, or in stretches one after the other."""

import dataclasses
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from kerastag import audio, errors
from kerastag.inference.passes import Member

if TYPE_CHECKING:
    from kerastag.data import pipeline

PathOrWaveform: TypeAlias = str | os.PathLike[str] | np.ndarray
Sound: TypeAlias = "str | audio.Waveform"  # audio loads libsndfile with its first function


def of(path_or_waveform: PathOrWaveform, sample_rate: float | None) -> Sound:
    """What can be read from.

    Args:
      path_or_waveform: an audio file; or float (samples,) or (samples, channels), full scale 1.0.
      sample_rate: of a waveform, in Hz; None for a file, which has its own.

    Raises:
      KerastagError: the rate is missing, or given for a file; or see audio.Waveform.
    """
    if isinstance(path_or_waveform, str | os.PathLike):
        if sample_rate is not None:
            raise errors.KerastagError(f"{os.fspath(path_or_waveform)}: a file has a sample rate of its own; give none")
        return os.fspath(path_or_waveform)
    if sample_rate is None:
        raise errors.KerastagError("the waveform: its sample rate in Hz is needed")
    return audio.Waveform(path_or_waveform, round(sample_rate))


def whole(sound: Sound) -> "pipeline.Tracks":
    """The one track that it is."""
    from kerastag.data import pipeline

    return pipeline.Tracks([sound])


def starts(sound: Sound, members: Sequence[Member], hop_seconds: float | None) -> np.ndarray:
    """Where stretches begin that last as long as the longest chunk of the networks and end within the sound.

    Args:
      sound: what they are of.
      members: the networks.
      hop_seconds: from one to the next, rounded to samples; None: they follow each other without overlap.

    Returns:
      seconds, float64 (num_stretches,), at least one: a shorter sound has a single one.

    Raises:
      KerastagError: the hop is not above 0.
      AudioError: the sound cannot be read.
    """
    longest = max(members, key=lambda member: member.chunk_samples / member.sample_rate)
    rate, chunk_samples = longest.sample_rate, longest.chunk_samples
    if hop_seconds is not None and not 0 < hop_seconds < np.inf:
        raise errors.KerastagError(f"a hop of {hop_seconds} s is not above 0", "hop_seconds")
    hop = chunk_samples if hop_seconds is None else max(1, round(hop_seconds * rate))
    spare = max(0, audio.num_samples(sound, rate) - chunk_samples)
    return np.arange(1 + spare // hop) * hop / rate


def stretches(sound: Sound, start_seconds: np.ndarray, member: Member) -> "pipeline.Tracks":
    """A track for each stretch, as long as one chunk of the network; silence stands where the sound has ended."""
    from kerastag.data import pipeline

    rate, length = member.sample_rate, member.chunk_samples
    return pipeline.Tracks([_Stretch(sound, round(start * rate), length, rate) for start in start_seconds])


def check_read(tracks: "pipeline.Tracks") -> None:
    """Raises AudioError: one of them could not be read."""
    if tracks.unreadable:
        raise audio.AudioError(tracks.unreadable[min(tracks.unreadable)])


@dataclasses.dataclass(frozen=True)
class _Stretch:
    """A stretch of a sound, read when it is called; `start` and `length` in samples at `rate` Hz."""

    sound: Sound
    start: int
    length: int
    rate: int

    def __call__(self) -> "audio.Waveform":
        return audio.Waveform(audio.read_chunk(self.sound, self.start, self.length, self.rate), self.rate, str(self))

    def __str__(self) -> str:
        return str(self.sound)
