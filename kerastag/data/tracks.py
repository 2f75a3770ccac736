"""The tracks of a split as sounds to be read, and the chunks that a network takes of them."""

import dataclasses
import os
import threading
from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

import numpy as np

from kerastag import audio, errors, parallel, remote
from kerastag.data import decoded

Sound: TypeAlias = str | os.PathLike[str] | audio.Waveform
PathOrLookup: TypeAlias = Sound | Callable[[], Sound]


class TakesChunks(Protocol):
    """A network, or what stands for one, that says which chunks it takes; see ChunkFormat."""

    @property
    def chunk_samples(self) -> int: ...

    @property
    def sample_rate(self) -> int: ...

    @property
    def centred(self) -> bool: ...

    @property
    def consecutive(self) -> audio.Consecutive | None: ...


@dataclasses.dataclass(frozen=True)
class ChunkFormat:
    """What a chunk is, from the reader to the device.

    Attributes:
      samples: samples of one chunk.
      sample_rate: in Hz.
      dtype: "int16", saturated, for half the memory and transfer, or "float32".
      decoder: one of audio.DECODERS.
      centred: whether a track is scored by one chunk from its middle, instead of evenly spaced ones.
      consecutive: where chunks lie if a track is heard whole, one after the other; None: it never is.
    """

    samples: int
    sample_rate: int = audio.SAMPLE_RATE
    dtype: str = "int16"
    decoder: str = "soundfile"
    centred: bool = False
    consecutive: audio.Consecutive | None = None

    @classmethod
    def of_model(cls, model: "TakesChunks", dtype: str = "int16", decoder: str = "soundfile") -> "ChunkFormat":
        """What a model takes."""
        return cls(model.chunk_samples, model.sample_rate, dtype, decoder, model.centred, model.consecutive)

    def num_chunks(self, wanted: int) -> int:
        """Chunks per track in evaluation."""
        return 1 if self.centred else wanted

    def pack(self, waveform: np.ndarray) -> np.ndarray:
        """A waveform, float32 or in the format's dtype already, in that."""
        return audio.to_int16(waveform) if waveform.dtype != self.dtype else waveform


class Tracks:
    """The audio files of a split, and which of them could not be read.

    Args:
      paths: (num_tracks,) audio files, waveforms in memory, which tfio cannot take, or functions such as
        track_files.Lookup that find either when it is read.
      labels: (num_tracks, num_tags), or None where nothing is known about the tracks.
      kept: keeps them decoded, see data.decoded; None: every chunk is read from its file.

    Attributes:
      targets: what a loss learns from, float32 (num_tracks, width): the labels, unless more is set, see losses.taught.
    """

    def __init__(
        self,
        paths: Sequence[PathOrLookup],
        labels: np.ndarray | None = None,
        kept: decoded.DecodedTracks | None = None,
    ):
        self._paths = paths
        self.kept = kept
        self.labels = np.zeros((len(paths), 0), np.float32) if labels is None else labels
        self.targets = self.labels
        self.unreadable: dict[int, str] = {}  # row -> the reason, one line that names the file
        self.given_up: set[int] = set()  # rows whose reading did not end, which nobody is to wait for again
        self.mishaps: set[int] = set()  # unreadable rows for a reason that need not lie in the file
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._paths)

    @property
    def are_remote(self) -> bool:
        """Whether some of them are at URLs, for which reading waits longer than it computes."""
        return any(isinstance(path, str) and remote.is_url(path) for path in self._paths)

    def first(self, count: int) -> "Tracks":
        """The first `count` of them."""
        return self.between(0, count)

    def between(self, start: int, stop: int) -> "Tracks":
        """The rows from `start` on, before `stop`."""
        return Tracks(self._paths[start:stop], self.labels[start:stop], self.kept)

    def sound(self, row: int) -> str | audio.Waveform:
        """What a row is read from, its file or its waveform.

        Raises:
          KerastagError: there is no such file.
        """
        path = self._paths[row]
        sound = path() if callable(path) else path
        return sound if isinstance(sound, audio.Waveform) else os.fspath(sound)

    def path(self, row: int) -> str:
        """The audio file of a row, or what its waveform is called; raises as `sound` does."""
        return str(self.sound(row))

    def decoded(self, path: str) -> np.ndarray | None:
        """The whole track of a path, int16 (samples,), if decoded tracks are kept and there was room for it."""
        return None if self.kept is None else self.kept.waveform(path)

    def name(self, row: int) -> str:
        """What to call a row whose file may not be found."""
        return str(self._paths[row])

    def mark_unreadable(self, row: int, reason: str) -> None:
        """Notes why a row was skipped; only the first reason is kept."""
        with self._lock:
            self.unreadable.setdefault(int(row), reason)

    def heard_in_part(self) -> dict[int, audio.Account]:
        """The rows of whose music over a second, or over 5 %, is missing, as far as this process has seen."""
        known = audio.heard_in_part()
        if not known:
            return {}
        rows = (row for row in range(len(self)) if row not in self.unreadable)
        paths = {row: _path_if_there(self, row) for row in rows}
        return {row: known[path] for row, path in paths.items() if path in known}

    def mark_missing(self, rows: Sequence[int] | np.ndarray) -> None:
        """Notes rows that were asked for and never came, which is how a decoder in the graph says that it failed."""
        for row in rows:
            if row not in self.unreadable:
                self.mark_unreadable(row, self._reason(row))

    def _reason(self, row: int) -> str:
        try:
            path = self.path(row)
            parallel.within(parallel.READ_SECONDS, audio.info, path)
        except errors.KerastagError as error:
            return str(error)
        except BaseException as error:
            return parallel.mishap(self.name(row), error)
        return f"{path}: the decoder in the graph does not decode it"


def _path_if_there(tracks: Tracks, row: int) -> str | None:
    try:
        return tracks.path(row)
    except errors.KerastagError:
        return None
