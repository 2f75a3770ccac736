"""Model servers for tests: tensorflow_model_server where there is one, else the stand-in; both are processes."""

import contextlib
import dataclasses
import io
import json
import os
import pathlib
import select
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence

import pytest

from tests import forking

STAND_IN = pathlib.Path(__file__).with_name("serving_stand_in.py")
_STARTING_SECONDS = 60.0


@dataclasses.dataclass(frozen=True)
class Server:
    """A running server.

    Attributes:
      kind: "tensorflow_model_server" or "stand-in".
      rest: http://127.0.0.1:PORT.
      grpc: 127.0.0.1:PORT, or None where the stand-in lacks tensorflow-serving-api.
      process: to be ended by a test that wants it gone.
    """

    kind: str
    rest: str
    grpc: str | None
    process: subprocess.Popen | forking.Process

    def stop(self) -> None:
        """Ends the process."""
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()


@pytest.fixture(scope="session")
def serving(forks) -> Iterator:
    """A function that starts a server: `serving(base_path, name)`; all are ended with the session.

    It takes further flags as they are, and a models.config instead of base path and name:
    `serving(config_file=path)`. Starting takes some seconds, so tests that only ask should share one.
    """
    with contextlib.ExitStack() as started:

        def start(
            base_path: os.PathLike[str] | None = None,
            name: str = "default",
            *flags: str,
            config_file: os.PathLike[str] | None = None,
        ) -> Server:
            where = [f"--model_name={name}", f"--model_base_path={base_path}"]
            if config_file is not None:
                where = [f"--model_config_file={config_file}", "--allow_version_labels_for_unavailable_models=true"]
            server = _start([*where, *flags], forks)
            started.callback(server.stop)
            return server

        yield start


@dataclasses.dataclass(frozen=True)
class Exported:
    """What `kerastag export` made of a run.

    Attributes:
      run: its folder; the network's scores depend on what it hears.
      folder: the bundle, named `model`, with version 1; four chunks a waveform.
      printed: what the command printed.
    """

    run: pathlib.Path
    folder: pathlib.Path
    printed: str


@pytest.fixture(scope="session")
def exported_run(run, network, tmp_path_factory) -> Exported:
    """The bundle of a run whose network listens, not to be changed."""
    from kerastag import export

    source, folder = tmp_path_factory.mktemp("listening") / "run", tmp_path_factory.mktemp("exported") / "model"
    shutil.copytree(run, source)
    network(num_tags=3).save(source / "model.keras")
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        assert export.COMMAND.run([f"--run_dir={source}", f"--output_dir={folder}", "--num_chunks=4"]) == 0
    return Exported(source, folder, printed.getvalue())


@pytest.fixture(scope="session")
def served_export(exported_run, serving) -> tuple[pathlib.Path, Server]:
    """The bundle of a run whose network listens, and a server that has it as `model`."""
    return exported_run.folder, serving(exported_run.folder, "model")


@pytest.fixture
def needs_grpc() -> None:
    """Skips a test where tensorflow-serving-api is not installed."""
    pytest.importorskip("tensorflow_serving", reason="tensorflow-serving-api is not installed")


def _start(flags: Sequence[str], forks: forking.Forks) -> Server:
    real = os.environ.get("TF_MODEL_SERVER") or shutil.which("tensorflow_model_server")
    ports = [free_port(), free_port()]
    flags = [*flags, f"--port={ports[0]}", f"--rest_api_port={ports[1]}"]
    command = [real, "--file_system_poll_wait_seconds=1"] if real else [str(STAND_IN)]
    environment = {**os.environ, "TF_FORCE_GPU_ALLOW_GROWTH": "true"}  # memory is shared with the tests' process
    with tempfile.TemporaryFile() as said:
        process: subprocess.Popen | forking.Process
        if real:
            process = subprocess.Popen([*command, *flags], stdout=subprocess.DEVNULL, stderr=said, env=environment)
        else:
            process = forks.start([*command, *flags], subprocess.PIPE, said, environment)
        try:
            ready = (_wait_for_port if real else _wait_for_line)(process, ports)
        except OSError as error:
            process.kill()
            process.wait()
            said.seek(0)
            raise RuntimeError(f"{' '.join(command)}: {error}\n{said.read().decode()[-2000:]}") from None
    kind = "tensorflow_model_server" if real else "stand-in"
    grpc = f"127.0.0.1:{ports[0]}" if ready["grpc"] else None
    return Server(kind, f"http://127.0.0.1:{ports[1]}", grpc, process)


def _wait_for_line(process: subprocess.Popen | forking.Process, ports: Sequence[int]) -> dict[str, int | None]:
    """The stand-in's line that it is ready."""
    assert process.stdout
    readable, _, _ = select.select([process.stdout], [], [], _STARTING_SECONDS)
    line = process.stdout.readline() if readable else b""
    if not line:
        raise OSError("ended" if readable else "not ready in time")
    return json.loads(line)


def _wait_for_port(process: subprocess.Popen | forking.Process, ports: Sequence[int]) -> dict[str, int | None]:
    """tensorflow_model_server listens as soon as its models are loaded."""
    deadline = time.monotonic() + _STARTING_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", ports[1]), 1):
            return {"grpc": ports[0], "rest": ports[1]}
        time.sleep(0.1)
    raise OSError("not ready in time" if process.poll() is None else "ended")


def free_port() -> int:
    """A port of this machine that nobody uses."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]
