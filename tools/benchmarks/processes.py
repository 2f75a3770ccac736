"""Work in processes of its own: no library's threads or memory are in another's way."""

import multiprocessing
import os
import pathlib
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent import futures
from typing import TypeVar
from unittest import mock

from kerastag import errors

ROOT = pathlib.Path(__file__).resolve().parents[2]  # of the checkout, where kerastag and tools are
Result = TypeVar("Result")


def alone(function: Callable[..., Result], *arguments: object, environment: Mapping[str, str] | None = None) -> Result:
    """What a function returns in a new process, with further environment variables; all of it must be picklable."""
    with (
        mock.patch.dict(os.environ, environment or {}),
        futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process,
    ):
        return process.submit(function, *arguments).result()


def run_python(arguments: Sequence[str], allowed: Sequence[int] = (0,)) -> None:
    """Runs this interpreter on kerastag and tools of this checkout, whatever lies in the working folder.

    Args:
      arguments: arguments of the interpreter, such as "-m", "kerastag.tag", "--help".
      allowed: exit statuses that are no error.

    Raises:
      KerastagError: its exit status is another.
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # a user's Python keeps what it compiled
    command = [sys.executable, *arguments]
    process = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if process.returncode not in allowed:
        reason = process.stderr.strip()[-300:]
        raise errors.KerastagError(f"{' '.join(command)}: exit status {process.returncode}: {reason}")
