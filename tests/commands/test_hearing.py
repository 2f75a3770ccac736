"""Networks that hear several chunks, through the commands."""

import json

import numpy as np
import pytest

from kerastag import evaluate, train
from kerastag.models import loading
from kerastag.runs import run_folder
from tests import run_states

ATTENTION = ("--model=short_chunk_attention", "--heard_chunks=2", "--attention_layers=1")
POOL = ("--model=pool", "--heard_chunks=2", "--mixup_alpha=0")


def test_attention_starts_from_a_network_of_single_chunks_and_resumes_exactly(
    run, music, run_train, tmp_path, monkeypatch, capsys
):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    how = (*ATTENTION, f"--pretrained={run}", "--freeze=3", "--mixup_alpha=1", "--epochs=2")
    with monkeypatch.context() as patch:
        run_states.keep_as_killed(3, killed, patch)
        assert run_train(music, whole, *how) == 0
    said = capsys.readouterr().err
    assert "layers loaded: spec_bn, layer1" in said and "fresh (no such layer in the file): attention" in said
    before, after = (loading.load(path / "model.keras") for path in (run, whole))
    for layer in before.layers[:-2]:
        if layer.weights and layer is not before.output_layer:
            np.testing.assert_array_equal(layer.get_weights()[0], after.get_layer(layer.name).get_weights()[0])
    assert train.COMMAND.run([f"--run_dir={killed}", "--resume"]) == 0
    run_states.assert_same(whole, killed)


def test_a_pool_is_trained_on_embeddings_of_several_chunks(run, music, run_train, tmp_path, monkeypatch):
    """With a mean of its weights, of which one is there when it is killed."""
    how = (f"--pretrained={run}", "--swa_from=2", "--epochs=3", "--monitor=none")
    with monkeypatch.context() as patch:
        run_states.keep_as_killed(6, tmp_path / "killed", patch)
        assert run_train(music, tmp_path / "whole", *POOL, *how) == 0
    assert train.COMMAND.run([f"--run_dir={tmp_path / 'killed'}", "--resume"]) == 0
    run_states.assert_same(tmp_path / "whole", tmp_path / "killed")
    assert "average_0000" in run_states.variables(tmp_path / "killed")
    assert run_folder.read_history(tmp_path / "killed" / "history.tsv")[-1]["val_pr_auc_averaged"]
    kept = np.load(tmp_path / "whole" / "embeddings" / "train.npy")
    assert kept.shape == (20 * 2, 2 * 2)  # tracks by chunks, two embeddings side by side
    assert (kept.reshape(-1, 2, 2)[:, 1] == 0).mean() < 0.9  # 5 s: the second chunk is the rest, and sounds
    test = [f"--run_dir={tmp_path / 'whole'}", f"--data_dir={music}", "--num_chunks=2", "--batch_size=4"]
    assert evaluate.COMMAND.run([*test, f"--output={tmp_path / 'metrics.json'}"]) == 0
    assert json.loads((tmp_path / "metrics.json").read_text())["num_tracks"] == 8


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--heard_chunks=3"], "--heard_chunks=3 needs --model=short_chunk_attention or pool"),
        (
            ["--model=pool", "--pretrained=x", "--attention_layers=2"],
            "--attention_layers=2 needs --model=short_chunk_attention",
        ),
        (["--model=vggish", "--num_blocks=3"], "--num_blocks=3 needs --model=short_chunk_resnet or"),
        (["--model=pool"], "--model=pool needs --pretrained or --base"),
        (["--model=short_chunk_attention", "--heard_chunks=1"], "heard_chunks"),
        (["--model=short_chunk_attention", "--freeze=9", "--pretrained=x"], "8 blocks before its head"),
    ],
)
def test_flags_of_hearing_beside_other_networks_are_refused(music, tmp_path, capsys, arguments, message):
    assert train.COMMAND.run([f"--data_dir={music}", f"--run_dir={tmp_path / 'run'}", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
