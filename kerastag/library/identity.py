"""By what a file is known again: its size, time and inode, or its content."""

import hashlib
import os

from kerastag import remote
from kerastag.audio import fetched

_BLOCK = 1 << 20  # bytes of a file that are hashed at a time


def of_status(status: os.stat_result) -> str:
    """Size, modification time in ns and inode, which a file keeps that is renamed, and one that is written does not."""
    return f"{status.st_size}:{status.st_mtime_ns}:{status.st_ino}"


def of_hash(sha256: str) -> str:
    """SHA-256 over all of a file, in hexadecimal."""
    return f"sha256:{sha256}"


def of_url(url: str) -> str:
    """The URL and what its store tells of the file, as a hash: some URLs let others in.

    Raises:
      OSError, KerastagError: see remote.facts.
    """
    facts = fetched.facts_of(url)
    return f"url:{hashlib.sha256(f'{url} {facts.size} {facts.version}'.encode()).hexdigest()}"


def of_file(path: str | os.PathLike[str], by_content: bool = False) -> str:
    """What a file is known by.

    Args:
      path: the file; a link stands for what it leads to. Of a URL see `of_url`, whatever `by_content` says.
      by_content: by SHA-256 over all of it, which holds wherever the file lies, instead of `of_status`.

    Raises:
      OSError, KerastagError: it cannot be read.
    """
    if isinstance(path, str) and remote.is_url(path):
        return of_url(path)
    if not by_content:
        return of_status(os.stat(path))
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return of_hash(digest.hexdigest())
