"""The file of a table, on this machine or at a URL, of which what is read is fetched in ranges where the store can."""

import hashlib
import io
import os
import pathlib
from typing import Any, BinaryIO

from kerastag import errors, files, remote
from kerastag.audio import fetched

_BUFFER_BYTES = 1 << 16


class TableFile:
    """A file that is read in places.

    Args:
      place: a path or a URL.

    Attributes:
      name: for people, without what lets others in.
      suffix: in small letters: ".tsv".
      folder: where its relative paths begin; a string is a URL.
      size: in bytes.

    Raises:
      KerastagError: it is not there, or cannot be looked at.
    """

    def __init__(self, place: str | os.PathLike[str]):
        self._track: fetched.Fetched | None = None
        self.folder: pathlib.Path | str
        if isinstance(place, str) and remote.is_url(place):
            self.name, self.folder = remote.shown(place), remote.folder_of(place)
            self.suffix = pathlib.PurePosixPath(self.name.partition("::")[0]).suffix.lower()
            try:
                self._track = fetched.Fetched(place)
                self.size = self._track.size
            except OSError as error:
                raise errors.KerastagError(f"{self.name}: {files.reason(error)}") from None
            return
        self._path = pathlib.Path(place)
        self.name, self.folder, self.suffix = str(place), self._path.parent, self._path.suffix.lower()
        if not self._path.is_file():
            raise errors.KerastagError(f"{place}: no such file")
        self.size = self._path.stat().st_size

    def open(self) -> BinaryIO:
        """The file, to read. Raises OSError."""
        if self._track is None:
            return self._path.open("rb")
        return io.BufferedReader(_Reader(self._track), _BUFFER_BYTES)

    def sha256(self) -> str:
        """Of all of it, in hexadecimal. Raises OSError."""
        digest = hashlib.sha256()
        with self.open() as file:
            while block := file.read(1 << 20):
                digest.update(block)
        return digest.hexdigest()


class _Reader(io.RawIOBase):
    """What is at a URL, as a file."""

    def __init__(self, track: fetched.Fetched):
        self._track, self._position = track, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._track.size}[whence]
        self._position = max(0, start + offset)
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: Any) -> int:
        try:
            some = self._track.at(self._position, len(buffer))
        except OSError as error:
            raise errors.KerastagError(f"{remote.shown(self._track.url)}: {files.reason(error)}") from None
        memoryview(buffer)[: len(some)] = some
        self._position += len(some)
        return len(some)
