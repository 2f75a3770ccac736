"""`kerastag train` with averaged weights: resumed, restarted, the better chosen, and what is said of it."""

import json

import numpy as np
import pytest

from kerastag import errors, evaluate, export, files, report, train
from kerastag.metrics import split_scores
from kerastag.models import loading
from kerastag.runs import run_folder
from kerastag.training import validating, validation
from tests import run_states

STAGED = ["--schedule=staged", "--adam_epochs=1", "--sgd_epochs=1", "--sgd_learning_rates=1e-3,1e-4"]
EMA = ["--ema=0.8", "--epochs=3", "--monitor=none", *STAGED]
SWA = ["--swa_from=2", "--epochs=3", "--monitor=none", "--mixup_alpha=1"]


def history(run_dir):
    lines = [line.split("\t") for line in (run_dir / "history.tsv").read_text().splitlines()]
    return [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]


def without_times(run_dir):
    return [{**row, "chunks_per_second": "", "input_wait": ""} for row in history(run_dir)]


@pytest.fixture(scope="module", params=[EMA, SWA], ids=["ema", "swa"])
def averaged(request, music, run_train, tmp_path_factory):
    """A whole run and its flags."""
    run_dir = tmp_path_factory.mktemp("runs") / "whole"
    assert run_train(music, run_dir, *request.param) == 0
    return run_dir, request.param


def test_both_weights_are_validated_and_the_better_figure_is_the_epochs(averaged):
    run_dir, how = averaged
    rows, record = history(run_dir), files.read_json(run_dir / "run.json")
    state = files.read_json(run_dir / "checkpoint" / "state.json")
    for row in rows[1:] if how is SWA else rows:
        raw, mean = (float(row[f"val_pr_auc_{name}"]) for name in ("raw", "averaged"))
        assert float(row["val_pr_auc"]) == max(raw, mean)
        assert row["val_roc_auc_raw"] and row["val_loss_averaged"]
    if how is SWA:  # there is no mean before it begins
        assert rows[0]["val_pr_auc"] and not rows[0]["val_pr_auc_averaged"] and not rows[0]["val_pr_auc_raw"]
    best = max(float(row["val_pr_auc"]) for row in rows)
    assert state["best_score"] == pytest.approx(best, rel=1e-5)
    assert record["weights"] == ("averaged" if state["best_averaged"] else "raw")


# in the second epoch, which is another stage and the first in the mean, and at the third one's end, before validation
@pytest.mark.parametrize("step", [4, 9])
def test_an_interrupted_run_resumes_exactly(step, averaged, music, run_train, tmp_path, monkeypatch):
    whole, how = averaged
    run_states.interrupt_in_step(step, monkeypatch)
    assert run_train(music, tmp_path / "run", *how) == 130
    monkeypatch.undo()
    assert train.COMMAND.run([f"--run_dir={tmp_path / 'run'}", "--resume"]) == 0
    run_states.assert_same(whole, tmp_path / "run")
    assert sum(name.startswith("average_") for name in run_states.variables(whole)) > 10
    assert without_times(whole) == without_times(tmp_path / "run")
    assert files.read_json(whole / "run.json")["weights"] == files.read_json(tmp_path / "run" / "run.json")["weights"]


def test_a_run_that_is_interrupted_in_the_validation_of_its_mean_resumes_exactly(
    averaged, music, run_train, tmp_path, monkeypatch
):
    whole, how = averaged
    validate, seen = validating.Validator.validate, []

    def interrupted(self, on_batch):
        seen.append(self)
        if len(seen) == 5:
            self._trainer.stop_requested = True
        return validate(self, on_batch)

    monkeypatch.setattr(validating.Validator, "validate", interrupted)
    assert run_train(music, tmp_path / "run", *how) == 130
    monkeypatch.undo()
    assert train.COMMAND.run([f"--run_dir={tmp_path / 'run'}", "--resume"]) == 0
    run_states.assert_same(whole, tmp_path / "run")
    assert without_times(whole) == without_times(tmp_path / "run")


@pytest.mark.parametrize("better", ["raw", "averaged"])
def test_the_better_weights_are_the_model(better, music, run_train, tmp_path, monkeypatch, capsys):
    validate, seen = validating.Validator.validate, []

    def told(self, on_batch):
        """Perfect scores for one of them, the opposite for the other; the raw weights come first."""
        measured = validate(self, on_batch).measured
        seen.append("averaged" if seen == ["raw"] else "raw")
        scores = measured.labels if seen[-1] == better else 1 - measured.labels
        kept = (measured.labels, measured.vocabulary, measured.tracks, measured.class_counts)
        scores = split_scores.SplitScores(scores.astype(np.float32), *kept)
        return validation.Validation(scores, np.arange(len(measured.labels)), self._trainer.loss)

    monkeypatch.setattr(validating.Validator, "validate", told)
    run_dir = tmp_path / "run"
    assert run_train(music, run_dir, "--ema=0.9", "--epochs=1", "--monitor=full") == 0
    told_last = capsys.readouterr()
    assert seen == ["raw", "averaged"]
    assert files.read_json(run_dir / "run.json")["weights"] == better
    assert ("of averaged weights" in told_last.out) == (better == "averaged")
    assert f"val PR-AUC {1 if better == 'raw' else 0}." in told_last.err and "(averaged " in told_last.err
    np.testing.assert_array_equal(*(np.load(run_dir / name / "validation.npy") for name in ("predictions", "labels")))
    saved, kept = loading.load(run_dir / "model.keras"), run_states.variables(run_dir)
    trained = [np.asarray(weight) for weight in saved.trainable_variables]
    averages = [kept[f"average_{number:04d}"] for number in range(len(trained))]
    for weight, average in zip(trained, averages, strict=True):
        assert np.array_equal(weight, average) == (better == "averaged")
    _check_what_is_said(run_dir, better, tmp_path)


def _check_what_is_said(run_dir, better, tmp_path):
    assert report.COMMAND.run([str(run_dir), f"--output={tmp_path / 'report.html'}"]) == 0
    page = (tmp_path / "report.html").read_text()
    assert "weights of the model" in page and better in page
    assert export.COMMAND.run([f"--run_dir={run_dir}", f"--output_dir={tmp_path / 'served'}", "--num_chunks=1"]) == 0
    card = next((tmp_path / "served").rglob("model_card.md")).read_text()
    assert f", {better} weights, computed in" in card and "--ema=0.9" in card


def test_equal_figures_leave_the_weights_in_training(music, run_train, tmp_path):
    assert run_train(music, tmp_path / "run", "--ema=0.5", "--epochs=1", "--learning_rate=0", "--monitor=none") == 0
    (row,) = history(tmp_path / "run")
    if row["val_pr_auc_raw"] == row["val_pr_auc_averaged"]:  # moving statistics are averaged too
        assert files.read_json(tmp_path / "run" / "run.json")["weights"] == "raw"


def test_a_mean_with_frozen_blocks_over_two_devices(run, music, run_train, tmp_path):
    how = (f"--pretrained={run}", "--freeze=3", "--swa_from=1", "--epochs=2", "--monitor=none", "--layer_decay=0.5")
    arguments = (*how, "--strategy=mirrored", "--num_devices=2", "--precision=mixed_bfloat16")
    assert run_train(music, tmp_path / "run", *arguments) == 0
    assert all(row["val_pr_auc_averaged"] for row in history(tmp_path / "run"))
    base, tuned = (loading.load(folder / "model.keras") for folder in (run, tmp_path / "run"))
    for name in ("spec_bn", "layer1_conv_1", "layer3_bn_2"):
        for weight, was in zip(tuned.get_layer(name).get_weights(), base.get_layer(name).get_weights(), strict=True):
            np.testing.assert_array_equal(weight, was)
    assert evaluate.COMMAND.run([f"--run_dir={tmp_path / 'run'}", "--num_chunks=2"]) == 0


@pytest.mark.parametrize("average", ["--ema=0.9", "--swa_from=2"])
def test_a_probe_with_an_average(average, run, music, run_train, tmp_path):
    how = ("--model=probe", f"--pretrained={run}", average, "--epochs=3", "--monitor=none")
    assert run_train(music, tmp_path / "probe", *how) == 0
    assert history(tmp_path / "probe")[-1]["val_pr_auc_averaged"]


BAD_USES = {
    "--ema=0.9 --swa_from=1": "--ema and --swa_from contradict each other",
    "--swa_from=3 --epochs=2": "--swa_from=3 is beyond the last epoch, --epochs=2",
    "--ema=0.9 --model=popular": "--model=popular has no weights to average",
    "--swa_from=1 --model=popular": "--model=popular has no weights to average",
    "--ema=1": "ema",
    "--ema=-0.1": "ema",
    "--swa_from=0": "swa_from",
}


@pytest.mark.parametrize("arguments", BAD_USES)
def test_flags_that_contradict_each_other_die_at_once(arguments, die_at_once):
    die_at_once(arguments, BAD_USES[arguments])


def test_an_older_run_goes_on_without_an_average(run, tmp_path, capsys):
    folder = run_folder.RunFolder(tmp_path / "run")
    (tmp_path / "run" / "checkpoint").mkdir(parents=True)
    for name in ("run.json", "tags.txt", "history.tsv", "model.keras", "checkpoint/variables.npz"):
        (folder.path / name).write_bytes((run / name).read_bytes())
    state = files.read_json(run / "checkpoint" / "state.json")
    state.pop("best_averaged")
    (folder.checkpoint_path / "state.json").write_text(json.dumps(state))
    record = files.read_json(run / "run.json")
    flags = {name: value for name, value in record["flags"].items() if name not in ("ema", "swa_from")}
    files.write_json(folder.record_path, {**record, "flags": flags})
    for flag, before in (("--ema=0.5", "--ema=0.0"), ("--swa_from=1", "--swa_from=None")):
        assert train.COMMAND.run([f"--run_dir={folder.path}", "--resume", flag]) == 1
        assert f"started with {before}, not" in capsys.readouterr().err
    assert train.COMMAND.run([f"--run_dir={folder.path}", "--resume", "--epochs=4", "--monitor=none"]) == 0
    assert "weights" not in files.read_json(folder.record_path)
    with pytest.raises(errors.KerastagError, match="not the record of a run"):
        files.write_json(folder.record_path, {**record, "weights": 3})
        folder.record()
