"""Which audio files there are under the paths that somebody named."""

import dataclasses
import fnmatch
import os
import pathlib
import stat
from collections.abc import Iterable, Iterator, Sequence

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


def find_audio(
    paths: Iterable[str | os.PathLike[str]],
    skip: Iterable[str | os.PathLike[str]] = (),
    exclude: Sequence[str] = (),
) -> Found:
    """Finds the audio files among `paths` and in the folders among them.

    Folders are walked in the order of their names. Symbolic links are followed, every folder is entered once.
    Hidden files and folders (.name) are left out, as are suffixes other than those of music, and what is no file, such
    as a pipe; a file that is itself among `paths` is kept whatever its name. What cannot be looked at is told, and the
    search goes on.

    Args:
      paths: files and folders.
      skip: files and folders to leave out, such as the one that is being written to.
      exclude: patterns of files and folders to leave out, with *, ? and [...]: without a slash of their names, with one
        of their whole paths or of those below the folder that was named; * matches slashes too.

    Raises:
      KerastagError: one of `paths` does not exist, or is a pipe, a device or a socket.
    """
    search = _Search({os.path.realpath(path) for path in skip}, exclude)
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

    def __init__(self, skipped: set[str], exclude: Sequence[str] = ()):
        self.found = Found()
        self._skipped = skipped
        self._exclude = [(pattern.rstrip("/"), "/" in pattern.rstrip("/")) for pattern in exclude]
        self._seen: set[pathlib.Path] = set()
        self._entered: set[tuple[int, int]] = set()

    def keep(self, file: pathlib.Path, foreign: bool = False) -> None:
        if file not in self._seen and os.path.realpath(file) not in self._skipped:
            self._seen.add(file)
            unread = foreign and not second_reader.available()
            (self.found.unread if unread else self.found.files).append(file)

    def walk(self, root: pathlib.Path) -> None:
        waiting = [iter([root])]  # a stack of our own: folders may lie deeper than Python calls itself
        while waiting:
            entry = next(waiting[-1], None)
            if entry is None:
                waiting.pop()
            elif entry is root or self._look_at(entry, root):
                waiting.append(self._entries(entry))

    def _entries(self, folder: pathlib.Path) -> Iterator[pathlib.Path]:
        """What lies in a folder that was not entered yet, in the order of names."""
        try:
            status = folder.stat()
            identity = (status.st_dev, status.st_ino)
            if identity in self._entered or os.path.realpath(folder) in self._skipped:
                return iter(())
            self._entered.add(identity)
            entries = sorted(folder.iterdir())
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            self.found.problems.append(f"{names.shown(folder)}: cannot be listed ({reason})")
            return iter(())
        return (entry for entry in entries if not entry.name.startswith("."))

    def _look_at(self, entry: pathlib.Path, root: pathlib.Path) -> bool:
        """Keeps music; returns whether it is a folder to enter."""
        if self._exclude and self._is_excluded(entry, root):
            return False
        suffix = entry.suffix.lower()
        is_music = suffix in audio.EXTENSIONS or suffix in audio.FOREIGN_EXTENSIONS
        try:
            mode = entry.stat().st_mode
        except FileNotFoundError:  # a link to nowhere, or gone since
            return False
        except OSError as error:
            if is_music:
                reason = (error.strerror or str(error)).lower()
                self.found.problems.append(f"{names.shown(entry)}: cannot be looked at ({reason})")
            return False
        if is_music and stat.S_ISREG(mode):
            self.keep(entry, suffix in audio.FOREIGN_EXTENSIONS)
        return stat.S_ISDIR(mode)

    def _is_excluded(self, entry: pathlib.Path, root: pathlib.Path) -> bool:
        below = os.fspath(entry.relative_to(root))
        return any(
            any(fnmatch.fnmatchcase(path, pattern) for path in (below, os.fspath(entry)))
            if is_path
            else fnmatch.fnmatchcase(entry.name, pattern)
            for pattern, is_path in self._exclude
        )


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
