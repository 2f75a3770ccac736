"""A file replaced by an edited copy of itself, which takes its place, owner, rights and attributes, or nothing does.

The copy lies beside the file under a hidden name that follows from the file's, and is locked while it is being written:
one that is left behind, by a process that was killed, has no lock and is removed by whoever comes next.
"""

import contextlib
import dataclasses
import errno
import fcntl
import hashlib
import os
import pathlib
import re
import stat
from collections.abc import Sequence
from types import TracebackType

from kerastag import files
from kerastag.audio import spliced
from kerastag.library import identity
from kerastag.library.fields import edits
from kerastag.library.fields.container import TagError

_MARK = ".kerastag-partial"
_LEFT_BEHIND = re.compile(rf"\.[0-9a-f]{{24}}{re.escape(_MARK)}")
_BLOCK = 1 << 20
_WRITABLE = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH


@dataclasses.dataclass(frozen=True)
class Written:
    """What was written to a copy.

    Attributes:
      old_sha256, new_sha256: of the whole file, before and after, in hexadecimal.
      new_size: in bytes.
    """

    old_sha256: str
    new_sha256: str
    new_size: int

    def identities(self, old: os.stat_result, new: os.stat_result) -> list[tuple[str, str]]:
        """What the file was known by, and is once the copy is in its place, by status and content; see identity.py."""
        by_status = (identity.of_status(old), identity.of_status(new))
        return [by_status, (identity.of_hash(self.old_sha256), identity.of_hash(self.new_sha256))]


class Replacement:
    """An edited copy of a file that is about to take its place; a context, at whose end no copy is left.

    Args:
      path: the file; a link to it stays, and what it leads to is replaced.

    Attributes:
      target: the file itself, with all links in its name followed.
      status: of the file, as it was at the beginning.
      copy: where the copy is.

    Raises:
      TagError: the file must not be replaced.
      OSError: the system does not let it.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self.target = pathlib.Path(os.path.realpath(path))
        self.status = check(path)
        self.copy = copy_of(self.target)
        self._descriptor = _taken(self.copy)
        self._is_done = False

    def __enter__(self) -> "Replacement":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._is_done:
            with contextlib.suppress(OSError):
                os.unlink(self.copy)
        os.close(self._descriptor)

    def write(self, changes: Sequence[edits.Edit]) -> Written:
        """Writes the copy, with edits, which are in order, and reads it back.

        Raises:
          TagError: what is read back is something else.
        """
        old, new = hashlib.sha256(), hashlib.sha256()
        with spliced.Blocks(os.fspath(self.target)) as blocks:
            position = 0
            for edit in [*changes, edits.Edit(blocks.size, blocks.size, b"")]:
                for start in range(position, edit.start, _BLOCK):
                    content = blocks.at(start, min(_BLOCK, edit.start - start))
                    self._put(content)
                    old.update(content)
                    new.update(content)
                self._put(edit.content)
                old.update(blocks.at(edit.start, edit.stop - edit.start))
                new.update(edit.content)
                position = edit.stop
            size = edits.size_after(changes, blocks.size)
        written = Written(old.hexdigest(), new.hexdigest(), size)
        if sha256(self.copy) != written.new_sha256 or os.stat(self.copy).st_size != size:
            raise TagError("what was written reads back as something else")
        return written

    def prepare(self, mtime_ns: int | None = None) -> None:
        """Gives the copy all that the file has but its content, and has it written to the disk.

        Args:
          mtime_ns: the modification time that it is to have; None: that of its writing.

        Raises:
          TagError: something of it cannot be kept.
        """
        self._take_attributes()
        if mtime_ns is not None:
            os.utime(self._descriptor, ns=(self.status.st_atime_ns, mtime_ns))
        os.fsync(self._descriptor)

    def commit(self) -> os.stat_result:
        """Puts the copy in the file's place; its status.

        Raises:
          TagError: the file has changed meanwhile.
        """
        self.check_unchanged(self.status)
        os.replace(self.copy, self.target)
        self._is_done = True
        with contextlib.suppress(OSError):  # it is done; after a crash the file would be the old one or the new one
            sync_folder(self.target.parent)
        return os.fstat(self._descriptor)

    def check_unchanged(self, status: os.stat_result) -> None:
        """Checks that the file is as it was.

        Raises:
          TagError: it is not.
        """
        now = os.stat(self.target)
        if identity.of_status(now) != identity.of_status(status) or now.st_dev != status.st_dev:
            raise TagError("has changed meanwhile; it is left as it is")
        _check_fit(now)

    def _put(self, content: bytes) -> None:
        view = memoryview(content)
        while view:
            view = view[os.write(self._descriptor, view) :]

    def _take_attributes(self) -> None:
        """Gives the copy the file's owner, access list, other attributes and mode."""
        new = os.fstat(self._descriptor)
        if (new.st_uid, new.st_gid) != (self.status.st_uid, self.status.st_gid):
            try:
                os.fchown(self._descriptor, self.status.st_uid, self.status.st_gid)
            except PermissionError:
                raise TagError("belongs to somebody else, which a copy of it would not") from None
        wanted = _attributes(self.target)
        there = _attributes(self._descriptor)
        for name in set(there) - set(wanted):
            if not name.startswith("security."):
                os.removexattr(self._descriptor, name)
        for name, value in wanted.items():
            if there.get(name) != value:
                try:
                    os.setxattr(self._descriptor, name, value)
                except OSError as error:
                    raise TagError(f"its attribute {name} cannot be kept ({files.reason(error)})") from None
        os.fchmod(self._descriptor, stat.S_IMODE(self.status.st_mode))


def check(path: str | os.PathLike[str]) -> os.stat_result:
    """Checks that a file may be replaced; its status.

    Raises:
      TagError: it is read-only, no file, or has other names, from which a replacement would part it.
    """
    target = os.path.realpath(path)
    status = os.stat(target)
    _check_fit(status)
    if not status.st_mode & _WRITABLE or not os.access(target, os.W_OK):
        raise TagError("is read-only")
    return status


def copy_of(target: pathlib.Path) -> pathlib.Path:
    """Where the copy of a file lies while it is written; hidden, of a length that every file system takes."""
    return target.with_name(f".{hashlib.sha256(os.fsencode(target.name)).hexdigest()[:24]}{_MARK}")


def sweep(folder: pathlib.Path) -> int:
    """Removes copies in a folder that killed processes left behind; how many."""
    count = 0
    with contextlib.suppress(OSError):
        for entry in os.listdir(folder):
            if _LEFT_BEHIND.fullmatch(entry):
                count += _removed(folder / entry)
    return count


def sync_folder(folder: pathlib.Path) -> None:
    """Has the names in a folder written to the disk, where its file system knows how."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def sha256(path: str | os.PathLike[str]) -> str:
    """SHA-256 over a file, in hexadecimal."""
    return identity.of_file(path, by_content=True).removeprefix(identity.of_hash(""))


def _check_fit(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise TagError("is no file")
    if status.st_nlink > 1:
        raise TagError(f"has {status.st_nlink} names (hard links), which a replacement would part")


def _attributes(file: pathlib.Path | int) -> dict[str, bytes]:
    """Extended attributes, which hold the access list too."""
    try:
        return {name: os.getxattr(file, name) for name in os.listxattr(file)}
    except OSError as error:
        if error.errno in (errno.ENOTSUP, errno.ENOSYS):
            return {}
        raise


def _taken(copy: pathlib.Path) -> int:
    """Makes the copy's file and locks it, as nobody else does at the same time.

    Raises:
      TagError: somebody does.
    """
    while True:
        try:
            descriptor = os.open(copy, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except FileExistsError:
            if not _removed(copy):
                raise TagError("is being written by another process") from None
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.path.samestat(os.fstat(descriptor), os.stat(copy)):
                return descriptor
        except FileNotFoundError:  # taken for one left behind, between its making and its lock
            pass
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _removed(copy: pathlib.Path) -> bool:
    """Removes a copy unless it is locked; whether it is gone."""
    try:
        descriptor = os.open(copy, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(descriptor), os.stat(copy)):
            os.unlink(copy)
        return True
    except FileNotFoundError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
