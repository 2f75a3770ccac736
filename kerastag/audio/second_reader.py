"""The second reader: FFmpeg's libraries, by PyAV, for what libsndfile does not read; the extra `formats` installs it.

It decodes in processes of its own, one for each file that is being read at the same time. A file that kills or stops
one costs that file alone.
"""

import contextlib
import functools
import importlib.util
import json
import os
import pathlib
import select
import subprocess
import sys
import threading
import time
from typing import Any

import numpy as np

from kerastag import audio, remote
from kerastag.audio import decoder, fetched, layout

REMEDY = "pip install 'kerastag[formats]'"
TIME_LIMIT = 90.0  # seconds that a process may take to answer; less than parallel.READ_SECONDS, which waits for it
_SILENT = "none of its samples can be decoded"
_SCRIPT = pathlib.Path(__file__).with_name("second_process.py")


@functools.cache
def available() -> bool:
    """Whether PyAV is installed."""
    return importlib.util.find_spec("av") is not None


class Decoder:
    """A file that the second reader decodes to mono; see stream.Decoder.

    Args:
      path: the file's name.

    Raises:
      AudioError: it cannot be read, or has an absurd rate.
    """

    stores_int16 = False

    def __init__(self, path: str):
        self._path = path
        self._file = _file_of(path)
        facts = _ask(path, self._file)
        self.rate: int = facts["rate"]
        decoder.check_rate(path, self.rate)
        self.num_channels: int = facts["num_channels"]
        self.form: tuple[str, str] = tuple(facts["form"])
        self.stated_frames: int = facts["num_frames"]  # counted
        self.gaps = [(float(start), float(seconds)) for start, seconds in facts["gaps"]]
        self.seconds_stated: float | None = facts["seconds_stated"]

    def decodes(self, position: int) -> bool:
        return position < self.stated_frames

    def run(self, position: int, mono: np.ndarray) -> int:
        samples = _ask(self._path, self._file, int(position), int(position) + len(mono))["samples"]
        mono[: len(samples)] = samples
        mono[len(samples) :] = 0
        return len(samples)

    def close(self) -> None:
        """The process keeps the file, for the next chunk of it."""


def open_instead(path: str, refusal: audio.AudioError) -> Decoder:
    """Opens a file that libsndfile refused.

    Raises:
      AudioError: `refusal`, if this reader does not know the file either; what to install; or why it cannot be read.
    """
    if not available():
        if os.path.splitext(path)[1].lower() in audio.FOREIGN_EXTENSIONS:
            raise audio.AudioError(f"{path}: needs FFmpeg's libraries: {REMEDY}")
        raise refusal
    try:
        return Decoder(path)
    except _Refused as error:
        if str(error).endswith(f"{_SILENT})") and str(refusal).endswith("(Format not recognised)"):
            raise audio.AudioError(f"{path}: is damaged, {_SILENT}") from None
        raise refusal from None


class _Refused(audio.AudioError):
    """FFmpeg's libraries do not read it either."""


class _Process:
    """One process that decodes; `path` is the file that it keeps."""

    def __init__(self) -> None:
        self.path = ""
        pipe = subprocess.PIPE
        command = [sys.executable, str(_SCRIPT)]
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, bufsize=0)

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """The answer, with "samples" if there are some.

        Raises:
          OSError, EOFError, ValueError: it took too long, died, or answered nonsense.
        """
        assert self._process.stdin
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        until = time.monotonic() + TIME_LIMIT
        received = bytearray()
        while b"\n" not in received:
            received += self._some(until)
        head, _, content = received.partition(b"\n")
        facts = json.loads(head)
        if "num_samples" in facts:
            while len(content) < 4 * facts["num_samples"]:
                content += self._some(until)
            facts["samples"] = np.frombuffer(content, "<f4")
        return facts

    @property
    def lives(self) -> bool:
        return self._process.poll() is None

    def end(self) -> str:
        """Ends the process; how it ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):  # whose end may be seen before its status is there
            status = self._process.wait(0.2)
            return f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        self._process.kill()
        self._process.wait()
        return f"did not finish within {TIME_LIMIT:.0f} s"

    def _some(self, until: float) -> bytes:
        assert self._process.stdout
        ready, _, _ = select.select([self._process.stdout], [], [], max(0.0, until - time.monotonic()))
        some = os.read(self._process.stdout.fileno(), 1 << 20) if ready else b""
        if not some:
            raise TimeoutError if not ready else EOFError
        return some


_IDLE: list[_Process] = []
_LOCK = threading.Lock()


def _idle(path: str) -> _Process | None:
    """A process that waits, best the one that keeps the file; those that ended meanwhile are forgotten."""
    with _LOCK:
        _IDLE[:] = [process for process in _IDLE if process.lives]
        process = next((process for process in _IDLE if process.path == path), _IDLE[0] if _IDLE else None)
        if process:
            _IDLE.remove(process)
        return process


def _file_of(path: str) -> bytes:
    """The name of a file that another process can open; of a remote track, all of which is fetched for it.

    Raises:
      AudioError: it cannot be fetched.
    """
    if not remote.is_url(path):
        return layout.system_path(path)
    track = fetched.of(path)
    try:
        track.fetch_all()
    except OSError as error:
        raise audio.AudioError(f"{path}: {layout.reason(error)}") from None
    assert track.path is not None
    return os.fsencode(track.path)


def _ask(path: str, file: bytes, start: int | None = None, stop: int | None = None) -> dict[str, Any]:
    """What a process says of a file that is there as `file`, or a stretch of it.

    Raises:
      AudioError: it cannot be read.
    """
    process = _idle(path) or _Process()
    request: dict[str, Any] = {"path": file.hex()}
    if start is not None:
        request |= {"start": start, "stop": stop}
    try:
        facts = process.ask(request)
    except (OSError, EOFError, ValueError):
        raise audio.AudioError(f"{path}: cannot be read: the process that decoded it {process.end()}") from None
    except BaseException:
        process.end()
        raise
    process.path = path
    with _LOCK:
        _IDLE.append(process)
    if "error" in facts:
        raise _Refused(f"{path}: cannot be read by FFmpeg's libraries ({facts['error']})")
    return facts
