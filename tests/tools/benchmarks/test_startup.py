"""tools.benchmarks.startup: phases count once and make up the whole, by a clock that the tests set."""

import json
import pathlib

import pytest

from kerastag import audio, errors, runtime
from kerastag.inference import tagger
from kerastag.runs import model, run_folder
from tools.benchmarks import processes, random_run, startup, startup_work


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


@pytest.fixture
def entered(monkeypatch):
    """The phases that a clock was asked to time; what it wraps is as before after the test."""
    wrapped = ((runtime, "start"), (model.Model, "networks"), (tagger.Tagger, "score_files"), (audio, "read_chunks"))
    for owner, name in wrapped:
        monkeypatch.setattr(owner, name, getattr(owner, name))
    phases = set()

    class Watched(startup_work.Clock):
        def phase(self, name):
            phases.add(name)
            return super().phase(name)

    monkeypatch.setattr(startup_work, "Clock", Watched)
    return phases


def test_every_phase_of_tagging_is_timed(run, music, tmp_path, entered, capsys):
    timings = tmp_path / "timings.json"
    assert startup_work.main(str(timings), 0.0, [f"--model={run}", str(music / "test" / "0.wav")]) == 0
    assert "0.wav" in capsys.readouterr().out
    assert entered == set(startup_work.PHASES) - {"python"}
    assert set(json.loads(timings.read_text())) == {*startup_work.PHASES, "returned"}


def test_the_work_runs_as_a_module_and_its_exit_status_is_that_of_tagging(tmp_path):
    work = ["-m", "tools.benchmarks.startup_work", str(tmp_path / "timings.json"), "0"]
    processes.run_python([*work, "--help"])
    assert set(json.loads((tmp_path / "timings.json").read_text())) == {*startup_work.PHASES, "returned"}
    with pytest.raises(errors.KerastagError, match="exit status 2"):
        processes.run_python([*work, "--no_such_flag"])


def test_our_own_share_is_all_but_tensorflow_and_reading():
    timings = dict(zip(startup_work.PHASES, (3.0, 0.5, 0.1, 0.2, 0.7, 0.4, 0.05), strict=True))
    seconds = startup.with_totals({**timings, "returned": 1005.0}, started=1000.0, ended=1006.0)
    # the process ended 1 s after its command had returned; 6 s less 3 and 0.5
    assert seconds == pytest.approx({**timings, "rest": 1.05, "all": 6.0, "own": 2.5})


def test_tables_show_medians_without_the_first_process(monkeypatch, capsys):
    tensorflow_seconds = iter((9.0, 1.0, 2.0, 6.0))
    commands = []

    def run_python(arguments):
        commands.append(arguments[:2])
        if arguments[1] == "tools.benchmarks.startup_work":
            timings = {**dict.fromkeys(startup_work.PHASES, 0.0), "tensorflow": next(tensorflow_seconds)}
            pathlib.Path(arguments[2]).write_text(json.dumps({**timings, "returned": float(arguments[3])}))

    monkeypatch.setattr(processes, "run_python", run_python)
    arguments = ["--num_runs=3", "--commands=tag", "--model=run", "--file=music.wav"]
    assert startup.COMMAND.run(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.split() == [*["importing", "TensorFlow", "and", "Keras"], "2.00", "s"] for line in lines)
    assert commands == [["-m", "kerastag.tag"]] * 4 + [["-m", "tools.benchmarks.startup_work"]] * 4


def test_a_command_that_fails_is_no_time():
    with pytest.raises(errors.KerastagError, match="exit status 2"):
        startup.tag_seconds("nowhere", "--no_such_flag", 1)


def test_a_random_run_is_a_run(tmp_path):
    folder = run_folder.RunFolder.existing(random_run.write(tmp_path / "run", 1, num_tags=3))
    assert len(folder.vocabulary()) == 3 and folder.trained_model_path().is_file()
