"""Which audio files there are under the paths that somebody named."""

import os
import pathlib
from collections.abc import Iterable, Iterator

from kerastag import audio, errors


def find_audio(
    paths: Iterable[str | os.PathLike[str]], skip: Iterable[str | os.PathLike[str]] = ()
) -> list[pathlib.Path]:
    """Lists the audio files among `paths` and in the folders among them.

    Folders are walked in the order of their names. Symbolic links are followed, every folder is entered once.
    Hidden files and folders (.name) are left out, as are suffixes other than audio.EXTENSIONS; a file that is
    itself among `paths` is kept whatever its name.

    Args:
      paths: files and folders.
      skip: files and folders to leave out, such as the one that is being written to.

    Returns:
      The paths, each once, as joined from what was given.

    Raises:
      KerastagError: one of `paths` does not exist, or a folder cannot be listed.
    """
    skipped = {os.path.realpath(path) for path in skip}
    entered: set[tuple[int, int]] = set()
    found: dict[pathlib.Path, None] = {}
    for path in map(pathlib.Path, paths):
        if not path.exists():
            raise errors.KerastagError(f"{path}: no such file or folder")
        files = _walk(path, skipped, entered) if path.is_dir() else iter([path])
        found.update((file, None) for file in files if os.path.realpath(file) not in skipped)
    return list(found)


def _walk(folder: pathlib.Path, skipped: set[str], entered: set[tuple[int, int]]) -> Iterator[pathlib.Path]:
    status = folder.stat()
    identity = (status.st_dev, status.st_ino)
    if identity in entered or os.path.realpath(folder) in skipped:
        return
    entered.add(identity)
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise errors.KerastagError(f"{folder}: cannot be listed ({error.strerror})") from None
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _walk(entry, skipped, entered)
        elif entry.suffix.lower() in audio.EXTENSIONS and entry.is_file():
            yield entry
