"""`kerastag evaluate --engine=ray`: the scores of one process, to the last bit where batches are filled alike."""

import json
import shutil

import numpy as np
import pytest

from kerastag import evaluate

ON_RAY = ("--engine=ray", "--ray_workers=2", "--ray_cpus=0.5")


@pytest.fixture
def score(run, music, tmp_path, capsys):
    """A function from flags to scores, metrics and what was said of the music's test split."""
    shutil.copytree(music, tmp_path / "music")

    def call(name, *arguments):
        folder = tmp_path / name
        shutil.copytree(run, folder)
        flags = [f"--run_dir={folder}", f"--data_dir={tmp_path / 'music'}", f"--output={folder}.json"]
        how = ["--precision=float32", "--num_chunks=3", "--batch_size=2", "--num_resamples=10", *arguments]
        status, said = evaluate.COMMAND.run([*flags, *how]), capsys.readouterr()
        if status:
            return status, said.err
        metrics = json.loads((tmp_path / f"{name}.json").read_text())
        return np.load(folder / "predictions" / "test.npy"), metrics, said.out.replace(name, "")

    return call


def test_ray_gives_the_same_scores_and_figures(two_actors, score):
    local, on_ray = score("local"), score("on_ray", *ON_RAY)
    assert np.array_equal(local[0], on_ray[0]) and local[0].shape == (8, 3)
    assert local[1:] == on_ray[1:]


def test_behind_an_unreadable_track_scores_differ_by_rounding_alone(two_actors, score, tmp_path):
    (tmp_path / "music" / "test" / "0.wav").write_bytes(b"not audio")
    alone = (*ON_RAY, "--ray_workers=1")
    local, on_ray = (score(name, "--skip_unreadable", *flags) for name, flags in (("local", ()), ("on_ray", alone)))
    # float32 logits of some units, off by a few of 2**-24 of their terms; a sigmoid divides that by 4 at the least
    assert on_ray[0] == pytest.approx(local[0], abs=1e-6) and len(local[0]) == 7
    assert on_ray[1]["pr_auc_macro"] == pytest.approx(local[1]["pr_auc_macro"], abs=1e-6)
    stopped = score("stopped", *alone)
    assert stopped[0] == 1 and "see --skip_unreadable" in stopped[1].splitlines()[-1]


def test_ray_scores_runs_alone(capsys):
    assert evaluate.COMMAND.run(["--predictions=p.npy", "--engine=ray"]) == 2
    assert "nothing is to be scored" in capsys.readouterr().err
