"""One training at a time in a run's folder: a file there says which process, on which machine, since when."""

import contextlib
import datetime
import fcntl
import json
import os
import pathlib
import socket
from collections.abc import Iterator
from typing import Any, TextIO

from kerastag import errors, files

NAME = ".lock"


@contextlib.contextmanager
def held(folder: pathlib.Path) -> Iterator[list[str]]:
    """Holds the lock of a folder, which is made if it is not there; both go again, the folder if it stays empty.

    Yields a line for people if the lock was taken over.

    A lock whose process has ended on this machine is taken over; what it was writing when it was killed is removed.

    Raises:
      KerastagError: another training holds it, or the folder cannot be written.
    """
    is_new = not folder.exists()
    if folder.exists() and not folder.is_dir():
        raise errors.KerastagError(f"{folder}: is no folder")
    files.check_folder_writable(folder)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / NAME
    try:
        ended = _take(path)
        try:
            if ended:
                files.remove_unfinished(folder, ended["pid"])
            yield [f"{folder}: taken over from {_shown(ended)}, which has ended"] if ended else []
        finally:
            with contextlib.suppress(OSError):
                path.unlink()
    finally:
        if is_new:
            with contextlib.suppress(OSError):
                folder.rmdir()


def _take(path: pathlib.Path) -> dict[str, Any]:
    """Writes this process into the lock, unless another one that lives is in it; returns who held it and has ended."""
    while True:
        with path.open("a+", encoding="utf-8", errors="replace") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # between reading who holds it and writing; it goes with the handle
            if not _is_still(path, file):  # removed meanwhile: by one who has just ended
                continue
            file.seek(0)
            holder = _parsed(file.read())
            _check_free(path, holder)
            file.truncate(0)
            file.write(json.dumps(_this_process()))
            file.flush()
            os.fsync(file.fileno())
            return holder


def _check_free(path: pathlib.Path, holder: dict[str, Any]) -> None:
    """Raises KerastagError: the holder lives, or may live."""
    if not holder:
        return
    if holder.get("host") != socket.gethostname():
        raise errors.KerastagError(f"{path.parent}: {_shown(holder)} trains here; if it has ended there, remove {path}")
    if _is_alive(holder):
        raise errors.KerastagError(f"{path.parent}: {_shown(holder)} trains here")


def _is_still(path: pathlib.Path, file: TextIO) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _parsed(text: str) -> dict[str, Any]:
    """Who holds the lock; nobody, where a process was killed before it had written itself down."""
    try:
        holder = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    pid = holder.get("pid") if isinstance(holder, dict) else None
    return holder if type(pid) is int and 0 < pid < 1 << 31 else {}


def _this_process() -> dict[str, Any]:
    since = datetime.datetime.now().isoformat(" ", "seconds")
    return {"pid": os.getpid(), "host": socket.gethostname(), "since": since, "started": _start_of(os.getpid())}


def _is_alive(holder: dict[str, Any]) -> bool:
    """Whether the process lives; another one with its number started at another time."""
    try:
        os.kill(holder["pid"], 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        pass
    return holder.get("started") in (None, _start_of(holder["pid"]))


def _start_of(pid: int) -> str | None:
    """When a process started, in ticks of the system's clock; None where the system does not say."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None


def _shown(holder: dict[str, Any]) -> str:
    return f"process {holder['pid']} on {holder.get('host')}, since {holder.get('since')},"
