"""What `soak_training` finds in processes that behave as a training does, or hold ever more, or end otherwise."""

import subprocess
import sys

import pytest

from kerastag import errors
from tools import vitals
from tools.attacks import soak_training, trainings

ENDS_WELL = 'print(f"interrupted; continue with --run_dir={folder} --resume"); sys.exit(130)'
TRAINING = """
import pathlib, signal, sys, time
folder, held = pathlib.Path(sys.argv[1]), []
def end(*_):
    {end}
signal.signal(signal.SIGINT, end)
folder.mkdir()
(folder / "history.tsv").write_text("epoch\\n1\\n2\\n")
while True:
    time.sleep(0.01)
    {each}
"""


@pytest.fixture
def soak(monkeypatch, tmp_path):
    """A function that soaks a process which does that each time and at its end; returns the exit status."""

    def run(each="pass", end=ENDS_WELL, minutes=0.02):
        def start(folder, more):
            assert more == ["--epochs=9", "--data_dir=music"]
            command = [sys.executable, "-S", "-c", TRAINING.format(each=each, end=end), str(folder)]
            with folder.with_suffix(".log").open("wb") as said:
                return subprocess.Popen(command, stdout=said, stderr=said)

        monkeypatch.setattr(trainings, "start", start)
        flags = ["--train_flags=--epochs=9", "--data_dir=music", f"--minutes={minutes}", "--sample_seconds=0.05"]
        return soak_training.COMMAND.run([*flags, "--limit_mb=5", f"--work_dir={tmp_path}"])

    return run


def test_a_process_that_holds_the_same_all_the_time_is_well(soak, capsys):
    assert soak() == 0
    printed = capsys.readouterr()
    shares = [line.split()[0] for line in printed.out.splitlines() if "%" in line]
    assert shares == ["10%", "50%", "100%"] and "2 epochs" in printed.out and printed.err == ""


@pytest.mark.parametrize(
    ("each", "words"),
    [
        ("held.append(bytes([1]) * 1_000_000)", "memory grew by"),
        ("held.append(open('/dev/null'))", "more open handles"),
    ],
)
def test_what_grows_is_told(soak, capsys, each, words):
    assert soak(each) == 1
    assert words in capsys.readouterr().err


def test_a_training_that_does_not_say_how_to_go_on_is_told(soak, capsys):
    assert soak(end="sys.exit(130)") == 1
    assert "after SIGINT it ended with status 130, and said last: " in capsys.readouterr().err


def test_a_training_that_ends_too_early_is_an_error(soak, capsys):
    assert soak(each="sys.exit(0)") == 1
    assert "give it more --epochs" in capsys.readouterr().err


def test_a_training_that_does_not_end_is_told_and_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(soak_training, "ENDING_SECONDS", 0.3)
    with subprocess.Popen(["sh", "-c", "trap '' INT; echo ready; while :; do sleep 0.1; done"], stdout=-1) as deaf:
        assert deaf.stdout.readline() == b"ready\n"
        assert "did not end within 0.3 s" in soak_training.interrupted(deaf, tmp_path)
        deaf.kill()


def test_limits_are_what_may_just_be_reached():
    assert soak_training.faults(vitals.Growth(50.0, 9, 5, 0.0), 50.0, 5) == []
    assert len(soak_training.faults(vitals.Growth(50.1, 0, 6, 0.0), 50.0, 5)) == 2


def test_more_samples_are_asked_for():
    with pytest.raises(errors.KerastagError, match="more --minutes are needed"):
        vitals.growth([vitals.Sample(0.0, 1.0, 1, 1)] * 3)
