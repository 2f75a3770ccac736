"""What the files of a dataset are: there or not, readable or not, how long, and which hold the same audio."""

import dataclasses
import hashlib
import os
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from typing import Any

from kerastag import audio, errors, parallel
from kerastag.data import splits, track_files

HASHES = ("bytes", "audio", "none")
_KEY_LIMIT = 5  # a whole file may take this many times as long as a chunk
PROBE_SECONDS = 1  # of a file's middle, compared before whole files are decoded


@dataclasses.dataclass(frozen=True, slots=True)
class File:
    """One audio file, or the place where it should be.

    Attributes:
      path: where the file is, or should be.
      state: "good", "missing" or "unreadable".
      reason: one line about what is wrong; empty for a good file.
      sample_rate: sample rate of a good file, in Hz.
      num_frames: number of frames of a good file; what decodes, whatever its header states.
      same_as: a name that all files of the same audio share; empty for one that is not good.
      heard: what is missing of its music, as far as the inspection read it; None: nothing.
    """

    path: str
    state: str = "good"
    reason: str = ""
    sample_rate: int = 0
    num_frames: int = 0
    same_as: str = ""
    heard: audio.Account | None = None

    @property
    def seconds(self) -> float | None:
        """How long a good file lasts."""
        return self.num_frames / self.sample_rate if self.state == "good" else None


def inspect(
    places: Sequence[tuple[str | os.PathLike[str], splits.Track]],
    hash_of: str = "bytes",
    num_workers: int | None = None,
) -> list[File]:
    """Looks at the file of every track, in threads; a bad file is a finding and never an error.

    Args:
      places: the folder and the track, (num_tracks,).
      hash_of: what makes two files the same: their "bytes"; their "audio", at 16 kHz in mono and in 16 bits,
        whatever the container and its metadata; or "none" of these, only their place on the disk.
      num_workers: threads; None: one per core.

    Returns:
      (num_tracks,), in the order of `places`.
    """
    looked_at = parallel.run(_look, places, f"looking at {len(places)} files", num_workers)
    good = [file for file in looked_at if file.state == "good"]
    real = {file.path: os.path.realpath(file.path) for file in good}
    unique = {real[file.path]: file for file in reversed(good)}  # of a file with several names the first
    same = _first_of_the_same(unique, _KEYS[hash_of], num_workers)
    heard = audio.heard_in_part()
    return [
        dataclasses.replace(file, same_as=same[real[file.path]], heard=heard.get(file.path))
        if file.state == "good"
        else file
        for file in looked_at
    ]


def _look(place: tuple[str | os.PathLike[str], splits.Track]) -> File:
    folder, track = place
    try:
        path = os.fspath(track_files.resolve(folder, track))
    except errors.KerastagError as error:
        return File(os.path.join(folder, track.path), "missing", str(error))
    try:
        facts = parallel.within(parallel.READ_SECONDS, audio.info, path)
    except errors.KerastagError as error:
        return File(path, "unreadable", str(error))
    except BaseException as error:
        return File(path, "unreadable", parallel.mishap(path, error))
    return File(path, sample_rate=facts.sample_rate, num_frames=facts.num_frames)


def _first_of_the_same(
    files: dict[str, File], keys: Sequence[Callable[[File], Hashable]], num_workers: int | None
) -> dict[str, str]:
    """For each name in `files`, the first name of those that agree with it in all keys.

    The keys come by rising cost: only files that agree in one are asked for the next.
    """
    if not keys:
        return {name: name for name in files}
    groups = [list(files)]
    for key in keys:
        names = [name for group in groups for name in group]
        text = f"comparing {len(names)} files"
        values = dict(zip(names, parallel.run(key, [files[name] for name in names], text, num_workers), strict=True))
        groups = [alike for group in groups for alike in _divided(group, values) if len(alike) > 1]
    same = {name: name for name in files}
    same.update((name, group[0]) for group in groups for name in group)
    return same


def _divided(group: list[str], values: dict[str, Hashable]) -> list[list[str]]:
    """The names of a group, divided by their values."""
    by_value: dict[Hashable, list[str]] = defaultdict(list)
    for name in group:
        by_value[values[name]].append(name)
    return list(by_value.values())


def _unless_unreadable(key: Callable[[File], Hashable]) -> Callable[[File], Hashable]:
    """A file that fails now, in its middle say, is like no other."""

    def guarded(file: File) -> Hashable:
        try:
            return parallel.within(_KEY_LIMIT * parallel.READ_SECONDS, key, file)
        except BaseException:
            return file.path

    return guarded


@_unless_unreadable
def _num_bytes(file: File) -> Hashable:
    return os.path.getsize(file.path)


@_unless_unreadable
def _digest_of_bytes(file: File) -> Hashable:
    with open(file.path, "rb") as stream:
        digest = hashlib.sha256()
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.digest()


def _length(file: File) -> Hashable:
    return file.sample_rate, file.num_frames


@_unless_unreadable
def _digest_of_middle(file: File) -> Hashable:
    middle = int(file.num_frames / file.sample_rate / 2 * audio.SAMPLE_RATE)
    return _digest(audio.read_chunk(file.path, middle, PROBE_SECONDS * audio.SAMPLE_RATE))


@_unless_unreadable
def _digest_of_audio(file: File) -> Hashable:
    return _digest(audio.read(file.path))


def _digest(waveform: Any) -> bytes:
    return hashlib.sha256(audio.to_int16(waveform).tobytes()).digest()


_KEYS: dict[str, tuple[Callable[[File], Hashable], ...]] = {
    "bytes": (_num_bytes, _digest_of_bytes),
    "audio": (_length, _digest_of_middle, _digest_of_audio),
    "none": (),
}
