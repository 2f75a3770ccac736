"""What kerastag download writes is what train takes, with no step between."""

import io

import numpy as np
import soundfile

from kerastag import train
from kerastag.runs import run_folder
from tests.datasets import tiny_jamendo


def low_mp3(name):
    """Three seconds of noise as MP3."""
    written = io.BytesIO()
    waveform = np.random.default_rng(list(name.encode())).uniform(-0.5, 0.5, 3 * 16_000)
    soundfile.write(written, waveform, 16_000, format="MP3", subtype="MPEG_LAYER_III")
    return written.getvalue()


def test_the_papers_preset_trains_on_the_smaller_form(server, monkeypatch, tmp_path, capsys):
    jamendo = tiny_jamendo.Jamendo(server, monkeypatch, "audio-low", low_mp3, num_tracks=6)
    folder = tmp_path / "music"
    assert jamendo.download(folder, "--remove_archives") == 0
    assert len((folder / "train.tsv").read_bytes().splitlines()) == 1 + 6
    small = (
        "--num_channels=2",
        "--num_blocks=2",
        "--epochs=1",
        "--adam_epochs=1",
        "--sgd_epochs=1",
        "--validation_chunks=1",
    )
    quick = ("--precision=float32", "--batch_size=6", "--monitor=none", f"--run_dir={tmp_path / 'run'}")
    status = train.COMMAND.run(["--preset=paper_bce", f"--data_dir={folder}", *small, *quick])
    assert status == 0, capsys.readouterr().err
    run = run_folder.RunFolder(tmp_path / "run")
    assert run.vocabulary().names == ("mood/theme---happy", "mood/theme---sad")
    assert run.read_scores("validation").scores.shape == (6, 2)
