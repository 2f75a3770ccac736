"""An export's answers in a process that has its runtime and nothing of this package."""

import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np

from kerastag import errors, files
from kerastag.serving import plan

Arrays: TypeAlias = Mapping[str, Mapping[str, np.ndarray]]  # by call, and name of input or output
SCRIPT = pathlib.Path(__file__).with_name("bare_session.py")
# the process that asks holds GPU memory as well
_ENVIRONMENT = {"TF_CPP_MIN_LOG_LEVEL": "2", "TF_FORCE_GPU_ALLOW_GROWTH": "true"}


@dataclasses.dataclass(frozen=True)
class Answers:
    """What the process got, and how long it took.

    Attributes:
      outputs: arrays by call and output; strings as text.
      tags: full names, as the export has them.
      tensorflow: its version; "" in other runtimes.
      load_seconds: for the graph and the variables, without importing the runtime; in a timed process until the first
        chunk is scored.
      answer_seconds: for the first request to every signature; 0 in a timed process.
      chunks_per_second: in batches, by `threads` threads; 0: not timed.
      threads: that it ran on; 0: not timed.
    """

    outputs: Arrays
    tags: Sequence[str]
    tensorflow: str
    load_seconds: float
    answer_seconds: float = 0.0
    chunks_per_second: float = 0.0
    threads: int = 0


def ask(
    folder: pathlib.Path,
    requests: Arrays,
    form: str = plan.SAVED_MODEL,
    seconds: float = 0.0,
    python: str = sys.executable,
) -> Answers:
    """Loads an export and sends it requests, one after the other.

    Args:
      folder: the version that holds it.
      requests: arrays by call and input; bytes in rows of one. A call is a signature, or "signature:case" where one
        signature is sent several.
      form: one of plan.FORMS; all but the SavedModel have the signature serving_default alone.
      seconds: above 0: the only request is chunks for serving_default; they are sent in batches, and one of 16 for as
        long as that.
      python: an interpreter that has the runtime.

    Raises:
      KerastagError: that cannot be run, or the export does not load or answer there.
    """
    arrays = {}
    for call, inputs in requests.items():
        for name, array in inputs.items():
            is_bytes = array.dtype == object
            key = f"{call}/{name}/{'bytes' if is_bytes else 'numbers'}"
            arrays[key] = np.frombuffer(array[0], np.uint8) if is_bytes else array
    with tempfile.TemporaryDirectory() as scratch:
        paths = [str(pathlib.Path(scratch) / name) for name in ("inputs.npz", "outputs.npz")]
        np.savez(paths[0], **arrays)  # type: ignore[arg-type]  # its stub takes them for its own options
        said = _run([python, str(SCRIPT), form, str(folder), *paths, str(seconds)], form, folder)
        outputs: dict[str, dict[str, np.ndarray]] = {}
        with np.load(paths[1]) as found:
            for key in found.files:
                call, name = key.split("/")
                outputs.setdefault(call, {})[name] = found[key]
    return Answers(outputs, **json.loads(said))


def _run(command: list[str], form: str, folder: pathlib.Path) -> str:
    """The last line that the script printed."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **_ENVIRONMENT})
    except OSError as error:
        raise errors.KerastagError(f"{command[0]}: cannot be run ({files.reason(error)})") from None
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        if form != plan.SAVED_MODEL:
            raise errors.KerastagError(f"{form}: does not run without kerastag: {reason[:500]}")
        raise errors.KerastagError(f"{folder}: does not run in plain TensorFlow by {command[0]}: {reason[:500]}")
    return done.stdout.splitlines()[-1]
