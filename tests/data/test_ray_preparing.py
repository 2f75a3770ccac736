"""`kerastag prepare --engine=ray`: the same files, lines and exit status as without."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile

from kerastag import prepare

ON_RAY = ("--engine=ray", "--ray_workers=2", "--ray_cpus=0.5")


@pytest.fixture
def dataset(tmp_path, monkeypatch):
    """A folder `in` of 12 short tracks, of which one is no audio, one is missing and one is cut short."""
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(0)
    pathlib.Path("in").mkdir()
    lines = ["TRACK_ID\tPATH\tTAGS"]
    for number in range(12):
        soundfile.write(f"in/{number}.flac", generator.uniform(-1, 1, (5 * 22_050, 2)), 22_050)
        lines.append(f"{number}\t{number}.flac\thappy")
    pathlib.Path("in/3.flac").write_bytes(b"not audio")
    pathlib.Path("in/5.flac").unlink()
    os.truncate("in/8.flac", os.path.getsize("in/8.flac") // 3)
    pathlib.Path("in/train.tsv").write_text("\n".join(lines) + "\n")
    return pathlib.Path("in")


def contents(folder):
    return {path.name: path.read_bytes() for path in pathlib.Path(folder).rglob("*")}


def test_ray_makes_the_same_and_says_the_same(two_actors, dataset, capsys):
    def call(*arguments):
        return prepare.COMMAND.run([f"--data_dir={dataset}", "--output_dir=out", *arguments]), *capsys.readouterr()

    local = call()
    os.rename("out", "expected")
    assert call(*ON_RAY) == local and local[0] == 1
    assert contents("out") == contents("expected") and len(contents("out")) == 11
    assert "left out: in/3.flac" in local[2] and "left out: in/5.flac" in local[2]
    assert "heard in part: in/8.flac" in local[2]
    before = os.stat("out/0.wav").st_mtime_ns
    os.unlink("out/1.wav")
    assert call(*ON_RAY)[0] == 1 and contents("out") == contents("expected")
    assert os.stat("out/0.wav").st_mtime_ns == before


def test_a_file_that_cannot_be_written_is_told_as_it_was_named(two_actors, dataset, capsys):
    pathlib.Path("out/2.wav").mkdir(parents=True)
    assert prepare.COMMAND.run([f"--data_dir={dataset}", "--output_dir=out", *ON_RAY]) == 1
    assert "left out: out/2.wav: " in capsys.readouterr().err


def test_flags_of_ray_need_it(capsys):
    assert prepare.COMMAND.run(["--data_dir=in", "--output_dir=out", "--ray_cpus=2"]) == 2
    assert "--ray_cpus is for --engine=ray" in capsys.readouterr().err


def test_a_driver_that_is_killed_can_be_started_again(two_actors, dataset):
    root = pathlib.Path(prepare.__file__).parents[1]
    arguments = [f"--data_dir={dataset}", "--output_dir=out", *ON_RAY]
    command = [sys.executable, "-m", "kerastag.prepare", *arguments]
    driver = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(root)})
    for _ in range(1200):
        if list(pathlib.Path().glob("out/[0-9]*.wav")) or driver.poll() is not None:
            break
        time.sleep(0.05)
    driver.send_signal(signal.SIGKILL)
    assert driver.wait() == -signal.SIGKILL
    done = {path: path.stat().st_ino for path in pathlib.Path().glob("out/[0-9]*.wav")}
    assert done and prepare.COMMAND.run(arguments) == 1
    assert {path: path.stat().st_ino for path in done} == done
    assert prepare.COMMAND.run([f"--data_dir={dataset}", "--output_dir=expected"]) == 1
    assert {name: data for name, data in contents("out").items() if name[0] != "."} == contents("expected")
