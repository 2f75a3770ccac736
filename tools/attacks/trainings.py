"""Trainings in processes of their own, which are to be killed, stopped or watched."""

import os
import pathlib
import subprocess
import sys
from collections.abc import Sequence

from kerastag import errors
from tools.benchmarks import processes


def start(folder: pathlib.Path, more: Sequence[str]) -> subprocess.Popen[bytes]:
    """Starts or resumes a training; what it says goes to a file beside the run.

    Args:
      folder: the run's.
      more: other flags of kerastag train.
    """
    command = [sys.executable, "-m", "kerastag.train", *more, f"--run_dir={folder}", "--resume"]
    environment = {**os.environ, "PYTHONPATH": str(processes.ROOT), "PYTHONSAFEPATH": "1"}
    with folder.with_suffix(".log").open("ab") as said:
        return subprocess.Popen(command, env=environment, stdout=said, stderr=said)


def finished(process: subprocess.Popen[bytes], folder: pathlib.Path) -> None:
    """Raises KerastagError: a training that nobody killed did not end well."""
    if process.wait():
        raise errors.KerastagError(
            f"{folder}: training ended with status {process.returncode}: {last_line(folder)}", "train_flags"
        )


def last_line(folder: pathlib.Path) -> str:
    """The last that a training said."""
    lines = folder.with_suffix(".log").read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""
