"""By what a file is known again: its size, time and inode, or its content."""

import hashlib
import os

_BLOCK = 1 << 20  # bytes of a file that are hashed at a time


def of_status(status: os.stat_result) -> str:
    """Size, modification time in ns and inode, which a file keeps that is renamed, and one that is written does not."""
    return f"{status.st_size}:{status.st_mtime_ns}:{status.st_ino}"


def of_hash(sha256: str) -> str:
    """SHA-256 over all of a file, in hexadecimal."""
    return f"sha256:{sha256}"


def of_file(path: str | os.PathLike[str], by_content: bool = False) -> str:
    """What a file is known by.

    Args:
      path: the file; a link stands for what it leads to.
      by_content: by SHA-256 over all of it, which holds wherever the file lies, instead of `of_status`.

    Raises:
      OSError: it cannot be read.
    """
    if not by_content:
        return of_status(os.stat(path))
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return of_hash(digest.hexdigest())
