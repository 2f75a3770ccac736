"""Work in processes of its own: what comes back, what they see, how they fail."""

import os
import pathlib

import pytest

from kerastag import errors
from tools.benchmarks import processes


def test_a_function_returns_from_another_process_with_its_environment(monkeypatch):
    monkeypatch.delenv("KERASTAG_TEST", raising=False)
    assert processes.alone(os.getpid) != os.getpid()
    assert processes.alone(os.getenv, "KERASTAG_TEST", environment={"KERASTAG_TEST": "seen"}) == "seen"
    assert "KERASTAG_TEST" not in os.environ


def test_python_runs_this_checkout_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = "import pathlib, kerastag, tools; pathlib.Path('where.txt').write_text(kerastag.__file__ + tools.__file__)"
    processes.run_python(["-c", code])
    expected = (processes.ROOT / name / "__init__.py" for name in ("kerastag", "tools"))
    assert pathlib.Path("where.txt").read_text() == "".join(map(str, expected))


def test_a_failure_has_the_command_and_its_reason():
    with pytest.raises(errors.KerastagError, match=r"-c import sys.*: exit status 3: no way"):
        processes.run_python(["-c", "import sys; print('no way', file=sys.stderr); sys.exit(3)"])
