"""Front ends and augmentation through the commands."""

import numpy as np
import pytest

from kerastag import train
from kerastag.models import layers, loading
from kerastag.runs import examples
from tests import run_states

PCEN = ("--num_mels=32", "--mel_norm=slaney", "--compression=pcen")
AUGMENTED = ("--time_masks=2", "--frequency_masks=1", "--gain_db=6", "--time_roll", "--mixup_alpha=1")
CORRECTED = "--loss=splc"  # which goes by the epoch, and corrects labels from the second on


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """Where the run of `heard` is kept as it is after its first epoch."""
    return tmp_path_factory.mktemp("pcen") / "killed"


@pytest.fixture(scope="module")
def heard(killed, music, run_train):
    run_dir = killed.parent / "run"
    with pytest.MonkeyPatch.context() as patch:
        run_states.keep_as_killed(3, killed, patch)
        assert run_train(music, run_dir, *PCEN, *AUGMENTED, CORRECTED, "--epochs=2") == 0
    return run_dir


def test_a_resumed_training_is_the_one_that_never_stopped(heard, killed):
    assert train.COMMAND.run([f"--run_dir={killed}", "--resume"]) == 0
    run_states.assert_same(heard, killed)


def test_the_models_file_has_the_front_end(heard):
    layer = loading.load(heard / "model.keras").get_layer("log_mel")
    assert (layer.num_mels, layer.unit_area, layer.compression) == (32, True, "pcen")


def test_weights_of_another_front_end_are_refused(heard, run, music, run_train, tmp_path, monkeypatch, capsys):
    assert run_train(music, tmp_path / "a", f"--pretrained={heard}") == 1
    message = "trained on another spectrogram (num_mels=32, unit_area=True, compression=pcen) than this network hears"
    assert f"{message} (the recipe's)" in capsys.readouterr().err
    assert run_train(music, tmp_path / "b", f"--pretrained={run}", "--num_mels=96") == 1
    assert (
        "trained on another spectrogram (the recipe's) than this network hears (num_mels=96)" in capsys.readouterr().err
    )
    begun = run_states.interrupt_before_training(monkeypatch)
    assert run_train(music, tmp_path / "c", f"--pretrained={heard}", *PCEN) == 130 and begun


@pytest.mark.parametrize(
    ("compression", "scale"), [("decibel", "dB"), ("log10_10000", "log10(1 + 10000 power)"), ("pcen", "PCEN")]
)
def test_a_picture_names_the_scale(compression, scale, monkeypatch, rng):
    drawn = []
    monkeypatch.setattr(examples.canvas, "png", drawn.append)
    front_end = layers.LogMelSpectrogram(compression=compression)
    mel = examples.mel_of(front_end, rng.normal(0, 0.1, 16_000).astype(np.float32))
    examples.mel_picture(mel, front_end)
    assert [axes.get_ylabel() for axes in drawn[0].axes] == ["frequency (Hz)", scale]


def test_weights_of_a_probe_on_another_front_end_are_refused(heard, music, run_train, tmp_path, capsys):
    arguments = ("--model=probe", f"--pretrained={heard}", "--mixup_alpha=0", "--epochs=1")
    assert run_train(music, tmp_path / "probe", *arguments) == 0
    assert run_train(music, tmp_path / "net", f"--pretrained={tmp_path / 'probe'}", "--model=short_chunk_resnet") == 1
    assert "trained on another spectrogram (num_mels=32" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--model=vggish", "--time_masks=1"],
            "--time_masks=1 needs --model=short_chunk_resnet or short_chunk_attention",
        ),
        (["--model=musicnn", "--num_mels=64"], "--num_mels=64 needs --model="),
        (["--filter_db=3", "--compression=pcen"], "--filter_db adds decibels"),
        (["--num_mels=8"], "num_mels"),
        (["--gain_db=-1"], "gain_db"),
    ],
)
def test_what_a_network_cannot_hear_is_refused(music, tmp_path, capsys, arguments, message):
    assert train.COMMAND.run([f"--data_dir={music}", f"--run_dir={tmp_path / 'run'}", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
