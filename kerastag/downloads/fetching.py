"""A file over HTTP: verified, whole or not at all, and a download that broke off goes on where it stopped.

How its bytes come is decided here, since pooch, which verifies them, begins anew each time.
"""

import contextlib
import fcntl
import hashlib
import os
import pathlib
import time
import urllib.parse
from collections.abc import Callable, Iterator

from kerastag import errors, files, progress
from kerastag.downloads import connection

RAW_FILES = "https://raw.githubusercontent.com"
PAUSE_SECONDS = 1.0  # before a connection that broke off is made again
_MAX_CONNECTIONS = 20  # for one file, as long as each brings bytes
_PIECE = 8192


def github_url(repository: str, commit: str, path: str) -> str:
    """The address of a file in a repository, as it was at a commit."""
    return f"{RAW_FILES}/{repository}/{commit}/{urllib.parse.quote(path)}"


def fetch(url: str, path: pathlib.Path, digest: str, proxy: str | None = None) -> None:
    """Brings a file, unless it is there already with the right bytes.

    Args:
      url: http or https.
      path: where the file goes; what has come of it so far stands beside it, as PATH.partial.
      digest: "sha256:" and the file's SHA-256, or "git:" and the id of its blob in Git.
      proxy: address of an HTTP proxy; None: the environment's, if it names one.

    Raises:
      KerastagError: no network, no such file, a web page in its place, other bytes, or no room.
    """
    try:
        if path.is_file() and _has(path, digest):
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f"{path.name}.partial")
        _Downloader(partial, connection.Connection(url, proxy)).bring(path, lambda: _has(partial, digest))
    except OSError as error:
        raise errors.KerastagError(f"{path}: cannot be written ({files.reason(error)})") from error


def fetch_anew(url: str, path: pathlib.Path, proxy: str | None = None) -> None:
    """Brings a file whose digest nobody published, whole, in place of what is there.

    Args:
      url: http or https.
      path: where the file goes.
      proxy: as of `fetch`.

    Raises:
      KerastagError: no network, no such file, a web page in its place, or no room.
    """
    partial = path.with_name(f"{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.unlink(missing_ok=True)  # of a file that may have changed since
        _Downloader(partial, connection.Connection(url, proxy)).bring(path, lambda: True)
    except OSError as error:
        raise errors.KerastagError(f"{path}: cannot be written ({files.reason(error)})") from error


def blob_id(path: str | os.PathLike[str]) -> str:
    """The id that Git gives a file: SHA-1 of "blob", its size, a zero byte, and its bytes."""
    content = pathlib.Path(path).read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _has(path: pathlib.Path, digest: str) -> bool:
    """Whether a file has the bytes of a digest."""
    import pooch

    kind, _, expected = digest.partition(":")
    # pooch knows SHA-256; a blob's id it leaves to us
    return (pooch.file_hash(str(path)) if kind == "sha256" else blob_id(path)) == expected


class _Downloader:
    """Goes on with what is in a partial file, which stays until it has been verified and renamed."""

    def __init__(self, partial: pathlib.Path, source: connection.Connection):
        self._partial, self._source = partial, source
        self._began_anew = False  # whether all bytes of the partial file came from connections of this downloader

    def bring(self, path: pathlib.Path, is_right: Callable[[], bool]) -> None:
        """Makes the partial file whole, and renames it.

        Raises:
          KerastagError: it cannot be brought, or `is_right` says no of it twice: gone on with, and begun anew.
        """
        with self._held():
            if self._size() and is_right():  # it came, and the process ended before the renaming
                os.replace(self._partial, path)
                return
            while True:
                self._began_anew = not self._size()
                self._complete()
                if is_right():
                    os.replace(self._partial, path)
                    return
                why = self._what_came()
                self._partial.write_bytes(b"")
                if self._began_anew:
                    raise errors.KerastagError(f"{self._source.url}: {why}; nothing of it is kept")

    def _complete(self) -> None:
        """Makes as many connections as it takes while each brings bytes."""
        for _ in range(_MAX_CONNECTIONS):
            before = self._size()
            try:
                self._go_on()
                return
            except connection.BrokenOff as error:
                if self._size() <= before:
                    raise errors.KerastagError(self._told(str(error))) from error
                time.sleep(PAUSE_SECONDS)
        raise errors.KerastagError(self._told("the connection breaks off again and again"))

    def _what_came(self) -> str:
        """What is wrong with bytes that are not the file's."""
        with self._partial.open("rb") as file:
            start = file.read(512)
        if start.lstrip().lower().startswith((b"<!doctype html", b"<html")):
            return connection.A_PAGE
        return "gave other bytes than those that were published"

    def _go_on(self) -> None:
        """Appends to the partial file what the server has more of it, or begins anew where it sends all.

        Raises:
          connection.BrokenOff: the connection ended before the file did.
        """
        try:
            with self._source.open(self._size()) as answer:
                if not answer.starts_at:
                    self._began_anew = True
                with self._partial.open("ab" if answer.starts_at else "wb") as file, self._bar(answer) as bar:
                    for piece in answer.pieces(_PIECE):
                        file.write(piece)
                        bar.advance_to(file.tell() // 1_000_000)
        except OSError:  # a full disk is no fuller for it
            self._partial.unlink(missing_ok=True)
            raise

    @contextlib.contextmanager
    def _held(self) -> Iterator[None]:
        """Keeps another process from the partial file; one in which nothing came goes again."""
        with self._partial.open("ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise errors.KerastagError(f"{self._source.url}: another process is fetching it just now") from None
            try:
                yield
            finally:
                if not self._size():
                    self._partial.unlink(missing_ok=True)

    def _bar(self, answer: connection.Answer) -> progress.Bar:
        return progress.Bar(max(1, answer.num_bytes // 1_000_000), f"fetching {self._partial.stem}", "MB")

    def _size(self) -> int:
        return self._partial.stat().st_size if self._partial.exists() else 0

    def _told(self, why: str) -> str:
        kept = (
            f"; {self._size() / 1e6:.1f} MB are kept, and the same command goes on from there" if self._size() else ""
        )
        return f"{self._source.url}: {why}{kept}"
