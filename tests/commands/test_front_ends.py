"""Front ends and augmentation through the commands."""

import numpy as np
import pytest

from kerastag import train
from kerastag.models import loading
from tests import run_states

PCEN = ("--num_mels=32", "--mel_norm=slaney", "--compression=pcen")
AUGMENTED = ("--time_masks=2", "--frequency_masks=1", "--gain_db=6", "--time_roll", "--mixup_alpha=1")


@pytest.fixture(scope="module")
def heard(music, run_train, tmp_path_factory):
    run_dir = tmp_path_factory.mktemp("pcen") / "run"
    assert run_train(music, run_dir, *PCEN, *AUGMENTED, "--epochs=2", "--monitor=full") == 0
    return run_dir


def test_a_resumed_training_is_the_one_that_never_stopped(heard, music, run_train, tmp_path):
    assert run_train(music, tmp_path / "run", *PCEN, *AUGMENTED, "--epochs=1", "--monitor=full") == 0
    assert run_train(music, tmp_path / "run", *PCEN, *AUGMENTED, "--epochs=2", "--monitor=full", "--resume") == 0
    run_states.assert_same(heard, tmp_path / "run")


def test_the_models_file_has_the_front_end(heard):
    layer = loading.load(heard / "model.keras").get_layer("log_mel")
    assert (layer.num_mels, layer.unit_area, layer.compression) == (32, True, "pcen")


def test_weights_of_another_front_end_are_refused(heard, run, music, run_train, tmp_path, capsys):
    assert run_train(music, tmp_path / "a", f"--pretrained={heard}") == 1
    message = "trained on another spectrogram (num_mels=32, unit_area=True, compression=pcen) than this network hears"
    assert f"{message} (the recipe's)" in capsys.readouterr().err
    assert run_train(music, tmp_path / "b", f"--pretrained={run}", "--num_mels=96") == 1
    assert (
        "trained on another spectrogram (the recipe's) than this network hears (num_mels=96)" in capsys.readouterr().err
    )
    assert run_train(music, tmp_path / "c", f"--pretrained={heard}", *PCEN, "--epochs=1") == 0


def test_pictures_name_the_scale(heard):
    from kerastag.models import layers
    from kerastag.runs import examples

    for compression, label in examples.SCALES.items():
        front_end = layers.LogMelSpectrogram(compression=compression)
        mel = examples.mel_of(front_end, np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32))
        assert examples.mel_picture(mel, front_end).startswith(b"\x89PNG") and label


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model=vggish", "--time_masks=1"], "--time_masks needs --model="),
        (["--model=musicnn", "--num_mels=64"], "--num_mels needs --model="),
        (["--filter_db=3", "--compression=pcen"], "--filter_db adds decibels"),
        (["--num_mels=8"], "num_mels"),
        (["--gain_db=-1"], "gain_db"),
    ],
)
def test_what_a_network_cannot_hear_is_refused(music, tmp_path, capsys, arguments, message):
    assert train.COMMAND.run([f"--data_dir={music}", f"--run_dir={tmp_path / 'run'}", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
