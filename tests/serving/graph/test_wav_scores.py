"""Scores of WAV files by a served model, held to those of `kerastag.load`."""

import numpy as np
import pytest
import soundfile
import soxr

import kerastag
from kerastag import audio, files, tags
from kerastag.runs.model import Model
from kerastag.serving.bundle import saved_model
from kerastag.serving.graph.served_model import ServedModel
from tests.graph_session import Session

NUM_CHUNKS = 3


@pytest.fixture(scope="module")
def doors(network, tmp_path_factory):
    """The Python door to a run, and the session of its SavedModel."""
    folder = tmp_path_factory.mktemp("doors")
    network(num_channels=4).save(folder / "model.keras")
    tags.Vocabulary(("high", "low", "mid")).write(folder / "tags.txt")
    files.write_json(folder / "run.json", {"flags": {}})
    model = Model.load(folder)
    made = ServedModel(model.networks("float32"), model.vocabulary, model.combination, NUM_CHUNKS)
    saved_model.save(made, folder / "served")
    return kerastag.load(folder, "float32"), Session(folder / "served")


@pytest.mark.parametrize("rate", [48_000, 44_100, 22_050, 16_000, 11_025, 8_000])
def test_a_wav_file_has_the_scores_that_the_python_door_gives(rate, doors, music, tmp_path):
    paths = []
    for number, level in enumerate((1, 0.1, 0.01)):
        left = level * resampled(audio.read(music / "test" / f"{number}.wav"), rate)
        paths.append(tmp_path / f"{number}.wav")
        soundfile.write(paths[-1], np.stack([left, left[::-1]], axis=1), rate, "PCM_16")
    expected = [list(doors[0].score(path, num_chunks=NUM_CHUNKS).values()) for path in paths]
    found = doors[1]("classify_wav", wav_bytes=[path.read_bytes() for path in paths])["scores"]
    np.testing.assert_allclose(found, expected, atol=1e-5 if rate == 16_000 else 1e-2)
    assert np.ptp(expected, axis=0).min() > 0.05


def resampled(waveform, rate):
    return soxr.resample(waveform, audio.SAMPLE_RATE, rate)
