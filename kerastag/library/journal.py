"""A journal of written tags: for each file what restores it, on the disk before the file changes.

JSON, one object a line. The first line says what the file is; each other one is an Entry. Its `undo` is the edits that
make the old bytes of the new ones, packed and in base64: the bytes that were replaced, not the whole file. Where they
take more than INLINE_BYTES, they lie in a file of their own in the folder beside the journal, whose number is told.
A line takes some 500 bytes for most files; to undo one takes as much memory as its replaced bytes.
"""

import contextlib
import dataclasses
import datetime
import fcntl
import json
import os
import pathlib
import re
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

from kerastag import errors, files, names, version
from kerastag.library import fields, replacing
from kerastag.library.fields import edits

FORMAT = 1
INLINE_BYTES = 1 << 20
_SUFFIX = ".old"  # of the folder with what lines are too short for
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclasses.dataclass(frozen=True)
class Entry:
    """One file that was written.

    Attributes:
      path: from the root, all links followed, as names.shown gives it.
      field: which of fields.FIELDS; before, after: its values.
      old_sha256, new_sha256: of the whole file.
      old_size: in bytes.
      old_mtime_ns: when it was modified.
      undo: see the module; or the number of the file that holds it.
    """

    path: str
    field: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    old_sha256: str
    new_sha256: str
    old_size: int
    old_mtime_ns: int
    undo: str | int

    @property
    def file(self) -> pathlib.Path:
        """The file itself."""
        return pathlib.Path(names.path_of(self.path))


class JournalError(errors.KerastagError):
    """A journal that cannot be written: no further file may change."""


class Journal:
    """A journal that is being written; a context. It belongs to one process at a time.

    Args:
      path: the file, which must not be there yet.

    Raises:
      KerastagError: it is there, or cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self.path = pathlib.Path(path)
        self.num_entries = 0
        self._num_files = 0
        files.check_output(self.path, overwrite=False)
        with _told_of(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC
            try:
                self._descriptor = os.open(self.path, flags, 0o666)
            except FileExistsError:
                raise errors.KerastagError(f"{self.path}: exists already", "journal") from None
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX)
                self._append({"kerastag_journal": FORMAT, "version": version.__version__, "started": _now()})
                replacing.sync_folder(self.path.parent)
            except BaseException:
                self.path.unlink()
                os.close(self._descriptor)
                raise

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *error: Any) -> None:
        os.close(self._descriptor)

    def add(self, path: pathlib.Path, undo: Sequence[edits.Edit], **facts: Any) -> None:
        """Writes an entry to the disk.

        Args:
          path: the file that is about to change.
          undo: the edits of the new file that give the old one back.
          facts: all other attributes of Entry.

        Raises:
          JournalError: it cannot be written; the journal is as it was.
        """
        packed = edits.packed(undo)
        with _told_of(self.path):
            stored: str | int = edits.text_of(packed) if len(packed) <= INLINE_BYTES else self._put_aside(packed)
            entry = Entry(path=names.shown(path), undo=stored, **facts)
            self._append(dataclasses.asdict(entry))
        self.num_entries += 1

    def _append(self, facts: dict[str, Any]) -> None:
        line = json.dumps(facts).encode("ascii") + b"\n"
        size = os.fstat(self._descriptor).st_size
        try:
            view = memoryview(line)
            while view:
                view = view[os.write(self._descriptor, view) :]
            os.fsync(self._descriptor)
        except BaseException:
            os.ftruncate(self._descriptor, size)
            os.lseek(self._descriptor, size, os.SEEK_SET)
            raise

    def _put_aside(self, content: bytes) -> int:
        folder = _aside(self.path)
        folder.mkdir(exist_ok=True)
        self._num_files += 1
        place = folder / str(self._num_files)
        with open(place, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        replacing.sync_folder(folder)
        replacing.sync_folder(folder.parent)
        return self._num_files


class Reader:
    """A journal to undo; a context. A last line that was cut short, as a kill leaves it, does not count.

    Args:
      path: the file.

    Raises:
      KerastagError: it cannot be read, is no journal, or is still being written.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self.path = pathlib.Path(path)
        try:
            self._file: BinaryIO = open(self.path, "rb")  # noqa: SIM115 (closed at the end of the context)
        except OSError as error:
            raise errors.KerastagError(f"{self.path}: {files.reason(error)}") from None
        try:
            self._begin()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *error: Any) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._places)

    def entries(self) -> Iterator[Entry | str]:
        """Entries, the last first; of a line that is damaged a line that says so."""
        for number, place in reversed(self._places):
            self._file.seek(place)
            try:
                yield _entry(files.parsed_json(self._file.readline()))
            except (ValueError, TypeError, KeyError, RecursionError) as error:
                yield names.line(f"{self.path}:{number}: is damaged ({error})")

    def undo_of(self, entry: Entry) -> list[edits.Edit]:
        """The edits of an entry, in order.

        Raises:
          ValueError: they are damaged, or the file that holds them cannot be read.
        """
        if isinstance(entry.undo, str):
            packed = edits.bytes_of(entry.undo)
        else:
            try:
                packed = (_aside(self.path) / str(entry.undo)).read_bytes()
            except OSError as error:
                raise ValueError(f"{_aside(self.path) / str(entry.undo)}: {files.reason(error)}") from None
        return edits.unpacked(packed, entry.old_size)

    def _begin(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._check_head()
            self._places = self._lines()
        except BlockingIOError:
            raise errors.KerastagError(f"{self.path}: another process is at work with it") from None
        except OSError as error:
            raise errors.KerastagError(f"{self.path}: {files.reason(error)}") from None

    def _check_head(self) -> None:
        try:
            head = json.loads(self._file.readline(1 << 16))
            form = head["kerastag_journal"]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise errors.KerastagError(f"{self.path}: not a journal of written tags") from None
        if form != FORMAT:
            raise errors.KerastagError(f"{self.path}: a journal of another version of kerastag ({form})")

    def _lines(self) -> list[tuple[int, int]]:
        """Number and place of each line after the first that is whole."""
        places, place = [], self._file.tell()
        for number, line in enumerate(self._file, 2):
            if line.endswith(b"\n") and line.strip():
                places.append((number, place))
            place += len(line)
        return places


def default_path() -> pathlib.Path:
    """A new journal in the user's cache, named by the time."""
    folder = files.user_cache() / "journals"
    stamp = datetime.datetime.now().strftime("%Y-%m-%d-%H%M%S")
    names_there = (folder / f"{stamp}{f'-{number}' if number else ''}.jsonl" for number in range(1 << 20))
    return next(path for path in names_there if not path.exists())


def _aside(path: pathlib.Path) -> pathlib.Path:
    return path.with_name(path.name + _SUFFIX)


@contextlib.contextmanager
def _told_of(path: pathlib.Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise JournalError(f"{path}: cannot be written ({files.reason(error)})", "journal") from None


def _now() -> str:
    return datetime.datetime.now().astimezone().isoformat(timespec="seconds")


def _entry(facts: Any) -> Entry:
    """An entry from a line's object.

    Raises:
      ValueError, KeyError, TypeError: it is none.
    """
    if not isinstance(facts, dict):
        raise ValueError("no object")
    given = {attribute.name: facts[attribute.name] for attribute in dataclasses.fields(Entry)}
    for name in ("before", "after"):
        if not isinstance(given[name], list) or not all(isinstance(value, str) for value in given[name]):
            raise ValueError(f"{name}: no list of texts")
        given[name] = tuple(given[name])
    path = names.path_of(given["path"]) if isinstance(given["path"], str) else ""
    if not os.path.isabs(path) or os.path.normpath(path) != path or "\0" in path:
        raise ValueError("path: not one from the root, without detours")
    os.fsencode(path)
    if names.shown(path) != given["path"]:
        raise ValueError("path: not as this program writes it")
    if given["field"] not in fields.FIELDS:
        raise ValueError("field: unknown")
    if not all(isinstance(given[name], str) and _HASH.fullmatch(given[name]) for name in ("old_sha256", "new_sha256")):
        raise ValueError("no SHA-256")
    if not all(type(given[name]) is int and 0 <= given[name] < 1 << 63 for name in ("old_size", "old_mtime_ns")):
        raise ValueError("no size or time")
    if type(given["undo"]) not in (str, int):
        raise ValueError("undo: nothing that could be")
    return Entry(**given)
