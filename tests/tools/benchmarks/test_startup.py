"""tools/benchmark_startup: phases add up to the whole, and count once."""

import importlib.machinery
import importlib.util
import json
import pathlib
import subprocess
import sys
import time

import pytest

from kerastag import errors
from kerastag.runs import run_folder

TOOL = pathlib.Path(__file__).resolve().parents[2] / "tools" / "benchmark_startup"
_loader = importlib.machinery.SourceFileLoader("benchmark_startup", str(TOOL))
benchmark_startup = importlib.util.module_from_spec(importlib.util.spec_from_loader("benchmark_startup", _loader))
_loader.exec_module(benchmark_startup)
startup_work = benchmark_startup.startup_work


def test_a_phase_inside_another_counts_once(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(startup_work.time, "perf_counter", lambda: now[0])
    clock = startup_work.Clock()

    class Work:
        def inner(self):
            now[0] += 3

        def outer(self):
            now[0] += 1
            self.inner()
            now[0] += 0.5
            self.inner()

    clock.wrap(Work, "inner", "model")
    clock.wrap(Work, "outer", "scoring")
    with clock.phase("rest"):
        now[0] += 0.25
        Work().outer()
    assert {name: seconds for name, seconds in clock.seconds.items() if seconds} == {
        "model": 6.0,
        "scoring": 1.5,
        "rest": 0.25,
    }


def test_the_phases_of_a_process_are_the_whole(run, music, tmp_path):
    timings, asked = tmp_path / "timings.json", time.time()
    arguments = [str(timings), str(asked), f"--model={run}", str(music / "test" / "0.wav")]
    done = subprocess.run([sys.executable, startup_work.__file__, *arguments], capture_output=True, text=True)
    assert done.returncode == 0 and "0.wav" in done.stdout
    seconds = json.loads(timings.read_text())
    returned = seconds.pop("returned")
    assert set(seconds) == set(startup_work.PHASES)
    assert all(value > 0 for value in seconds.values())
    assert sum(seconds.values()) <= returned - asked  # no moment is counted twice


def test_our_own_share_is_all_but_tensorflow_and_reading(monkeypatch, capsys):
    spent = dict(zip(startup_work.PHASES, (3.0, 0.5, 0.1, 0.2, 0.7, 0.4, 0.05), strict=True))

    def fake(arguments):
        if arguments[1].endswith("startup_work.py"):
            now = float(arguments[3])
            pathlib.Path(arguments[2]).write_text(json.dumps({**spent, "returned": now + 5}))
            moments.append(now + 6)

    moments = []
    monkeypatch.setattr(benchmark_startup, "_run", fake)
    monkeypatch.setattr(benchmark_startup.time, "time", lambda: moments.pop() if moments else 1000.0)
    arguments = ["--num_runs=2", "--commands=tag", "--model=run", "--file=music.wav"]
    assert benchmark_startup.COMMAND.run(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].split()[-6:-4] == ["2.50", "s"]  # 6 less 3 and 0.5
    assert lines[-2].split()[:2] == ["all", "6.00"]
    assert "1.05 s" in lines[-3]  # the process ended 1 s after its command had returned


def test_a_command_that_fails_is_no_time():
    with pytest.raises(errors.KerastagError, match="exit status 2"):
        benchmark_startup.tag_seconds("nowhere", "--no_such_flag", 1)


def test_the_run_that_is_made_is_one(tmp_path):
    folder = run_folder.RunFolder.existing(benchmark_startup.made_run(tmp_path / "run", 1, num_tags=3))
    assert len(folder.vocabulary()) == 3 and folder.trained_model_path().is_file()
