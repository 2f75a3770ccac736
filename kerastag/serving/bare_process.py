"""A SavedModel's answers in a process that has TensorFlow and nothing of this package."""

import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np

from kerastag import errors

Arrays: TypeAlias = Mapping[str, Mapping[str, np.ndarray]]  # by call, and name of input or output
SCRIPT = pathlib.Path(__file__).with_name("bare_session.py")


@dataclasses.dataclass(frozen=True)
class Answers:
    """What the process found.

    Attributes:
      outputs: arrays by call and output; names of tags as text.
      tensorflow: its version.
      load_seconds: for the graph and the variables, without importing TensorFlow.
      answer_seconds: for the first request to every signature.
    """

    outputs: Arrays
    tensorflow: str
    load_seconds: float
    answer_seconds: float


def ask(folder: pathlib.Path, requests: Arrays, python: str = sys.executable) -> Answers:
    """Loads a version and sends it requests, one after the other.

    Args:
      folder: of the SavedModel.
      requests: arrays by call and input; bytes in rows of one. A call is a signature, or "signature:case" where one is
        sent several.
      python: an interpreter that has TensorFlow, of any version.

    Raises:
      KerastagError: that cannot be run, or the SavedModel does not load or answer there.
    """
    arrays = {}
    for call, inputs in requests.items():
        for name, array in inputs.items():
            is_bytes = array.dtype == object
            key = f"{call}/{name}/{'bytes' if is_bytes else 'numbers'}"
            arrays[key] = np.frombuffer(array[0], np.uint8) if is_bytes else array
    with tempfile.TemporaryDirectory() as scratch:
        paths = [str(pathlib.Path(scratch) / name) for name in ("inputs.npz", "outputs.npz")]
        np.savez(paths[0], **arrays)
        said = _run([python, str(SCRIPT), str(folder), *paths], folder)
        outputs: dict[str, dict[str, np.ndarray]] = {}
        with np.load(paths[1]) as found:
            for key in found.files:
                call, name = key.split("/")
                outputs.setdefault(call, {})[name] = found[key]
    return Answers(outputs, **said)


def _run(command: list[str], folder: pathlib.Path) -> dict[str, Any]:
    """What the script said of itself."""
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "2", "TF_FORCE_GPU_ALLOW_GROWTH": "true"}  # this process has GPU memory as well
    environment = {**os.environ, **quiet}
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    except OSError as error:
        raise errors.KerastagError(f"{command[0]}: cannot be run ({(error.strerror or str(error)).lower()})") from None
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        raise errors.KerastagError(f"{folder}: does not run in plain TensorFlow by {command[0]}: {reason[:500]}")
    return json.loads(done.stdout.splitlines()[-1])
