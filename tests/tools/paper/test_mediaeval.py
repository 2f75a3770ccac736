"""tools.paper.mediaeval from end to end."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from kerastag.metrics import decisions
from tools.paper import mediaeval

ROOT = pathlib.Path(__file__).resolve().parents[3]
TAGS = ("mood/theme---calm", "mood/theme---dark")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A split, two tag lists, scores and thresholds; the tests' working folder."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    labels = np.eye(2, dtype=bool)[rng.integers(2, size=40)]
    header = "TRACK_ID\tARTIST_ID\tALBUM_ID\tPATH\tDURATION\tTAGS\r\n"
    lines = [f"t{n}\ta{n}\tb{n}\t{n}.mp3\t9.5\t{TAGS[int(labels[n, 1])]}\r\n" for n in range(40)]
    (tmp_path / "test.tsv").write_text(header + "".join(lines), newline="")
    (tmp_path / "tags.txt").write_text("\n".join(TAGS) + "\n")
    (tmp_path / "own.txt").write_text("dark\ncalm\n")
    np.save(tmp_path / "scores.npy", (rng.random((40, 2)) + labels[:, ::-1]).astype(np.float32) / 2)
    (tmp_path / "thresholds.tsv").write_text("tag\tthreshold\ncalm\t0.25\ndark\t0.75\n")
    return tmp_path


def run(*arguments):
    return mediaeval.COMMAND.run(["--split=test.tsv", "--tags=tags.txt", "--output_dir=out", *arguments])


def test_what_it_writes_passes_its_check(folder, capsys):
    scores = ("--scores=scores.npy", "--scores_tags=own.txt", "--thresholds=thresholds.tsv")
    assert run(*scores) == 0
    assert capsys.readouterr() == ("out: 40 tracks, 2 tags, ready to hand in\n", "")
    own = np.load(folder / "scores.npy")
    np.testing.assert_array_equal(np.load(folder / "out/predictions.npy"), own[:, ::-1])
    np.testing.assert_array_equal(np.load(folder / "out/decisions.npy"), own[:, ::-1] >= [0.25, 0.75])
    assert run("--check") == 0
    assert run(*scores) == 1
    assert "exists already (see --overwrite)" in capsys.readouterr().err
    assert run(*scores, "--overwrite") == 0


def test_it_takes_a_run_that_was_evaluated(folder):
    run_dir = folder / "run"
    (run_dir / "predictions").mkdir(parents=True)
    (run_dir / "run.json").write_text('{"flags": {}}')
    (run_dir / "tags.txt").write_text("mood/theme---dark\nmood/theme---calm\n")
    np.save(run_dir / "predictions/test.npy", np.load(folder / "scores.npy"))
    decisions.write_thresholds(run_dir / "thresholds.tsv", TAGS, np.array([0.25, 0.75]))
    assert run("--run_dir=run") == 0
    np.testing.assert_array_equal(
        np.load(folder / "out/decisions.npy"), np.load(folder / "scores.npy")[:, ::-1] >= [0.25, 0.75]
    )


def test_faults_and_usage_errors_have_their_status(folder, capsys):
    assert run("--check") == 1
    assert capsys.readouterr().err.splitlines() == [
        "out/predictions.npy: no such file or directory",
        "out/decisions.npy: no such file or directory",
    ]
    assert run() == 2
    assert run("--scores=scores.npy") == 2
    np.save(folder / "scores.npy", np.ones((39, 2)))
    capsys.readouterr()
    assert run("--scores=scores.npy", "--thresholds=thresholds.tsv") == 1
    assert capsys.readouterr().err == "scores are (39, 2) for 40 tracks and 2 tags\n"


def test_it_runs_as_a_module_in_any_folder(folder):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tools.paper.mediaeval", "--check", "--split=test.tsv", "--tags=tags.txt"]
    process = subprocess.run([*command, "--output_dir=out"], env=environment, capture_output=True, text=True)
    assert process.returncode == 1
    assert process.stderr.startswith("out/predictions.npy: no such file or directory\n")
