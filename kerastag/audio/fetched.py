"""Tracks at URLs: sparse temporary files that are filled as bytes are asked for, in ranges where the store gives them.

Of the tracks that were asked for last some are kept, up to KEPT_BYTES, so that a track that is opened several times, by
chunks or by parts, is fetched once.
"""

import collections
import errno
import functools
import os
import posixpath
import tempfile
import threading
from typing import Any

from kerastag import remote

BLOCK = 1 << 14  # bytes that are there or not
LEAST, MOST_AHEAD, MOST = 1 << 15, 1 << 20, 1 << 23  # bytes of a request: all, those read on unasked, all
MOST_BYTES = 2 << 30  # of a track that is fetched whole
KEPT_BYTES = 2 << 30  # of all tracks that are kept
_KEPT_TRACKS = 128  # of which each has an open file
_KNOWN_FACTS = 1_000_000


class Unlike(Exception):
    """The track at a URL is not what its beginning and its end suggest; it is to be fetched whole, and read anew."""

    def __init__(self, url: str):
        super().__init__(url)
        self.url = url


class Fetched:
    """A track at a URL.

    Args:
      url: where it is.

    Attributes:
      size: in bytes.
      version: see remote.Facts.
      ranges: whether the store gives ranges; if not, the first byte brings all.
      num_bytes: that are here.
      failures: requests that failed so far.
      failure: the last one's reason; readers that cannot raise leave it here.

    Raises:
      OSError, KerastagError: see remote.facts.
    """

    def __init__(self, url: str):
        self.url = url
        facts = facts_of(url)
        self.version, self.ranges, self.num_bytes = facts.version, facts.in_ranges, 0
        self.failures, self.failure = 0, OSError()
        self._file: Any = None  # lives as long as this object, and so is closed by none of its methods
        self._lock = threading.RLock()
        self._read_to = self._ahead = 0
        self._size = facts.size
        self._here = bytearray(0 if facts.size is None else -(-facts.size // BLOCK))

    @property
    def size(self) -> int:
        """Where the store does not say it, the track is fetched for it."""
        if self._size is None:
            self.fetch_all()
        assert self._size is not None
        return self._size

    @property
    def path(self) -> str | None:
        """A file of this machine with all of the track; None: not all of it is here."""
        whole = self._file is not None and self._size is not None and all(self._here)
        return self._file.name if whole else None

    def at(self, position: int, size: int) -> bytes:
        """Up to `size` bytes from `position` on; fewer only at the track's end. Raises OSError."""
        stop = min(position + size, self.size)
        if position >= stop:
            return b""
        if position != self._read_to:
            self._ahead = 0
        self.fetch(position, stop)
        self._read_to = stop
        return os.pread(self._file.fileno(), stop - position, position)

    def into(self, view: memoryview, position: int) -> int:
        """`at` for callbacks out of C, which must not raise: what fails counts as the end, and stands in `failure`."""
        try:
            some = self.at(position, len(view))
        except Exception as error:
            self.failures, self.failure = self.failures + 1, as_os_error(error)
            return 0
        view[: len(some)] = some
        return len(some)

    def fetch(self, start: int, stop: int) -> None:
        """Fetches bytes `start` to `stop` as far as they are not here yet. Raises OSError."""
        with self._lock:
            if not self.ranges:
                self.fetch_all()
                return
            first, last = start // BLOCK, -(-min(stop, self.size) // BLOCK)
            while (first := self._here.find(0, first, last)) >= 0:
                present = self._here.find(1, first)
                self._bring(first, min(present if present >= 0 else len(self._here), self._wished(first, last)))
                if not self.ranges:
                    self.fetch_all()
                    return

    def fetch_all(self) -> None:
        """Fetches what is not here yet. Raises OSError."""
        with self._lock:
            if self.path is not None:
                return
            if self._size is not None and self._size > MOST_BYTES:
                raise OSError(errno.EFBIG, f"is larger than the {MOST_BYTES >> 20} MB that are fetched at most")
            if self.ranges:
                self.fetch(0, self.size)
                return
            self._here = bytearray(len(self._here))  # the copy begins anew
            size = remote.copy(self.url, self._open(), MOST_BYTES)
            if self._size not in (None, size):
                raise OSError(errno.EIO, f"gives {size} bytes, and says that it has {self._size}")
            self._size, self._here = size, bytearray(b"\1" * -(-size // BLOCK))
            self.num_bytes = size

    def close(self) -> None:
        """The track stays, for the next reading of it."""

    def _wished(self, first: int, last: int) -> int:
        """Up to which block to ask for: further, the longer one reads on without a seek."""
        self._ahead = min(MOST_AHEAD, max(LEAST, 2 * self._ahead))
        return min(max(last, first + self._ahead // BLOCK), first + MOST // BLOCK)

    def _bring(self, first: int, last: int) -> None:
        start, stop = first * BLOCK, min(last * BLOCK, self.size)
        content = remote.read_range(self.url, start, stop, self.size)
        if content is None:
            self.ranges = False
            return
        os.pwrite(self._open().fileno(), content, start)
        self._here[first:last] = b"\1" * (last - first)
        self.num_bytes += stop - start

    def _open(self) -> Any:
        """The temporary file, which ends with this object."""
        if self._file is None:
            suffix = posixpath.splitext(remote.shown(self.url).partition("::")[0])[1][:16]
            self._file = _temporary(suffix=suffix)
        return self._file


_temporary = functools.partial(tempfile.NamedTemporaryFile, prefix="kerastag-")
_FACTS: dict[str, remote.Facts] = {}
_DISTRUSTED: set[str] = set()
_KEPT: collections.OrderedDict[str, Fetched] = collections.OrderedDict()
_LOCK = threading.Lock()


def facts_of(url: str) -> remote.Facts:
    """What a store says of a track, which it is asked once; raises OSError, KerastagError."""
    if url not in _FACTS:
        if len(_FACTS) >= _KNOWN_FACTS:
            _FACTS.clear()
        _FACTS[url] = remote.facts(url)
    return _FACTS[url]


def of(url: str) -> Fetched:
    """The track at a URL, as it is known already or as its store tells of it; raises OSError, KerastagError."""
    with _LOCK:
        if url in _KEPT:
            _KEPT.move_to_end(url)
            return _KEPT[url]
    track = Fetched(url)
    with _LOCK:
        track = _KEPT.setdefault(url, track)
        _let_go()
        return track


def distrust(url: str) -> None:
    """Has a track fetched whole, when it is opened next."""
    _DISTRUSTED.add(url)


def trusted(url: str) -> bool:
    """Whether what is at a URL may be laid out by some stretches of it."""
    return url not in _DISTRUSTED and of(url).ranges


def forget() -> None:
    """Lets go of all tracks; the files of those that are not being read are removed."""
    with _LOCK:
        _KEPT.clear()
        _FACTS.clear()
        _DISTRUSTED.clear()


def as_os_error(error: Exception) -> OSError:
    """An error that reading a track raised, as those of local files are."""
    return error if isinstance(error, OSError) else OSError(errno.EIO, str(error))


def _let_go() -> None:
    """Lets go of the tracks that were not asked for the longest."""
    total = sum(track.num_bytes for track in _KEPT.values())
    while len(_KEPT) > 1 and (total > KEPT_BYTES or len(_KEPT) > _KEPT_TRACKS):
        total -= _KEPT.popitem(last=False)[1].num_bytes
