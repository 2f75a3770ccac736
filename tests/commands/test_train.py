"""`kerastag train` on a few seconds of music: what it writes, every way of training, refusals."""

import os
import shutil

import numpy as np
import pytest
import tensorflow as tf

import kerastag
from kerastag import evaluate, export, files, train
from kerastag.models import loading
from kerastag.runs import lock, run_folder


def test_train_writes_the_run_folder(run, music):
    written = {str(path.relative_to(run)) for path in run.rglob("*") if path.is_file()}
    events = {name for name in written if "tfevents" in name}
    assert len(events) == 1
    by_evaluation = {"thresholds.tsv", "calibration.json", "tag_card.tsv"}
    by_evaluation |= {"predictions/test.npy", "labels/test.npy", "tracks/test.tsv"}
    examples = {name for name in written if name.startswith("examples/")}
    assert len(examples) == 7  # sound and picture for each of three tags, and their record
    assert written - events - by_evaluation - examples == {
        *(
            "model.keras",
            "tags.txt",
            "run.json",
            "history.tsv",
            "report.html",
            "checkpoint/state.json",
            "checkpoint/variables.npz",
        ),
        *("predictions/validation.npy", "labels/validation.npy", "tracks/validation.tsv"),
        *(f"events/{name}" for name in ("embeddings.tsv", "embeddings_labels.tsv", "projector_config.pbtxt")),
    }
    assert (run / "tags.txt").read_text().splitlines() == [
        "mood/theme---high",
        "mood/theme---low",
        "mood/theme---mid",
    ]
    record = files.read_json(run / "run.json")
    assert record["flags"]["loss"] == "cb_focal" and record["flags"]["epochs"] == 3 and record["seed"] == 0
    lines = (music / "train.tsv").read_text().splitlines()
    for name, count in record["class_counts"].items():
        assert count == sum(name in line.split("\t") for line in lines)
    assert record["versions"]["tensorflow"] == tf.__version__
    history = (run / "history.tsv").read_text().splitlines()
    assert [line.split("\t")[0] for line in history] == ["epoch", "1", "2", "3"]
    predictions, labels = (np.load(run / name / "validation.npy") for name in ("predictions", "labels"))
    assert predictions.shape == labels.shape == (8, 3) and labels.dtype == bool
    state = files.read_json(run / "checkpoint" / "state.json")
    assert state["step"] == 9 and state["epoch"] == 3  # 20 tracks in batches of 8, the last partial batch kept


def test_early_stopping_counts_epochs_since_the_best(music, run_train, tmp_path):
    arguments = [
        "--epochs=30",
        "--patience=2",
        "--learning_rate=0",
        "--loss=focal",
    ]  # nothing improves after the first
    assert run_train(music, tmp_path / "run", *arguments) == 0
    state = files.read_json(tmp_path / "run" / "checkpoint" / "state.json")
    assert state["epoch"] == state["best_epoch"] + 2
    assert run_train(music, tmp_path / "run", *arguments, "--resume") == 0  # it is over: no other epoch is trained
    assert files.read_json(tmp_path / "run" / "checkpoint" / "state.json") == state


def test_no_epoch_is_begun_after_the_seconds_that_were_given(music, run_train, tmp_path):
    arguments = ["--epochs=5000", "--validate_every=4000"]
    assert run_train(music, tmp_path / "run", *arguments, "--max_seconds=1") == 0
    state = files.read_json(tmp_path / "run" / "checkpoint" / "state.json")
    assert state["seconds"] >= 1 and 0 < state["epoch"] < 4000
    assert state["best_epoch"] == state["epoch"], "the last epoch is validated"
    assert run_train(music, tmp_path / "run", *arguments, "--resume", "--max_seconds=1") == 0
    assert files.read_json(tmp_path / "run" / "checkpoint" / "state.json") == state
    assert run_train(music, tmp_path / "run", *arguments, "--resume", "--max_seconds=2") == 0
    assert files.read_json(tmp_path / "run" / "checkpoint" / "state.json")["seconds"] >= 2


def test_unreadable_tracks_are_skipped_and_named(music, run_train, tmp_path, capsys):
    data = tmp_path / "data"
    shutil.copytree(music, data)
    (data / "train" / "3.wav").write_bytes(b"not audio")
    (data / "validation" / "1.wav").unlink()
    assert run_train(data, tmp_path / "run", "--epochs=2") == 1
    message = capsys.readouterr().err
    assert "2 unreadable tracks were skipped" in message
    assert message.count("train/3.wav") == 1 and message.count("validation/1.wav") == 1
    assert np.load(tmp_path / "run" / "predictions" / "validation.npy").shape == (7, 3)


def test_several_training_splits_and_a_tag_of_none(music, run_train, tmp_path, capsys):
    """Splits with their own folders; tags without a track are named or dropped."""
    lines = (music / "test.tsv").read_text().splitlines()
    (tmp_path / "more.tsv").write_text("\n".join([*lines, "x\t\t\tx.wav\t1\tother", "y\t\t\ty.wav\t1"]) + "\n")
    names = ["mood/theme---high", "mood/theme---low", "mood/theme---mid", "mood/theme---none"]
    (tmp_path / "tags.txt").write_text("\n".join(names) + "\n")
    splits = f"--train_split={music / 'train.tsv'},{tmp_path / 'more.tsv'}"
    arguments = [splits, f"--train_dirs={music},{music}", f"--tags_file={tmp_path / 'tags.txt'}"]
    arguments += ["--loss=cb_focal", "--epochs=1"]
    assert run_train(music, tmp_path / "run", *arguments) == 1
    assert "these have none: none; --drop_empty_tags" in capsys.readouterr().err
    assert run_train(music, tmp_path / "run", *arguments, "--drop_empty_tags") == 0
    assert (
        "1 tags outside the vocabulary dropped (other), 2 tracks left without a tag dropped" in capsys.readouterr().err
    )
    assert (tmp_path / "run" / "tags.txt").read_text().split() == names[:3]
    record = files.read_json(tmp_path / "run" / "run.json")
    assert record["num_tracks"]["train"] == 20 + 8
    both = (music / "train.tsv").read_text() + (music / "test.tsv").read_text()
    assert record["class_counts"]["mood/theme---mid"] == both.count("mood/theme---mid")


def test_pretraining_starts_from_the_layers_that_match(run, music, run_train, tmp_path, capsys):
    arguments = [f"--pretrained={run}", "--epochs=1", "--learning_rate=0", "--loss=cb_focal"]
    assert run_train(music, tmp_path / "run", *arguments) == 0
    assert "loaded" in capsys.readouterr().err

    theirs, ours = (loading.load(folder / "model.keras") for folder in (run, tmp_path / "run"))
    for layer in ("layer1_conv_1", "layer2_conv_2", "dense_2"):
        np.testing.assert_array_equal(theirs.get_layer(layer).kernel, ours.get_layer(layer).kernel)
    # the prior comes after the weights
    np.testing.assert_allclose(ours.output_layer.bias, -np.log(99), rtol=1e-6)
    assert run_train(music, tmp_path / "other", "--pretrained=README.md") == 1


def test_the_popularity_baseline_is_a_run_like_any_other(music, tmp_path, capsys):
    run_dir = tmp_path / "popular"
    assert train.COMMAND.run([f"--data_dir={music}", f"--run_dir={run_dir}", "--model=popular"]) == 0
    assert evaluate.COMMAND.run([f"--run_dir={run_dir}", f"--output={tmp_path / 'm.json'}"]) == 0
    figures = files.read_json(tmp_path / "m.json")
    assert figures["roc_auc_macro"] == 0.5
    assert figures["pr_auc_macro"] == pytest.approx(np.load(run_dir / "labels" / "test.npy").mean())
    assert export.COMMAND.run([f"--run_dir={run_dir}", f"--output_dir={tmp_path / 'served'}"]) == 0
    scores = kerastag.load(tmp_path / "served").score(music / "test" / "0.wav")
    counts = files.read_json(run_dir / "run.json")["class_counts"]
    assert scores["mid"] == pytest.approx(counts["mood/theme---mid"] / 20)


def test_the_vggish_baseline_trains_and_scores_the_middle(music, run_train, tmp_path):
    arguments = ["--model=vggish", "--num_channels=1", "--epochs=1", "--best_by=roc_auc", "--chunk_position=centre"]
    assert run_train(music, tmp_path / "run", *arguments) == 0
    assert np.load(tmp_path / "run" / "predictions" / "validation.npy").shape == (8, 3)
    assert len(kerastag.load(tmp_path / "run").score(music / "test" / "0.wav")) == 3


def test_a_hyperparameter_of_another_loss_is_a_usage_error(music, run_train, tmp_path, capsys):
    assert run_train(music, tmp_path / "run", "--loss=bce", "--gamma=1") == 2
    assert "--gamma: the loss bce has no such hyperparameter" in capsys.readouterr().err
    assert run_train(music, tmp_path / "run", "--sgd_learning_rates=fast") == 2
    assert run_train(music, tmp_path / "run", "--train_split=a,b", "--train_dirs=x") == 2


def test_runs_without_a_name_do_not_collide(tmp_path):
    assert run_folder.free(tmp_path / "bce").path == tmp_path / "bce"
    (tmp_path / "bce").mkdir()
    (tmp_path / "bce-2").mkdir()
    assert run_folder.free(tmp_path / "bce").path == tmp_path / "bce-3"


def test_two_trainings_in_one_folder(music, run_train, tmp_path, capsys):
    with lock.held(tmp_path / "run"):
        before = sorted(tmp_path.rglob("*"))
        for flag in ("--overwrite", "--resume"):
            assert run_train(music, tmp_path / "run", "--epochs=1", flag) == 1
            err = capsys.readouterr().err
            assert err.startswith(f"{tmp_path / 'run'}: process {os.getpid()} on ") and err.endswith(" trains here\n")
        assert sorted(tmp_path.rglob("*")) == before


def test_overwriting_leaves_nothing_of_the_run_before(run, music, run_train, tmp_path):
    shutil.copytree(run, tmp_path / "run", ignore=shutil.ignore_patterns("examples"))
    (tmp_path / "run" / "thresholds.tsv").write_text("old")
    assert run_train(music, tmp_path / "run", "--loss=bce", "--epochs=1", "--overwrite") == 0
    assert not (tmp_path / "run" / "thresholds.tsv").exists()
    assert [line.split("\t")[0] for line in (tmp_path / "run" / "history.tsv").read_text().splitlines()] == [
        "epoch",
        "1",
    ]
