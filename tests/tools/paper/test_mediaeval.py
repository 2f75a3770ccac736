"""tools/mediaeval_submission from end to end."""

import pathlib
import subprocess
import sys

import numpy as np
import pytest

from kerastag.metrics import decisions

TOOL = pathlib.Path(__file__).parents[2] / "tools" / "mediaeval_submission"
TAGS = ("mood/theme---calm", "mood/theme---dark")


@pytest.fixture
def folder(tmp_path):
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


def run(folder, *arguments):
    command = [sys.executable, TOOL, "--split=test.tsv", "--tags=tags.txt", "--output_dir=out", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_it_writes_what_it_then_finds_right(folder):
    scores = ("--scores=scores.npy", "--scores_tags=own.txt", "--thresholds=thresholds.tsv")
    done = run(folder, *scores)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "out: 40 tracks, 2 tags, ready to hand in\n"
    own = np.load(folder / "scores.npy")
    np.testing.assert_array_equal(np.load(folder / "out/predictions.npy"), own[:, ::-1])
    np.testing.assert_array_equal(np.load(folder / "out/decisions.npy"), own[:, ::-1] >= [0.25, 0.75])
    assert run(folder, "--check").returncode == 0
    again = run(folder, *scores)
    assert again.returncode == 1 and "exists already (see --overwrite)" in again.stderr
    assert run(folder, *scores, "--overwrite").returncode == 0


def test_it_takes_a_run_that_was_evaluated(folder):
    run_dir = folder / "run"
    (run_dir / "predictions").mkdir(parents=True)
    (run_dir / "run.json").write_text("{}")
    (run_dir / "tags.txt").write_text("mood/theme---dark\nmood/theme---calm\n")
    np.save(run_dir / "predictions/test.npy", np.load(folder / "scores.npy"))
    decisions.write_thresholds(run_dir / "thresholds.tsv", TAGS, np.array([0.25, 0.75]))
    assert run(folder, "--run_dir=run").returncode == 0
    np.testing.assert_array_equal(
        np.load(folder / "out/decisions.npy"), np.load(folder / "scores.npy")[:, ::-1] >= [0.25, 0.75]
    )


def test_faults_and_usage_errors_have_their_status(folder):
    missing = run(folder, "--check")
    assert missing.returncode == 1
    assert missing.stderr.splitlines() == [
        "out/predictions.npy: no such file or directory",
        "out/decisions.npy: no such file or directory",
    ]
    assert run(folder).returncode == 2
    assert run(folder, "--scores=scores.npy").returncode == 2
    np.save(folder / "scores.npy", np.ones((39, 2)))
    short = run(folder, "--scores=scores.npy", "--thresholds=thresholds.tsv")
    assert (short.returncode, short.stderr) == (1, "scores are (39, 2) for 40 tracks and 2 tags\n")
