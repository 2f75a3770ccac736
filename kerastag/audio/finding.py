"""Which audio files there are under the paths that somebody named."""

import dataclasses
import os
import pathlib
import stat
from collections.abc import Iterable

from kerastag import audio, errors, names
from kerastag.audio import second_reader


@dataclasses.dataclass(frozen=True)
class Found:
    """What a search came to.

    Attributes:
      files: audio files, each once, as joined from what was given.
      problems: a line for each place that could not be looked at.
      unread: files that the second reader would read, which is not installed.
    """

    files: list[pathlib.Path] = dataclasses.field(default_factory=list)
    problems: list[str] = dataclasses.field(default_factory=list)
    unread: list[pathlib.Path] = dataclasses.field(default_factory=list)

    def warnings(self) -> list[str]:
        """What was left out, for people: a line for each problem, one for all files that nothing here reads."""
        if not self.unread:
            return self.problems
        some = ", ".join(map(names.shown, self.unread[:3])) + (", ..." if len(self.unread) > 3 else "")
        count = f"{len(self.unread)} file" + ("s need" if len(self.unread) > 1 else " needs")
        return [*self.problems, f"{count} FFmpeg's libraries, {second_reader.REMEDY}: {some}"]


def find_audio(paths: Iterable[str | os.PathLike[str]], skip: Iterable[str | os.PathLike[str]] = ()) -> Found:
    """Finds the audio files among `paths` and in the folders among them.

    Folders are walked in the order of their names. Symbolic links are followed, every folder is entered once.
    Hidden files and folders (.name) are left out, as are suffixes other than those of music, and what is no file, such
    as a pipe; a file that is itself among `paths` is kept whatever its name. What cannot be looked at is told, and the
    search goes on.

    Args:
      paths: files and folders.
      skip: files and folders to leave out, such as the one that is being written to.

    Raises:
      KerastagError: one of `paths` does not exist, or is a pipe, a device or a socket.
    """
    search = _Search({os.path.realpath(path) for path in skip})
    given = list(map(pathlib.Path, paths))
    for path in given:
        _check_named(path)
    for path in given:
        if path.is_dir():
            search.walk(path)
        else:
            search.keep(path)
    return search.found


class _Search:
    """A search in progress; what is in `skipped`, as real paths, is left out."""

    def __init__(self, skipped: set[str]):
        self.found = Found()
        self._skipped = skipped
        self._seen: set[pathlib.Path] = set()
        self._entered: set[tuple[int, int]] = set()

    def keep(self, file: pathlib.Path, foreign: bool = False) -> None:
        if file not in self._seen and os.path.realpath(file) not in self._skipped:
            self._seen.add(file)
            unread = foreign and not second_reader.available()
            (self.found.unread if unread else self.found.files).append(file)

    def walk(self, folder: pathlib.Path) -> None:
        try:
            status = folder.stat()
            identity = (status.st_dev, status.st_ino)
            if identity in self._entered or os.path.realpath(folder) in self._skipped:
                return
            self._entered.add(identity)
            entries = sorted(folder.iterdir())
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            self.found.problems.append(f"{names.shown(folder)}: cannot be listed ({reason})")
            return
        for entry in entries:
            if not entry.name.startswith("."):
                self._look_at(entry)

    def _look_at(self, entry: pathlib.Path) -> None:
        suffix = entry.suffix.lower()
        is_music = suffix in audio.EXTENSIONS or suffix in audio.FOREIGN_EXTENSIONS
        try:
            mode = entry.stat().st_mode
        except FileNotFoundError:  # a link to nowhere, or gone since
            return
        except OSError as error:
            if is_music:
                reason = (error.strerror or str(error)).lower()
                self.found.problems.append(f"{names.shown(entry)}: cannot be looked at ({reason})")
            return
        if stat.S_ISDIR(mode):
            self.walk(entry)
        elif is_music and stat.S_ISREG(mode):
            self.keep(entry, suffix in audio.FOREIGN_EXTENSIONS)


def _check_named(path: pathlib.Path) -> None:
    """Raises KerastagError: there is nothing of that name that can be read like a file."""
    from kerastag.audio import layout

    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError, ValueError):
        raise errors.KerastagError(f"{names.shown(path)}: no such file or folder") from None
    except OSError as error:
        raise errors.KerastagError(f"{names.shown(path)}: {layout.reason(error)}") from None
    kind = layout.KINDS.get(stat.S_IFMT(mode))
    if kind and not stat.S_ISDIR(mode):
        raise errors.KerastagError(f"{names.shown(path)}: {kind}")
