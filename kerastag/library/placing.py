"""Where a file's picture stands: in a folder that mirrors the one the music is in."""

import os
import pathlib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from kerastag import errors, files, names


def beside(
    folder: pathlib.Path, arguments: Sequence[str], paths: Iterable[pathlib.Path], suffix: str
) -> dict[pathlib.Path, pathlib.Path]:
    """A place in `folder` for each file: where it lies below what was given, with `suffix` after its whole name.

    What was given is the folder that all of `arguments` lie in, a folder lying in itself: of `Music` the picture of
    `Music/a/b.mp3` is `a/b.mp3.png`. So files of the same name in different folders, and `b.mp3` and `b.flac`, stay
    apart. Letters that cannot be seen stand as `names.printable` writes them. A name of over 200 bytes is cut and ends
    in a digest of all of it. Where two places would differ in capitals alone, or one file was found under two names,
    the later one has a number before the suffix.

    Args:
      folder: where the places are.
      arguments: files and folders that somebody named.
      paths: files that were found there.
      suffix: such as ".png".
    """
    roots = [os.path.abspath(name if os.path.isdir(name) else os.path.dirname(name) or ".") for name in arguments]
    root = os.path.commonpath(roots)
    places: dict[pathlib.Path, pathlib.Path] = {}
    taken: set[str] = set()
    for path in paths:
        relative = names.printable(os.path.relpath(os.path.abspath(path), root))
        parent = folder / os.path.dirname(relative)
        name, number = files.shortened(os.path.basename(relative)), 1
        place = parent / (name + suffix)
        while _alike(place) in taken:
            number += 1
            place = parent / f"{name}.{number}{suffix}"
        taken.add(_alike(place))
        places[path] = place
    return places


def check(places: Mapping[pathlib.Path, pathlib.Path], folder: pathlib.Path, overwrite: bool, mark: bytes) -> None:
    """Checks that pictures can be written to their places: what stands there is replaced only where it is one of ours.

    Args:
      places: of each file.
      folder: the one that they are in, which need not be there yet.
      overwrite: whether those that are there may be replaced.
      mark: bytes near the beginning of each file of ours.

    Raises:
      KerastagError: one is there, and may not be replaced; or the folder cannot be written to.
    """
    if folder.exists() and not folder.is_dir():
        raise errors.KerastagError(f"{names.shown(folder)}: is no folder")
    for place in places.values():
        if os.path.lexists(place):
            if not overwrite:
                raise errors.KerastagError(f"{names.shown(place)}: exists already", "overwrite")
            if not (place.is_file() and mark in _beginning(place)):
                raise errors.KerastagError(f"{names.shown(place)}: is not a picture that kerastag made; move it away")
    files.check_folder_writable(folder)
    for parent, place in {place.parent: place for place in places.values()}.items():
        files.check_folder_writable(parent, place)


def _beginning(path: pathlib.Path) -> bytes:
    with path.open("rb") as file:
        return file.read(512)


def _alike(place: pathlib.Path) -> str:
    """What file systems take for the same name that do not mind capitals."""
    return unicodedata.normalize("NFC", str(place)).casefold()
