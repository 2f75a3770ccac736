"""`kerastag train` interrupted, killed and resumed: the weights are those of a run that was not, bit for bit."""

import re
import shutil

import numpy as np
import pytest

from kerastag import files, train
from kerastag.models import loading
from kerastag.runs import lock, run_folder
from kerastag.training import fit, loop
from tests import run_states


def without_times(line):
    cells = line.split(b"\t")
    return cells[:5] + cells[7:]  # but for speed and waiting


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


def test_a_checkpoint_of_another_network_is_refused(run, music, tmp_path, capsys):
    copied = tmp_path / "run"
    shutil.copytree(run, copied)
    record = files.read_json(copied / "run.json")
    record["flags"]["num_channels"] = 2
    files.write_json(copied / "run.json", record)
    assert train.COMMAND.run([f"--run_dir={copied}", "--resume", "--epochs=4"]) == 1
    assert "a checkpoint of another network" in capsys.readouterr().err


def test_resume_starts_afresh_where_nothing_was_saved_yet(run, music, run_train, tmp_path, monkeypatch, capsys):
    """One line for a job script, which works whenever it is run; the same seed gives the same weights."""

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
    (tmp_path / "run" / "checkpoint").rename(tmp_path / "run" / ".checkpoint.kerastag.old")  # killed between two names
    assert train.COMMAND.run(line) == 0
    assert "afresh" not in capsys.readouterr().err
    run_states.assert_same(run, tmp_path / "run")
