"""What version 0.1 wrote still loads: two small runs, their ensemble, an export, and the scores that they gave."""

import json
import pathlib
import shutil
import tarfile

import numpy as np
import pytest

import kerastag
from kerastag import evaluate, report, train
from kerastag.data.reading import Reading
from kerastag.runs import ensemble_folder, examples
from kerastag.runs.model import Model

ARCHIVE = pathlib.Path(__file__).parents[1] / "data" / "version_0.1.tar.xz"


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    folder = tmp_path_factory.mktemp("old")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    return folder / "version_0.1"


@pytest.mark.parametrize("name", ["run1", "ensemble", "export"])
def test_it_scores_as_it_did(old, name):
    model = kerastag.load(old / name, "float32")
    written = json.loads((old / f"{name}.json").read_text())
    scores, unreadable = model.score_files([old / path for path in written], Reading(4))
    assert not unreadable and model.vocabulary.short_names == ("high", "low", "mid")
    np.testing.assert_allclose(scores, [list(by_tag.values()) for by_tag in written.values()], atol=2e-6)


def test_scores_tracks_and_what_evaluate_wrote_are_read(old):
    model = Model.load(old / "run1", calibrated=True)
    scores = model.folder.read_scores("test")
    assert len(scores) == 6 and scores.artists == [f"artist_2{number % 5}" for number in range(6)]
    assert scores.class_counts.tolist() == [3, 3, 3]
    assert model.thresholds.shape == (3,) and list(model.card) == list(model.vocabulary.names)
    assert model.records[0].flags["epochs"] == 12 and model.records[0].data_dir == "/data/music"
    assert [example.track_id for example in examples.read(model.folder)] == ["track_100"]
    assert Model.load(old / "ensemble").combination.weights == (0.5, 0.5)
    assert ensemble_folder.existing(old / "ensemble").record().class_counts is not None


def test_it_is_reported_and_measured(old, tmp_path, capsys):
    run, output = old / "run1", tmp_path / "metrics.json"
    files = [f"--{kind}={run / kind / 'test.npy'}" for kind in ("predictions", "labels")]
    arguments = [*files, f"--tags={run / 'tags.txt'}", f"--output={output}", "--num_resamples=20"]
    assert evaluate.COMMAND.run(arguments) == 0
    before, now = (json.loads(path.read_text()) for path in (run / "metrics.json", output))
    assert now["pr_auc_macro"] == before["pr_auc_macro"] and now["per_tag"] == before["per_tag"]
    assert (
        report.COMMAND.run([str(run), str(old / "run2"), f"--output={tmp_path / 'r.html'}", "--num_resamples=20"]) == 0
    )


def test_its_training_goes_on(old, music, tmp_path):
    """One epoch more, on other music of the same tags: the checkpoint is read, and the history goes on."""
    shutil.copytree(old / "run1", tmp_path / "run")
    arguments = [f"--run_dir={tmp_path / 'run'}", f"--data_dir={music}", "--resume", "--epochs=13", "--monitor=none"]
    assert train.COMMAND.run(arguments) == 0
    history = (tmp_path / "run" / "history.tsv").read_text().splitlines()
    assert [line.split("\t")[0] for line in history] == ["epoch", *map(str, range(1, 14))]
