"""Fine-tuning by `kerastag train`: frozen blocks, whole and resumed, and flags that contradict each other."""

import numpy as np
import pytest

from kerastag import files, train
from kerastag.models import blocks, loading
from tests import run_states


def test_a_run_with_frozen_blocks_keeps_them_and_resumes_exactly(run, music, run_train, tmp_path, monkeypatch, capsys):
    how = (
        "--epochs=2",
        f"--pretrained={run}",
        "--freeze=all_but_head",
        "--layer_decay=0.5",
        "--weight_decay=0.1",
        "--monitor=none",
    )
    with monkeypatch.context() as patch:
        run_states.keep_as_killed(3, tmp_path / "run", patch)
        assert run_train(music, tmp_path / "whole", *how) == 0
    # with three tags: dense_1 1 x 2 + 2, bn_1 2 + 2, dense_2 2 x 3 + 3; 6 times 9 + 1, 7 times 2
    assert "parameters: 17 trained, 74 frozen" in capsys.readouterr().err
    base, tuned = (loading.load(folder / "model.keras") for folder in (run, tmp_path / "whole"))
    *kept, head = blocks.of(base)
    for layer in (layer for block in kept for layer in block):
        for weight, was in zip(tuned.get_layer(layer.name).get_weights(), layer.get_weights(), strict=True):
            np.testing.assert_array_equal(weight, was)
    assert any(np.any(tuned.get_layer(layer.name).get_weights()[0] != layer.get_weights()[0]) for layer in head)
    assert train.COMMAND.run([f"--run_dir={tmp_path / 'run'}", "--resume"]) == 0
    run_states.assert_same(tmp_path / "whole", tmp_path / "run")


BAD_USES = {
    "--freeze=2": "needs --pretrained",
    "--freeze=8 --num_blocks=7 --pretrained=x": "short_chunk_resnet has 7 blocks",
    "--freeze=3 --num_blocks=2 --pretrained=x": "short_chunk_resnet has 2 blocks",
    "--freeze=6 --pretrained=x --model=vggish": "vggish has 5 blocks",
    "--freeze=half --pretrained=x": "not none, all_but_head or a number",
    "--freeze=all_but_head --model=popular --pretrained=x": "--model=popular has nothing to freeze",
    "--layer_decay=0.5 --model=popular": "no blocks that learn",
    "--probe_units=5": "needs --model=probe",
    "--model=probe": "needs --pretrained",
    "--model=probe --pretrained=x --freeze=2": "all of its base stays as it is",
    "--model=probe --pretrained=x --layer_decay=0.5": "no blocks that learn",
    "--model=probe --pretrained=x --mixup_alpha=1": "mixes audio",
}


@pytest.mark.parametrize("arguments", BAD_USES)
def test_flags_that_contradict_each_other_die_at_once(arguments, die_at_once):
    die_at_once(arguments, BAD_USES[arguments])


def test_an_older_run_does_not_become_a_frozen_one(run, tmp_path, capsys):
    record = files.read_json(run / "run.json")
    older = {name: value for name, value in record["flags"].items() if name not in ("freeze", "layer_decay")}
    files.write_json(tmp_path / "run.json", {**record, "flags": older})
    assert train.COMMAND.run([f"--run_dir={tmp_path}", "--resume", "--layer_decay=0.5"]) == 1
    assert "started with --layer_decay=1.0, not 0.5" in capsys.readouterr().err
