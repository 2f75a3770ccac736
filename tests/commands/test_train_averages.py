"""`kerastag train` with averaged weights: what it says, resumption, flags that contradict each other, older runs."""

import json

import numpy as np
import pytest

from kerastag import errors, files, report, train
from kerastag.models import loading
from kerastag.runs import run_folder
from tests import run_states


def test_a_moving_average_with_frozen_blocks(run, music, run_train, tmp_path, capsys):
    run_dir, how = tmp_path / "run", ("--freeze=all_but_head", "--ema=0.9", "--epochs=1", "--precision=mixed_bfloat16")
    assert run_train(music, run_dir, f"--pretrained={run}", *how) == 0
    said, weights = capsys.readouterr(), files.read_json(run_dir / "run.json")["weights"]
    (row,) = run_folder.read_history(run_dir / "history.tsv")
    better = float(row["val_pr_auc_averaged"]) > float(row["val_pr_auc_raw"])
    assert weights == ("averaged" if better else "raw") and ("of averaged weights" in said.out) == better
    assert (
        f"val PR-AUC {float(row['val_pr_auc_raw']):.4f} (averaged {float(row['val_pr_auc_averaged']):.4f})" in said.err
    )
    saved, kept = loading.load(run_dir / "model.keras"), run_states.variables(run_dir)
    assert np.array_equal(saved.get_layer("dense_1").kernel, kept["average_0000"]) == better
    base = loading.load(run / "model.keras")
    for name in ("spec_bn", "layer2_bn_2"):
        for weight, was in zip(saved.get_layer(name).get_weights(), base.get_layer(name).get_weights(), strict=True):
            np.testing.assert_array_equal(weight, was)
    page = (run_dir / "report.html").read_text()
    assert "weights of the model" in page and "PR-AUC by weights" in page
    assert report.COMMAND.run([str(run), f"--output={tmp_path / 'other.html'}"]) == 0
    assert "weights of the model" not in (tmp_path / "other.html").read_text()


BAD_USES = {
    "--ema=0.9 --swa_from=1": "--ema and --swa_from contradict each other",
    "--swa_from=3 --epochs=2": "--swa_from=3 is beyond the last epoch, --epochs=2",
    "--ema=0.9 --model=popular": "--ema=0.9: --model=popular has no weights to average",
    "--swa_from=1 --model=popular": "--swa_from=1: --model=popular has no weights to average",
    "--ema=1": "ema",
    "--ema=-0.1": "ema",
    "--swa_from=0": "swa_from",
}


@pytest.mark.parametrize("arguments", BAD_USES)
def test_flags_that_contradict_each_other_die_at_once(arguments, die_at_once):
    die_at_once(arguments, BAD_USES[arguments])


def test_an_older_run_goes_on_without_an_average(run, tmp_path, capsys):
    folder = run_folder.RunFolder(tmp_path / "run")
    folder.checkpoint_path.mkdir(parents=True)
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
    assert train.COMMAND.run([f"--run_dir={folder.path}", "--resume", "--monitor=none"]) == 0
    run_states.assert_same(run, folder.path)
    assert "weights" not in files.read_json(folder.record_path)


def test_weights_that_are_no_word_are_no_record(run, tmp_path):
    files.write_json(tmp_path / "run.json", {**files.read_json(run / "run.json"), "weights": 3})
    with pytest.raises(errors.KerastagError, match="not the record of a run"):
        run_folder.RunFolder(tmp_path).record()
