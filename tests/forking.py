"""Processes that are there at once: forked from one that has imported TensorFlow, with or without Keras and kerastag.

Importing it takes seconds, more than most of these processes do. What runs in them is the same script.
"""

import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import types
from collections.abc import Iterator, Mapping, Sequence

import pytest

SCRIPT = pathlib.Path(__file__).with_name("forking_script.py")
_POLL_SECONDS = 0.02


class Process:
    """A script that runs; with what is used of subprocess.Popen.

    Attributes:
      pid: of the process.
      stdout: what it prints, a stream of bytes, where that was subprocess.PIPE.
    """

    def __init__(self, forks: "Forks", pid: int, stdout):
        self._forks, self.pid, self.stdout, self._status = forks, pid, stdout, None

    def poll(self) -> int | None:
        """The exit status, once it has ended."""
        if self._status is None:
            self._status = self._forks.ask({"wait": self.pid})
        return self._status

    def wait(self, timeout: float | None = None) -> int:
        """Waits for its end."""
        if timeout is None and self._status is None:
            self._status = self._forks.ask({"wait": self.pid, "until_it_ends": True})
        deadline = time.monotonic() + (timeout or 0)
        while (status := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
            time.sleep(_POLL_SECONDS)
        return status

    def terminate(self) -> None:
        """Asks it to end."""
        if self.poll() is None:
            os.kill(self.pid, 15)

    def kill(self) -> None:
        """Ends it."""
        if self.poll() is None:
            os.kill(self.pid, 9)


class Forks:
    """Starts scripts by forking; the process that forks is started by the first of them."""

    def __init__(self) -> None:
        self._process: subprocess.Popen | None = None
        self._connection: socket.socket

    def close(self) -> None:
        """Ends the process that forks."""
        if self._process is not None:
            self._connection.close()
            self._process.wait()
            self._process = None

    def ask(self, request: Mapping, *printed: int):
        """Its answer; `printed` are descriptors for what a script prints."""
        if self._process is None:
            self._connection, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            command, quiet = [sys.executable, str(SCRIPT), str(other.fileno())], {"TF_CPP_MIN_LOG_LEVEL": "2"}
            self._process = subprocess.Popen(command, pass_fds=[other.fileno()], env={**os.environ, **quiet})
            other.close()
        socket.send_fds(self._connection, [json.dumps(request).encode()], printed)
        return json.loads(self._connection.recv(1 << 20))

    def start(self, arguments: Sequence[str], stdout, stderr, env: Mapping[str, str], bare: bool = True) -> Process:
        """Runs a script with its arguments; stdout and stderr are files, stdout perhaps subprocess.PIPE.

        It can import neither Keras nor kerastag if `bare`.
        """
        reader = writer = None
        if stdout == subprocess.PIPE:
            ends = os.pipe()
            reader, writer = os.fdopen(ends[0], "rb"), os.fdopen(ends[1], "wb")
        request = {"argv": [*arguments], "environment": dict(env), "folder": os.getcwd(), "bare": bare}
        pid = self.ask(request, (writer or stdout).fileno(), stderr.fileno())
        if writer:
            writer.close()
        return Process(self, pid, reader)

    def run(self, arguments: Sequence[str], env: Mapping[str, str], bare: bool = True) -> subprocess.CompletedProcess:
        """Runs a script to its end."""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as said:
            status = self.start(arguments, out, said, env, bare).wait()
            for file in (out, said):
                file.seek(0)
            return subprocess.CompletedProcess(arguments, status, out.read().decode(), said.read().decode())


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    """Starts scripts without the seconds that TensorFlow takes to be imported."""
    made = Forks()
    yield made
    made.close()


@pytest.fixture(scope="session", autouse=True)
def forked_sessions(forks) -> Iterator[None]:
    """A SavedModel is asked in a fork; `bare_process_itself` is for tests that are about starting the process."""
    from kerastag.serving import plan
    from kerastag.serving.check import bare_process

    def run(command: Sequence[str], **options) -> subprocess.CompletedProcess:
        if command[:3] == [sys.executable, str(bare_process.SCRIPT), plan.SAVED_MODEL]:
            return forks.run(command[1:], options["env"])
        return subprocess.run(command, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bare_process, "subprocess", types.SimpleNamespace(run=run))
        yield


@pytest.fixture
def bare_process_itself(monkeypatch) -> None:
    """A SavedModel is asked as users do, in a process that is started for it."""
    from kerastag.serving.check import bare_process

    monkeypatch.setattr(bare_process, "subprocess", subprocess)
