"""Requests to stores of files, asked again where that may help; and which stores give no answer any more."""

import errno
import random
import re
import threading
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

from kerastag import errors

TRIES = 5  # of one request
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 20.0  # seconds between them, doubled each time, and drawn by lot
DOWN = 5  # requests in a row that a store did not answer: it is down
DOWN_SECONDS = 30.0  # for which it is then not asked
Result = TypeVar("Result")


class Unanswered(OSError):
    """A store gave no answer, however often it was asked: what it holds may be fine."""


def tried(store: str, ask: Callable[[], Result]) -> Result:
    """What `ask` returns, which is asked again after a pause where that may help.

    Args:
      store: what is asked, by some name.
      ask: raises errors of any library.

    Raises:
      FileNotFoundError, PermissionError: the store says so; that is not asked again.
      Unanswered: it gave no answer, or only that it cannot now.
      OSError: it refused.
      KerastagError: whatever `ask` raised.
    """
    count, since = _SILENT.get(store, (0, 0.0))
    if count >= DOWN and time.monotonic() - since < DOWN_SECONDS:
        raise Unanswered(errno.EIO, "no answer any more")
    pause = FIRST_PAUSE
    for tries_left in range(1 if count >= DOWN else TRIES, 0, -1):
        try:
            result = ask()
        except errors.KerastagError:
            raise
        except Exception as error:  # of any library that fsspec uses
            refusal = _refusal(error)
            if refusal is not None:
                _note(store, answered=True)
                raise refusal from None
            if tries_left == 1:
                _note(store, answered=False)
                raise Unanswered(errno.EIO, _told(error)) from None
            time.sleep(_wanted_pause(error) or pause * random.uniform(0.5, 1.5))
            pause = min(2 * pause, LONGEST_PAUSE)
        else:
            _note(store, answered=True)
            return result
    raise AssertionError("there is at least one try")


def silent_stores(at_least: int = 1) -> list[str]:
    """Stores whose last requests, so many or more, were not answered."""
    return [store for store, (count, _) in list(_SILENT.items()) if count >= at_least]


_SILENT: dict[str, tuple[int, float]] = {}  # requests in a row without an answer, and when the last one was given up
_LOCK = threading.Lock()


def _note(store: str, answered: bool) -> None:
    with _LOCK:
        if answered:
            _SILENT.pop(store, None)
        else:
            _SILENT[store] = (_SILENT.get(store, (0, 0.0))[0] + 1, time.monotonic())


def _status(error: BaseException | None) -> int | None:
    """The status of an HTTP answer that an error, or what it came from, tells of."""
    while error is not None:
        for name in ("status", "status_code", "code"):
            value = getattr(error, name, None) if type(error).__module__ != "aiohttp.http_exceptions" else None
            if isinstance(value, int) and 400 <= value < 600:
                return value
        error = error.__cause__
    return None


def _refusal(error: Exception) -> OSError | None:
    """What not to ask for again; None: another try may help."""
    status = _status(error)
    if status in (401, 403) or isinstance(error, PermissionError):
        return PermissionError(errno.EACCES, f"permission denied{f' ({status})' if status else ''}")
    if status in (404, 410) or (
        isinstance(error, FileNotFoundError) and status is None and not _broken(error.__cause__)
    ):
        return FileNotFoundError(errno.ENOENT, "no such file")
    if status is not None and status < 500 and status not in (408, 425, 429):
        return OSError(errno.EIO, f"the server refuses ({status})")
    if isinstance(error, FileExistsError):
        return FileExistsError(errno.EEXIST, "is there already")
    if isinstance(error, IsADirectoryError | NotADirectoryError | NotImplementedError | KeyError):
        return OSError(errno.EIO, plain(str(error) or type(error).__name__))
    return None


def _broken(cause: BaseException | None) -> bool:
    """Whether a connection failed: what fsspec takes for a file that is not there."""
    if isinstance(cause, FileNotFoundError):
        return False
    return isinstance(cause, OSError) or type(cause).__module__.startswith("aiohttp")


def _told(error: BaseException) -> str:
    """Why there was no answer, in a line that names no URL."""
    status = _status(error)
    if status is not None:
        return f"the server answers {status}"
    cause = error.__cause__ or error
    text = plain(f"{type(cause).__name__}: {cause}").removesuffix(": ")
    return f"no answer ({text})"


def plain(text: str) -> str:
    """One line without URLs, which may hold secrets."""
    return re.sub(r"[A-Za-z][A-Za-z0-9+.-]+://[^\s'\"]+", "...", " ".join(text.split()))[:200]


def _wanted_pause(error: BaseException | None) -> float | None:
    """The seconds that a server asks for (Retry-After), up to LONGEST_PAUSE."""
    while error is not None:
        headers = getattr(error, "headers", None)
        value = headers.get("Retry-After", "") if isinstance(headers, Mapping) else ""
        if str(value).strip().isdecimal():
            return min(float(value), LONGEST_PAUSE)
        error = error.__cause__
    return None
