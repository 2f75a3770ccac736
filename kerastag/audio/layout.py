"""What a file is made of before anything is decoded: its streams, what is missing of them, where the junk lies.

libsndfile reads one stream that begins with the first byte and is as long as its header says. Joined files, chained
Ogg streams, bytes in front, headers that state too little: each is brought to streams that it does read, bytes of the
file spliced together. A file is looked through once a process.
"""

import os
import stat
from collections.abc import Iterator

from kerastag import audio, remote
from kerastag.audio import account, containers, fetched, mpeg_layout, outline, spliced
from kerastag.audio.link import Layout, Link

_KNOWN: dict[tuple[str, int, int], Layout] = {}  # (path, bytes, time) -> layout
_MAX_KNOWN = 1_000_000
KINDS = {
    stat.S_IFDIR: "is a folder, not an audio file",
    stat.S_IFIFO: "is a pipe, not an audio file",
    stat.S_IFSOCK: "is a socket, not an audio file",
    stat.S_IFCHR: "is a device, not an audio file",
    stat.S_IFBLK: "is a device, not an audio file",
}


def of(path: str) -> Layout:
    """The layout of a file, or of what is at a URL; what is learnt about it later stays in it.

    Raises:
      AudioError: the file is missing, empty, no regular file, or may not be read.
    """
    try:
        key = _identity(path)
        if key in _KNOWN:
            return _KNOWN[key]
        with spliced.Blocks(path) as blocks:
            laid_out = _outline(path, blocks) if remote.is_url(path) else None
            layout = laid_out or containers.of(blocks) or mpeg_layout.of(blocks) or Layout([Link()])
    except ValueError:  # a zero byte in the name
        raise audio.AudioError(f"{path!r}: no such file") from None
    except OSError as error:
        raise audio.AudioError(f"{path}: {reason(error)}") from None
    if len(_KNOWN) >= _MAX_KNOWN:
        _KNOWN.clear()
    return _KNOWN.setdefault(key, layout)


def accounts() -> Iterator[tuple[str, account.Account]]:
    """The name and the account of every file that was laid out in this process and is not whole."""
    for (path, _, _), layout in list(_KNOWN.items()):
        known = layout.account() if layout.maybe_gaps else None
        if known is not None and known.gaps:
            yield path, known


def forget() -> None:
    """Lets go of all layouts, and so of all accounts, and of what was fetched."""
    _KNOWN.clear()
    fetched.forget()


def unlearn(path: str) -> None:
    """Lets go of a track's layouts, which a failure may have falsified."""
    for key in [key for key in _KNOWN if key[0] == path]:
        _KNOWN.pop(key, None)


def reason(error: OSError) -> str:
    """Why a file cannot be read, in a few words."""
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(error, PermissionError):
        return "may not be read (permission denied)"
    return f"cannot be read ({(error.strerror or str(error)).lower()})"


def system_path(path: str) -> bytes:
    """A name as the system has it; bytes also carry names that are not UTF-8."""
    return os.fsencode(path)


def _identity(path: str) -> tuple[str, int, int]:
    """The name, the size and what changes with the content.

    Raises:
      AudioError: it is empty, or no regular file.
      OSError: it cannot be looked at.
    """
    if remote.is_url(path):
        track = fetched.of(path)
        size, version = track.size, hash(track.version)
    else:
        status = os.stat(system_path(path))
        size, version = status.st_size, status.st_mtime_ns
        kind = KINDS.get(stat.S_IFMT(status.st_mode))
        if kind:
            raise audio.AudioError(f"{path}: {kind}")
    if not size:
        raise audio.AudioError(f"{path}: is empty (0 bytes)")
    return path, size, version


def _outline(path: str, blocks: spliced.Blocks) -> Layout | None:
    """The layout of a remote track of which only stretches are fetched; None: all of it is here now."""
    laid_out = outline.of(path, blocks) if fetched.trusted(path) else None
    if laid_out is None:
        fetched.of(path).fetch_all()
    return laid_out
