"""A training in a folder in which something cannot be written: for `refuse_writes`, which starts it.

    python -m tools.attacks.refusing FOLDER NUMBER ERRNO TOLD FLAGS...

Every opening for writing, new folder and rename in FOLDER counts; that of NUMBER and all behind it fail as on a disk
that is full or read-only. What the first one was is written to the file TOLD. ERRNO "size" has files fail instead that
grow over NUMBER bytes, whoever writes them, as the system's limit of a file's size has it.
"""

import errno
import itertools
import os
import pathlib
import resource
import signal
import sys
from typing import Any

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def refuse(folder: pathlib.Path, number: int, code: int, told: pathlib.Path) -> None:
    """Refuses this process what is written in `folder` from the write `number` on.

    Args:
      number: from 0 on.
      code: of the error, as errno.ENOSPC.
      told: a file, outside the folder, to be written at the first refusal.
    """
    counted = itertools.count()

    def look(event: str, arguments: tuple[Any, ...]) -> None:
        path = written(event, arguments)
        if path is None:
            return
        place = pathlib.Path(os.path.abspath(path))
        if folder not in (place, *place.parents):
            return
        this = next(counted)
        if this == number:
            told.write_text(f"{event.removeprefix('os.')} {os.path.relpath(path, folder)}")
        if this >= number:
            raise OSError(code, os.strerror(code), path)

    sys.addaudithook(look)


def written(event: str, arguments: tuple[Any, ...]) -> str | None:
    """The path that an event of Python's would write; None: it writes nothing, or a descriptor that is open."""
    if event == "open" and not arguments[2] & _WRITES:
        return None
    if event not in ("open", "os.mkdir", "os.rename"):
        return None
    path = arguments[1] if event == "os.rename" else arguments[0]
    return os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else None


def limit(num_bytes: int) -> None:
    """Has files fail that grow over so many bytes, with an error instead of a signal."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, num_bytes))


def main(arguments: list[str]) -> int:
    """Trains with the flags behind the first four arguments; returns the exit status."""
    folder, number, how, told = arguments[:4]
    if how == "size":
        limit(int(number))
    else:
        refuse(pathlib.Path(folder).absolute(), int(number), getattr(errno, how), pathlib.Path(told))
    from kerastag import train

    return train.COMMAND.run(arguments[4:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
