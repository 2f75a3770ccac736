"""`kerastag train` with losses beyond the paper: presets, hyperparameters as flags."""

import numpy as np
import pytest

from kerastag import files, losses, train
from kerastag.cli import presets


def test_two_way_takes_its_flags(music, run_train, tmp_path):
    arguments = ["--loss=two_way", "--positive_temperature=2", "--epochs=1", "--monitor=none"]
    assert run_train(music, tmp_path / "run", *arguments) == 0
    assert files.read_json(tmp_path / "run" / "run.json")["flags"]["positive_temperature"] == 2
    scores = np.load(tmp_path / "run" / "predictions" / "validation.npy")
    assert scores.shape == (8, 3) and np.isfinite(scores).all()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--loss=asl", "--tau=0.5"], "--tau: the loss asl has no such hyperparameter"),
        (["--loss=focal", "--start_epoch=2"], "--start_epoch: the loss focal has no such hyperparameter"),
        (["--loss=asl", "--clip=1"], "clip"),
        (["--loss=two_way", "--positive_temperature=0"], "positive_temperature"),
        (["--loss=splc", "--start_epoch=-1"], "start_epoch"),
    ],
)
def test_what_a_loss_does_not_take_is_refused_at_once(arguments, said, tmp_path, capsys):
    assert train.COMMAND.run([*arguments, f"--run_dir={tmp_path / 'run'}"]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_every_hyperparameter_of_a_loss_is_a_flag():
    known = {name for names in losses.HYPERPARAMETERS.values() for name in names}
    assert known <= set(train.FLAGS)


@pytest.mark.parametrize("name", losses.BEYOND)
def test_a_preset_is_the_papers_recipe_with_another_loss(name):
    def flags_of(preset):
        lines = presets.find(preset).read_text().splitlines()
        return {line for line in lines if line.startswith("--")}

    assert flags_of(f"beyond_{name}") ^ flags_of("paper_focal") == {f"--loss={name}", "--loss=focal"}
