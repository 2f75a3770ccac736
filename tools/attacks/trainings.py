"""Trainings in processes of their own, to be disturbed or watched, and whether two of them ended with the same."""

import os
import pathlib
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from kerastag import errors
from kerastag.runs import run_folder
from tools.benchmarks import processes


def command(folder: pathlib.Path, more: Sequence[str], module: Sequence[str] = ("kerastag.train",)) -> dict[str, Any]:
    """What subprocess takes to start or resume a training.

    Args:
      module: what is run, and what comes before the flags.
    """
    environment = {**os.environ, "PYTHONPATH": str(processes.ROOT), "PYTHONSAFEPATH": "1"}
    line = [sys.executable, "-m", *module, *more, f"--run_dir={folder}", "--resume"]
    return {"args": line, "env": environment}


def start(folder: pathlib.Path, more: Sequence[str]) -> subprocess.Popen[bytes]:
    """Starts or resumes a training; what it says goes to a file beside the run."""
    with folder.with_suffix(".log").open("ab") as log:
        return subprocess.Popen(**command(folder, more), stdout=log, stderr=log)


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


def differences(one: pathlib.Path, other: pathlib.Path) -> list[str]:
    """What differs between two runs that ended."""
    found = []
    with (
        np.load(one / "checkpoint" / "variables.npz") as first,
        np.load(other / "checkpoint" / "variables.npz") as second,
    ):
        if sorted(first) != sorted(second):
            return ["the names of variables"]
        found += [name for name in first if first[name].tobytes() != second[name].tobytes()]
    runs = [run_folder.RunFolder(one), run_folder.RunFolder(other)]
    scores = [run.read_scores("validation").scores for run in runs]
    if not np.array_equal(*scores):
        found.append("the best model's scores of the validation split")
    lines = [[line.split("\t")[:2] for line in run.history_path.read_text().splitlines()] for run in runs]
    if lines[0] != lines[1]:
        found.append("the losses in history.tsv")
    return found
