"""Trainings in processes of their own: what is told of one that fails."""

import subprocess
import sys

import pytest

from kerastag import errors
from tools.attacks import trainings


def test_a_training_that_fails_by_itself_is_an_error(tmp_path):
    (tmp_path / "run.log").write_text("first\nno such data\n")
    failing = subprocess.Popen([sys.executable, "-S", "-c", "raise SystemExit(1)"])
    with pytest.raises(errors.KerastagError, match="ended with status 1: no such data"):
        trainings.finished(failing, tmp_path / "run")


def test_flags_that_are_wrong_are_told(tmp_path):
    process = trainings.start(tmp_path / "run", ["--epochs=many"])
    with pytest.raises(errors.KerastagError, match="ended with status 2: .*epochs"):
        trainings.finished(process, tmp_path / "run")
