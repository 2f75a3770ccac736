"""Bytes of a file, looked at in blocks, and some of them as a file of their own: what a decoder is to see of it."""

import bisect
import io
import itertools
import os
from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

from kerastag import remote
from kerastag.audio import fetched

Piece: TypeAlias = bytes | tuple[int, int]  # bytes as they are, or (first, last) of the file's own, last excluded
BLOCK = 1 << 20
LENGTH_CLAIM = 40  # from 8 to 320 kbit/s: no estimate by the first frame's bit rate is further off


class Bytes(Protocol):
    """Where the bytes of a track are; see fetched.Fetched."""

    @property
    def size(self) -> int: ...

    def at(self, position: int, size: int) -> bytes: ...

    def into(self, view: memoryview, position: int) -> int: ...

    def close(self) -> None: ...


class _Local:
    """A file of this machine: one that shrinks meanwhile gives fewer bytes, not a signal."""

    def __init__(self, path: str):
        self._file = os.open(os.fsencode(path), os.O_RDONLY | os.O_CLOEXEC)
        self.size = os.fstat(self._file).st_size

    def at(self, position: int, size: int) -> bytes:
        return os.pread(self._file, size, position)

    def into(self, view: memoryview, position: int) -> int:
        return os.preadv(self._file, [view], position)

    def close(self) -> None:
        os.close(self._file)


def opened(path: str) -> Bytes:
    """The bytes of a file, which may be a URL; raises OSError."""
    return fetched.of(path) if remote.is_url(path) else _Local(path)


class Blocks:
    """A track's bytes, read where they are wanted.

    Args:
      path: the file, or the URL.
      start, stop: nothing else of it is looked at; None: up to its end.

    Attributes:
      start: as given.
      size: in bytes, up to `stop`.
    """

    def __init__(self, path: str, start: int = 0, stop: int | None = None):
        self._bytes = opened(path)
        self.start, self.size = start, self._bytes.size if stop is None else min(stop, self._bytes.size)

    def __enter__(self) -> "Blocks":
        return self

    def __exit__(self, *error: Any) -> None:
        self._bytes.close()

    def at(self, position: int, size: int = BLOCK) -> bytes:
        """Up to `size` bytes from `position` on; fewer only at the end."""
        size = min(size, self.size - position)
        return self._bytes.at(position, size) if size > 0 else b""

    def find(self, mark: bytes, start: int, stop: int | None = None) -> int:
        """The first place of `mark` that begins from `start` on and ends before `stop`; -1 if there is none."""
        stop = self.size if stop is None else min(stop, self.size)
        while start + len(mark) <= stop:
            block = self.at(start, min(BLOCK, stop - start))
            place = block.find(mark)
            if place >= 0:
                return start + place
            if len(block) < len(mark):
                break
            start += len(block) - len(mark) + 1
        return -1


class SplicedFile(io.RawIOBase):
    """Pieces one after the other, as a file to read.

    Args:
      path: the file that pieces are of, or its URL.
      pieces: see Piece.
      claims_more: says that it is far longer than it is to whoever seeks its end: libsndfile estimates the length of
        an MPEG stream by its size, and gives out nothing past the estimate.
    """

    def __init__(self, path: str, pieces: Sequence[Piece], claims_more: bool = False):
        self._bytes = opened(path)
        self._pieces = tuple(pieces)
        sizes = [len(piece) if isinstance(piece, bytes) else piece[1] - piece[0] for piece in self._pieces]
        self._ends = list(itertools.accumulate(sizes))
        self._size = self._ends[-1] if self._ends else 0
        self._claim = LENGTH_CLAIM * self._size if claims_more else self._size
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        if not self.closed:
            self._bytes.close()
        super().close()

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        end = self._claim if offset == 0 else self._size  # the decoder looks for a tag before the real end
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: end}[whence]
        self._position = max(0, start + offset)
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: Any) -> int:
        number = bisect.bisect_right(self._ends, self._position)
        if number == len(self._ends):
            return 0
        piece = self._pieces[number]
        before = self._ends[number - 1] if number else 0
        offset, wanted = self._position - before, min(len(buffer), self._ends[number] - self._position)
        view = memoryview(buffer)[:wanted]
        if isinstance(piece, bytes):
            view[:] = piece[offset : offset + wanted]
            got = wanted
        else:
            got = self._bytes.into(view, piece[0] + offset)
        self._position += got
        return got
