"""Files at URLs, by fsspec: looked at, read, written, tried again where that may help, and told of without secrets.

fsspec loads with the first URL. What it needs for a store, an endpoint or who one is, it takes from its own settings
and environment.
"""

import dataclasses
import errno
import importlib
import posixpath
import re
import urllib.parse
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from kerastag import errors, retrying

CONNECT_SECONDS, SILENT_SECONDS = 10.0, 15.0  # over HTTP: until a connection stands, between two pieces of an answer
_SCHEME = r"[A-Za-z][A-Za-z0-9+.-]+"
_URL = re.compile(rf"(?:{_SCHEME}::)*{_SCHEME}://")
_PACKAGES = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "http": "aiohttp", "https": "aiohttp"}
_HTTP = ("http", "https")
Result = TypeVar("Result")


class MissingPackage(errors.KerastagError):
    """A package that URLs of some kind need is not installed."""


@dataclasses.dataclass(frozen=True)
class Facts:
    """What a store says of a file.

    Attributes:
      size: in bytes; None: it does not say.
      version: what changes with the file, as far as the store tells: ETag, checksum, time.
      in_ranges: whether stretches of it may be asked for.
    """

    size: int | None
    version: str
    in_ranges: bool


def is_url(text: str) -> bool:
    """Whether a text is a URL, and no path: "https://...", "zip://a.mp3::s3://bucket/b.zip"."""
    return _URL.match(text) is not None


def shown(url: str) -> str:
    """A URL for people: without user, password and query, which may let others in."""
    links = [re.sub(r"://[^/@]*@", "://", link).partition("?")[0].partition("#")[0] for link in url.split("::")]
    return "::".join(links)


def folder_of(url: str) -> str:
    """The URL of the folder that a file is in."""
    first, joint, rest = url.partition("::")
    scheme, _, path = first.partition("://")
    if scheme in _HTTP:
        path = path.partition("?")[0].partition("#")[0]
    return f"{scheme}://{path.rpartition('/')[0]}{joint}{rest}"


def join(folder: str, path: str) -> str:
    """The URL of a file in a folder, by its relative path."""
    first, joint, rest = folder.partition("::")
    scheme, _, inside = first.partition("://")
    if scheme in _HTTP:
        path = urllib.parse.quote(path, safe="/")
    return f"{scheme}://{posixpath.normpath(posixpath.join(inside, path))}{joint}{rest}"


def open_store(url: str) -> tuple[Any, str]:
    """fsspec's file system of a URL, and the path in it.

    Raises:
      MissingPackage: of what such a URL needs.
      KerastagError: nothing is known by such a scheme.
      OSError: as retrying.tried; an archive is looked into.
    """
    try:
        core = importlib.import_module("fsspec.core")
    except ImportError:
        raise MissingPackage(f"{shown(url)}: fsspec is missing: pip install 'kerastag[remote]'") from None
    try:
        return core.url_to_fs(url, **_options(url))  # file systems that are known already are not made anew
    except ImportError as error:
        names = [_PACKAGES[scheme] for scheme in _schemes(url) if scheme in _PACKAGES]
        remedy = f"{names[-1]} is missing: pip install {names[-1]}" if names else retrying.plain(str(error))
        raise MissingPackage(f"{shown(url)}: {remedy}") from None
    except ValueError as error:
        raise errors.KerastagError(f"{shown(url)}: {retrying.plain(str(error))}") from None


def facts(url: str) -> Facts:
    """What a store says of a file; raises as retrying.tried, IsADirectoryError too."""

    def ask() -> tuple[Any, Mapping[str, Any]]:
        store, path = open_store(url)
        return store, store.info(path)

    store, info = _tried(url, ask)
    if info.get("type") == "directory":
        raise IsADirectoryError(errno.EISDIR, "is a folder")
    known = (
        "ETag",
        "etag",
        "md5Hash",
        "Content-MD5",
        "generation",
        "Last-Modified",
        "LastModified",
        "mtime",
        "created",
    )
    version = " ".join(str(info[name]) for name in known if info.get(name))
    in_ranges = (getattr(store, "async_impl", False) or _is(store, "memory")) and info.get("partial", True)
    return Facts(info["size"], version, bool(in_ranges) and info["size"] is not None)


def read_range(url: str, start: int, stop: int, size: int) -> bytes | None:
    """Bytes `start` to `stop` of a file of `size` bytes; None: its server sends all of a file whatever one asks for.

    Raises:
      OSError: as retrying.tried.
    """

    def ask() -> bytes | None:
        store, path = open_store(url)
        if not _is(store, *_HTTP):
            return store.cat_file(path, start=start, end=stop)
        with store.open(path, "rb", block_size=1 << 20, cache_type="none", size=size) as file:
            file.seek(start)
            try:
                return file.read(stop - start)
            except ValueError:  # so it says that the server knows no ranges
                return None

    def whole(answer: bytes | None) -> bytes | None:
        if answer is not None and len(answer) != stop - start:
            raise ConnectionError(f"{len(answer)} bytes instead of {stop - start}")
        return answer

    return _tried(url, lambda: whole(ask()))


def copy(url: str, target: Any, most: int) -> int:
    """Writes all of a file to an open one; its size in bytes.

    Raises:
      OSError: as retrying.tried, or it has more than `most` bytes.
    """

    def bring() -> int:
        target.seek(0)
        target.truncate()
        store, path = open_store(url)
        whole = {"block_size": 0} if _is(store, *_HTTP) else {}
        with store.open(path, "rb", **whole) as file:
            while piece := file.read(1 << 20):
                target.write(piece)
                if target.tell() > most:
                    return most + 1
        target.flush()
        return target.tell()

    size = _tried(url, bring)
    if size > most:
        raise OSError(errno.EFBIG, f"is larger than the {most >> 20} MB that are fetched at most")
    return size


def read_bytes(url: str) -> bytes:
    """All of a file; raises as retrying.tried."""

    def ask() -> bytes:
        store, path = open_store(url)
        return store.cat_file(path)

    return _tried(url, ask)


def write_bytes(url: str, content: bytes, only_new: bool = False) -> None:
    """Puts a file there, as one object.

    Args:
      url: where.
      content: of it.
      only_new: nothing that is there already is replaced, as far as the store can promise that.

    Raises:
      FileExistsError: something is there.
      OSError: as retrying.tried.
    """

    def put() -> None:
        store, path = open_store(url)
        if _is(store, *_HTTP):
            raise NotImplementedError("over HTTP nothing is written")
        store.pipe_file(path, content, mode="create" if only_new else "overwrite")

    _tried(url, put)


def names_in(url: str) -> list[str]:
    """The names of what is in a folder; none if it is not there. Raises as retrying.tried."""

    def ask() -> list[str]:
        store, path = open_store(url)
        store.invalidate_cache(path)
        return [posixpath.basename(name.rstrip("/")) for name in store.ls(path, detail=False)]

    try:
        return _tried(url, ask)
    except FileNotFoundError:
        return []


def store_of(url: str) -> str:
    """Scheme and host, or bucket, of what is asked in the end."""
    scheme, _, rest = shown(url).rpartition("::")[2].partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"


def _schemes(url: str) -> list[str]:
    return [link.partition("://")[0] for link in url.split("::")]


def _options(url: str) -> dict[str, Any]:
    """Limits of time for HTTP, which has none of its own worth the name."""
    schemes = [scheme for scheme in _schemes(url) if scheme in _HTTP]
    if not schemes:
        return {}
    aiohttp = importlib.import_module("aiohttp")
    limits = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=SILENT_SECONDS)
    return {scheme: {"client_kwargs": {"timeout": limits}} for scheme in schemes}


def _is(store: Any, *protocols: str) -> bool:
    own = (store.protocol,) if isinstance(store.protocol, str) else store.protocol
    return any(protocol in own for protocol in protocols)


def _tried(url: str, ask: Callable[[], Result]) -> Result:
    return retrying.tried(store_of(url), ask)
