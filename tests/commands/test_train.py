"""`kerastag train` on a few seconds of music: what it writes, that it resumes exactly, every way of training."""

import os
import re
import shutil

import numpy as np
import pytest
import tensorflow as tf

import kerastag
from kerastag import evaluate, export, files, train
from kerastag.models import loading
from kerastag.runs import run_folder
from kerastag.training import fit, loop
from tests import run_states


def without_times(line):
    cells = line.split(b"\t")
    return cells[:5] + cells[7:]  # but for speed and waiting


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


def test_a_run_that_is_killed_and_interrupted_again_and_again_resumes_exactly(
    run, music, run_train, tmp_path, monkeypatch, capsys
):
    folder = run_folder.RunFolder(tmp_path / "run")

    def stands_at():
        return files.read_json(folder.checkpoint_path / "state.json")["step"]

    def killed(*arguments):
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(loop.Trainer, "_launch", killed)  # in its first epoch, which it begins again
        assert run_train(music, folder.path, "--loss=cb_focal", "--epochs=3") == 1
    assert stands_at() == 0
    # in the middle of the second epoch, where the step that runs already is finished, and at its end, before validation
    for step, stopped_after in ((4, 5), (6, 6)):
        capsys.readouterr()
        with monkeypatch.context() as patch:
            run_states.interrupt_in_step(step, patch)
            assert train.COMMAND.run([f"--run_dir={folder.path}", "--resume"]) == 130
        assert "--resume" in capsys.readouterr().err
        assert stands_at() == stopped_after
    lose_the_loss_in_the_last_epoch(folder, monkeypatch, capsys)
    assert train.COMMAND.run([f"--run_dir={folder.path}", "--resume"]) == 0
    run_states.assert_same(run, folder.path)
    for name in ("history.tsv", "predictions/validation.npy"):
        ours, theirs = ((path / name).read_bytes() for path in (run, folder.path))
        if name == "history.tsv":  # but for the speed
            ours, theirs = ([without_times(line) for line in text.splitlines()] for text in (ours, theirs))
        assert ours == theirs


def lose_the_loss_in_the_last_epoch(folder, monkeypatch, capsys):
    """It names its tracks and costs nothing."""
    train_epoch = loop.Trainer.train_epoch

    def spoilt(self, batches, state, *more):
        if state.epoch == 2:
            self.model.output_layer.bias.assign(np.full(3, np.nan))
        return train_epoch(self, batches, state, *more)

    with monkeypatch.context() as patch:
        patch.setattr(loop.Trainer, "train_epoch", spoilt)
        assert train.COMMAND.run([f"--run_dir={folder.path}", "--resume"]) == 1
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.startswith("the loss became nan in step 7, on ") and told.endswith("(see --learning_rate)")
    named = re.findall(r"train/\d+\.wav", told)
    assert len(set(named)) == len(named) == 8
    assert all(np.isfinite(weight).all() for weight in loading.load(folder.model_path).get_weights())


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


STAGED = [*("--schedule=staged", "--epochs=4", "--adam_epochs=1", "--sgd_epochs=1", "--sgd_learning_rates=1e-3,1e-4")]
EVERYTHING = [*STAGED, "--mixup_alpha=1", "--sampling=class_aware", "--loss=db_focal"]


@pytest.fixture(scope="module")
def staged_run(music, run_train, tmp_path_factory):
    """Four epochs over three stages with mixup and class-aware sampling."""
    run_dir = tmp_path_factory.mktemp("runs") / "staged"
    assert run_train(music, run_dir, *EVERYTHING) == 0
    return run_dir


def test_resuming_across_a_switch_is_exact(staged_run, music, run_train, tmp_path, monkeypatch):
    rates = [line.split("\t")[4] for line in (staged_run / "history.tsv").read_text().splitlines()[1:]]
    assert rates == ["0.001", "0.001", "0.0001", "0.0001"]
    for step, more in ((3, []), (7, ["--resume"])):  # the end of the first stage, and in the middle of the third epoch
        with monkeypatch.context() as patch:
            run_states.interrupt_in_step(step, patch)
            assert run_train(music, tmp_path / "run", *EVERYTHING, *more) == 130
    assert train.COMMAND.run([f"--run_dir={tmp_path / 'run'}", "--resume"]) == 0
    run_states.assert_same(staged_run, tmp_path / "run")


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
    from kerastag.models import loading

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


def test_a_checkpoint_of_another_network_is_refused(run, music, tmp_path, capsys):
    copied = tmp_path / "run"
    shutil.copytree(run, copied)
    record = files.read_json(copied / "run.json")
    record["flags"]["num_channels"] = 2
    files.write_json(copied / "run.json", record)
    assert train.COMMAND.run([f"--run_dir={copied}", "--resume", "--epochs=4"]) == 1
    assert "a checkpoint of another network" in capsys.readouterr().err


def test_runs_without_a_name_do_not_collide(tmp_path):
    assert run_folder.free(tmp_path / "bce").path == tmp_path / "bce"
    (tmp_path / "bce").mkdir()
    (tmp_path / "bce-2").mkdir()
    assert run_folder.free(tmp_path / "bce").path == tmp_path / "bce-3"


def test_resume_starts_afresh_where_nothing_was_saved_yet(run, music, run_train, tmp_path, monkeypatch, capsys):
    """One line for a job script, which works whenever it is run; the same seed gives the same weights."""
    from kerastag.runs import lock

    def killed(self):
        raise ZeroDivisionError

    line = [f"--data_dir={music}", f"--run_dir={tmp_path / 'run'}", "--loss=cb_focal", "--epochs=3", "--resume"]
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".run.1.partial.json").touch()  # killed while it wrote the first of its files
    with monkeypatch.context() as patch:
        patch.setattr(fit.Fit, "run", killed)  # before its first checkpoint
        assert run_train(music, tmp_path / "run", *line) == 1
    assert "nothing to resume yet, training starts afresh" in capsys.readouterr().err
    assert not (tmp_path / "run" / "checkpoint").exists()
    (tmp_path / "run" / "tags.txt").unlink()
    (tmp_path / "run" / lock.NAME).write_text("")
    assert train.COMMAND.run([*line, "--monitor=scalars"]) == 0  # the other flags are in its record
    assert "nothing to resume yet, training starts afresh" in capsys.readouterr().err
    run_states.assert_same(run, tmp_path / "run")
    (tmp_path / "run" / "checkpoint").rename(tmp_path / "run" / ".checkpoint.old")  # killed between two names
    assert train.COMMAND.run(line) == 0
    assert "afresh" not in capsys.readouterr().err
    run_states.assert_same(run, tmp_path / "run")


def test_two_trainings_in_one_folder(music, run_train, tmp_path, capsys):
    from kerastag.runs import lock

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
