"""Requests for a file, or for what is missing of it, over urllib3: proxies, time limits, and what can go wrong."""

import contextlib
import dataclasses
import urllib.parse
import urllib.request
from collections.abc import Iterator

import urllib3

from kerastag import errors, version

A_PAGE = "gave a web page instead of the file; does the network ask for a login?"
_CONNECT_SECONDS, _READ_SECONDS = 20.0, 60.0
_REDIRECTS = 5


class BrokenOff(Exception):
    """The connection ended before the file did."""


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a server sends.

    Attributes:
      response: of urllib3, its body not read yet.
      starts_at: the number of the body's first byte in the file.
    """

    response: urllib3.BaseHTTPResponse
    starts_at: int

    @property
    def num_bytes(self) -> int:
        """Of the whole file, as the server says; 0: it does not."""
        length = self.response.headers.get("Content-Length", "")
        return self.starts_at + int(length) if length.isdecimal() and len(length) < 20 else 0

    def pieces(self, num_bytes: int) -> Iterator[bytes]:
        """The body in pieces.

        Raises:
          BrokenOff: it is shorter than the server said, or stops coming.
        """
        try:
            yield from self.response.stream(num_bytes, decode_content=False)
        except urllib3.exceptions.HTTPError as error:
            raise BrokenOff("the connection broke off") from error


class Connection:
    """Where a file is asked for.

    Args:
      url: http or https.
      proxy: address of an HTTP proxy; None: the environment's, if it names one.

    Raises:
      KerastagError: the proxy is none.
    """

    def __init__(self, url: str, proxy: str | None = None):
        self.url = url
        self._host = urllib.parse.urlsplit(url).hostname or url
        self._proxy = proxy or _proxy_of_environment(url)
        self._pool = _pool(self._proxy)

    @contextlib.contextmanager
    def open(self, start: int) -> Iterator[Answer]:
        """Asks for the file from byte `start` on; the answer may be all of it.

        Raises:
          KerastagError: the server cannot be reached, or does not give the file.
        """
        response = self._ask(start)
        try:
            if start and (response.status == 416 or (response.status == 206 and not _starts(response, start))):
                response.close()
                start, response = 0, self._ask(0)  # what is here is no beginning of what is there
            self._check(response)
            yield Answer(response, start if response.status == 206 else 0)
        finally:
            response.close()

    def _ask(self, start: int) -> urllib3.BaseHTTPResponse:
        headers = {"User-Agent": f"kerastag/{version.__version__}", "Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
        try:
            return self._pool.request("GET", self.url, headers=headers, preload_content=False)
        except urllib3.exceptions.HTTPError as error:
            raise errors.KerastagError(self._why(error), "proxy") from error

    def _check(self, response: urllib3.BaseHTTPResponse) -> None:
        if response.status == 404:
            raise errors.KerastagError(f"{self.url}: is not there (404)")
        if response.status not in (200, 206):
            raise errors.KerastagError(f"{self.url}: the server answers {response.status}")
        if response.headers.get("Content-Type", "").lower().startswith("text/html"):
            raise errors.KerastagError(f"{self.url}: {A_PAGE}")

    def _why(self, error: urllib3.exceptions.HTTPError) -> str:
        """Why there is no answer, in a line."""
        reason = getattr(error, "reason", None) or error
        if isinstance(reason, urllib3.exceptions.ProxyError):
            return f"{self._host}: the proxy {_without_password(self._proxy)} gives no connection"
        if isinstance(reason, urllib3.exceptions.SSLError):
            return f"{self._host}: its certificate is not trusted here"
        if isinstance(reason, urllib3.exceptions.ResponseError):
            return f"{self.url}: leads on and on, to no file"
        if isinstance(reason, urllib3.exceptions.TimeoutError) and not isinstance(
            reason, urllib3.exceptions.NewConnectionError
        ):
            return f"{self._host}: does not answer"
        return f"{self._host}: cannot be reached; is there a network?"


def _starts(response: urllib3.BaseHTTPResponse, start: int) -> bool:
    return response.headers.get("Content-Range", "").startswith(f"bytes {start}-")


def _pool(proxy: str | None) -> urllib3.PoolManager:
    timeout = urllib3.Timeout(connect=_CONNECT_SECONDS, read=_READ_SECONDS)
    retries = urllib3.Retry(total=None, connect=1, read=0, status=0, other=0, redirect=_REDIRECTS)
    if not proxy:
        return urllib3.PoolManager(timeout=timeout, retries=retries)
    try:
        auth = urllib3.util.parse_url(proxy).auth
        headers = urllib3.make_headers(proxy_basic_auth=urllib.parse.unquote(auth)) if auth else None
        return urllib3.ProxyManager(proxy, proxy_headers=headers, timeout=timeout, retries=retries)
    except (urllib3.exceptions.HTTPError, ValueError):
        raise errors.KerastagError(f"{_without_password(proxy)}: not an HTTP proxy; give http://HOST:PORT") from None


def _proxy_of_environment(url: str) -> str | None:
    parts = urllib.parse.urlsplit(url)
    if urllib.request.proxy_bypass(parts.netloc):
        return None
    proxies = urllib.request.getproxies()
    found = proxies.get(parts.scheme) or proxies.get("all")
    return f"http://{found}" if found and "://" not in found else found


def _without_password(proxy: str | None) -> str:
    """A proxy's address, for people."""
    return (proxy or "").rpartition("@")[2]
