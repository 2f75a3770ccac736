"""Tracks decoded once and kept as int16, in memory or in a folder, for a set that fits there."""

import hashlib
import os
import pathlib
import threading
from collections.abc import Sequence

import numpy as np

from kerastag import audio, errors, files

MEMORY = "memory"
MEMORY_SHARE = 0.5  # of what is free at the start that tracks may take; batches and the network need memory too
BLOCK_SECONDS = 60  # decoded at a time, so that an hour-long file needs no more work memory than a short one


class DecodedTracks:
    """Whole tracks at one sample rate, decoded when they are first asked for.

    Args:
      where: MEMORY, or a folder, in which each track is a .npy file that later runs find again.
      sample_rate: in Hz.
      seconds: how long each track is that will be asked for, as far as it is known.

    Raises:
      KerastagError: the tracks do not fit, or the folder cannot be written to.
    """

    def __init__(self, where: str, sample_rate: int, seconds: Sequence[float | None] = ()):
        self._sample_rate = sample_rate
        self._folder = None if where == MEMORY else pathlib.Path(where)
        self._room = int(_free_memory() * MEMORY_SHARE) if self._folder is None else None
        self._kept: dict[str, np.ndarray] = {}
        self._left_out = 0
        self._lock = threading.Lock()
        if self._folder is not None:
            files.check_writable(self._folder / "tracks.npy")
        self._check_room(2 * sample_rate * sum(second or 0.0 for second in seconds))

    def waveform(self, path: str) -> np.ndarray | None:
        """A track, int16 (samples,), saturated; None where there was no room for it: it is to be read as ever.

        Raises:
          AudioError: as `audio.read`.
        """
        if self._folder is not None:
            return self._from_folder(self._folder, path)
        kept = self._kept.get(path)
        if kept is not None or self._left_out:
            return kept
        waveform = _decode(path, self._sample_rate)
        with self._lock:
            if waveform.nbytes > (self._room or 0):
                self._left_out += 1
                return None
            self._room = (self._room or 0) - waveform.nbytes
            return self._kept.setdefault(path, waveform)

    def warning(self) -> str:
        """That not all tracks had room; empty if they had."""
        if not self._left_out:
            return ""
        gigabytes = sum(waveform.nbytes for waveform in self._kept.values()) / 1e9
        return f"--cache={MEMORY}: full with {len(self._kept)} tracks, {gigabytes:.1f} GB; others are read every time"

    def _check_room(self, expected: float) -> None:
        if self._folder is None:
            free, what = float(self._room or 0), f"{MEMORY_SHARE:.0%} of the free memory"
        else:
            there = sum(entry.stat().st_size for entry in os.scandir(self._folder)) if self._folder.is_dir() else 0
            free, what = there + _free_space(self._folder), f"the space of {self._folder}"
        if expected > free:
            raise errors.KerastagError(
                f"the decoded tracks take {expected / 1e9:.1f} GB, and {what} is {free / 1e9:.1f} GB", "cache"
            )

    def _from_folder(self, folder: pathlib.Path, path: str) -> np.ndarray:
        """A track out of the folder, mapped into memory; decoded into it first if it is not there."""
        about = os.stat(path)
        identity = f"{os.path.realpath(path)}\0{about.st_size}\0{about.st_mtime_ns}\0{self._sample_rate}"
        kept = folder / f"{hashlib.sha256(identity.encode(errors='surrogateescape')).hexdigest()[:32]}.npy"
        if not kept.is_file():
            waveform = _decode(path, self._sample_rate)
            with self._lock, files.whole_file(kept) as temporary:
                np.save(temporary, waveform)
        return np.load(kept, mmap_mode="r", allow_pickle=False)


def _decode(path: str, sample_rate: int) -> np.ndarray:
    waveform = np.empty(audio.num_samples(path, sample_rate), np.int16)
    block = BLOCK_SECONDS * sample_rate
    for start in range(0, len(waveform), block):
        out = waveform[start : start + block]
        audio.to_int16(audio.read_chunk(path, start, len(out), sample_rate), out)
    return waveform


def _free_memory() -> int:
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _free_space(folder: pathlib.Path) -> int:
    there = next(parent for parent in (folder, *folder.absolute().parents) if parent.is_dir())
    state = os.statvfs(there)
    return state.f_bavail * state.f_frsize
