"""Front ends beside the recipe's: PCEN and mel bands, against librosa."""

import librosa
import numpy as np
import pytest

from kerastag import models
from kerastag.models import layers, pcen

pytestmark = pytest.mark.usefixtures("librosa_loaded")


@pytest.fixture
def waveform(rng):
    """Two seconds: noise that swells, and silence in the middle."""
    swell = np.linspace(0.001, 0.5, 32_000) * rng.normal(size=32_000)
    swell[12_000:16_000] = 0
    return swell.astype(np.float32)


def test_pcen_is_librosas(waveform):
    layer = layers.LogMelSpectrogram(num_mels=40, compression="pcen")
    power = librosa.feature.melspectrogram(
        y=waveform, sr=16_000, n_fft=512, hop_length=256, n_mels=40, htk=True, norm=None, pad_mode="reflect"
    )
    energy = power.astype(np.float64) * 2**30
    weight = pcen.smoothing(256 / 16_000)
    expected = librosa.pcen(energy, sr=16_000, hop_length=256, zi=(1 - weight) * energy[:, :1])  # M begins at E
    assert expected.max() > 3 and expected.min() < 0.01
    np.testing.assert_allclose(np.asarray(layer(waveform[None]))[0, :, :, 0], expected, rtol=2e-4, atol=2e-4)


def test_pcen_of_silence_is_nothing_and_loudness_hardly_matters(waveform):
    layer = layers.LogMelSpectrogram(compression="pcen")
    assert np.abs(np.asarray(layer(np.zeros((1, 8000), np.float32)))).max() == 0
    loud, soft = (np.asarray(layer(gain * waveform[None]))[0, 1:] for gain in (1.0, 0.1))  # 20 dB
    assert np.abs(loud - soft).mean() < 0.1 * loud.mean()


@pytest.mark.parametrize(("num_mels", "unit_area"), [(96, True), (64, False)])
def test_mel_bands_are_librosas(num_mels, unit_area):
    found = layers.LogMelSpectrogram(num_mels=num_mels, unit_area=unit_area).filters
    expected = librosa.filters.mel(
        sr=16_000, n_fft=512, n_mels=num_mels, htk=True, norm="slaney" if unit_area else None
    )
    np.testing.assert_allclose(found.T, expected, atol=1e-6)


@pytest.mark.parametrize("num_mels", [16, 96, 200])
def test_a_network_takes_any_number_of_bands(num_mels, rng):
    network = models.short_chunk_resnet(2, 1, precision="float32", num_blocks=2, front_end={"num_mels": num_mels})
    x = rng.normal(0, 0.1, (2, 73_600)).astype(np.float32)
    assert np.isfinite(np.asarray(network(x))).all()
    assert network.get_layer("log_mel").num_mels == num_mels
    assert network.get_config()["front_end"] == {"num_mels": num_mels}
