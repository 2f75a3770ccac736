"""The audio files of a split's tracks, found by their PATHs."""

import dataclasses
import os
import pathlib

from kerastag import audio, errors
from kerastag.data.splits import Track


def resolve(root: str | os.PathLike[str], track: Track) -> pathlib.Path:
    """The audio file of `track` in the folder `root`.

    That is its PATH, or its PATH and one of audio.ALL_EXTENSIONS if it has none, or FOLDER/N.low.mp3 where PATH is
    FOLDER/N.mp3, as in MTG-Jamendo's smaller form. Symbolic links are followed.

    Raises:
      KerastagError: there is no such file.
    """
    path = os.path.join(root, track.path)
    if os.path.isfile(path):
        return pathlib.Path(path)
    stem, extension = os.path.splitext(path)
    if extension.lower() in audio.ALL_EXTENSIONS:
        if os.path.isfile(f"{stem}.low{extension}"):
            return pathlib.Path(f"{stem}.low{extension}")
        raise errors.KerastagError(f"{path}: no such file (track {track.track_id!r})")
    for extension in audio.ALL_EXTENSIONS:
        if os.path.isfile(path + extension):
            return pathlib.Path(path + extension)
    tried = " ".join(audio.ALL_EXTENSIONS)
    raise errors.KerastagError(f"{path}: no such file, nor with {tried} (track {track.track_id!r})")


@dataclasses.dataclass(frozen=True, slots=True)
class Lookup:
    """Finds the audio file of `track` in `folder` when called; see `resolve`."""

    folder: str | os.PathLike[str]
    track: Track

    def __call__(self) -> pathlib.Path:
        return resolve(self.folder, self.track)

    def __str__(self) -> str:
        return os.path.join(self.folder, self.track.path)
