"""What the flags of devices and feeding do to a whole run: compiled, kept decoded, resumed elsewhere."""

import shutil

import numpy as np
import pytest

from kerastag import computing, evaluate, files, precisions, tag, train
from kerastag.data import decoded
from kerastag.training import loop
from tests import run_states


def test_a_compiled_run_is_the_plain_one(run_begun, music, run_train, tmp_path, capsys):
    assert run_train(music, tmp_path / "xla", "--loss=cb_focal", "--epochs=1", "--xla=on") == 0
    assert "XLA compiles the training step" in capsys.readouterr().err
    compiled, plain = run_states.variables(tmp_path / "xla"), run_states.variables(run_begun)
    moments = [name for name in plain if name.startswith("optimizer")]  # all of what gradients were
    for name in moments:
        np.testing.assert_allclose(compiled[name], plain[name], rtol=1e-3, atol=1e-5, err_msg=name)
    weights = [name for name in plain if name not in moments]
    far = [name for name in weights if not np.allclose(compiled[name], plain[name], rtol=1e-3, atol=1e-4)]
    # two offsets have gradients of rounding alone, which Adam makes as long as any; and the mean behind them
    assert len(far) <= 3 < len(weights) == 49, far
    one, model = str(music / "test" / "0.wav"), f"--model={tmp_path / 'xla'}"
    assert tag.COMMAND.run([one, model, "--xla=on", "--tf32=off", "--num_chunks=2", "--batch_size=2"]) == 0
    assert "XLA compiles the network" in capsys.readouterr().err
    assert evaluate.COMMAND.run([f"--run_dir={tmp_path / 'xla'}", "--num_chunks=2", "--tf32=off"]) == 0
    computing.Computing().start()


def test_a_run_on_tracks_kept_decoded_is_the_run_on_their_files(run_begun, music, run_train, tmp_path, capsys):
    how = ("--loss=cb_focal", "--epochs=1", "--xla=off")
    assert run_train(music, tmp_path / "run", *how, f"--cache={tmp_path / 'kept'}") == 0
    assert "XLA" not in capsys.readouterr().err
    run_states.assert_same(run_begun, tmp_path / "run")  # 16 kHz mono WAV of 16 bits, which no reader rounds
    assert len(list((tmp_path / "kept").glob("*.npy"))) == 28  # training and validation tracks


def test_a_cache_of_int16_cannot_hold_anything_else(run_train, music, tmp_path, capsys):
    assert run_train(music, tmp_path / "run", "--epochs=1", "--cache=memory", "--input_dtype=float32") == 2
    assert "--cache keeps int16" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_cache_without_room_leaves_an_older_run_as_it_was(run, music, run_train, tmp_path, monkeypatch, capsys):
    shutil.copytree(run, tmp_path / "run")
    monkeypatch.setattr(decoded, "_free_memory", lambda: 1000)
    assert run_train(music, tmp_path / "run", "--epochs=1", "--cache=memory", "--overwrite") == 1
    assert "the decoded tracks take" in capsys.readouterr().err
    run_states.assert_same(run, tmp_path / "run")


def test_a_run_goes_on_in_the_precision_it_was_begun_in(music, tmp_path, monkeypatch):
    monkeypatch.setattr(precisions, "choose", lambda name: "mixed_bfloat16")  # as another machine would
    trained_in = run_states.interrupt_before_training(monkeypatch)
    run_dir = f"--run_dir={tmp_path / 'run'}"
    assert train.COMMAND.run([run_dir, f"--data_dir={music}", "--num_channels=1", "--num_blocks=2"]) == 130
    monkeypatch.setattr(precisions, "choose", lambda name: "mixed_float16")
    assert train.COMMAND.run([run_dir, "--resume"]) == 130
    assert trained_in == ["mixed_bfloat16"] * 2
    assert files.read_json(tmp_path / "run" / "run.json")["precision"] == "mixed_bfloat16"


@pytest.mark.parametrize(
    ("waiting", "cache", "said"), [(0.6, [], True), (0.1, [], False), (0.6, ["--cache=memory"], False)]
)
def test_where_devices_wait_for_files_a_line_names_prepare(
    waiting, cache, said, music, run_train, tmp_path, monkeypatch, capsys
):
    def starved(self, batches, state, on_step):  # without a step, which would have to be traced
        self.waiting = waiting
        state.loss_sum, state.loss_steps = 1.0, 1
        return np.arange(20)

    monkeypatch.setattr(loop.Trainer, "train_epoch", starved)
    assert run_train(music, tmp_path / "run", "--epochs=2", *cache) == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if "kerastag prepare" in line]
    assert len(lines) == said
    if said:
        assert lines[0].startswith("60% of the epoch")
