"""Float samples to 16 bits and back."""

import numpy as np

from kerastag import audio


def test_by_hand():
    waveform = np.array([0, 0.5, -0.5, 1 / 32768, 0.4 / 32768, 0.6 / 32768, -0.6 / 32768], np.float32)
    assert audio.to_int16(waveform).tolist() == [0, 16384, -16384, 1, 0, 1, -1]


def test_too_loud_saturates_and_never_wraps():
    waveform = np.array([1.0, 1.0001, 3.0, 1e30, -1.0, -1.0001, -3.0, -1e30], np.float32)
    assert audio.to_int16(waveform).tolist() == [32767] * 4 + [-32768] * 4


def test_every_int16_survives_the_way_there_and_back():
    samples = np.arange(-32768, 32768).astype(np.int16).reshape(256, 256)
    np.testing.assert_array_equal(audio.to_int16(audio.from_int16(samples)), samples)


def test_types_and_error():
    waveform = np.random.default_rng(0).uniform(-0.99, 0.99, 1_000).astype(np.float32)
    samples = audio.to_int16(waveform)
    assert samples.dtype == np.int16
    assert audio.from_int16(samples).dtype == np.float32
    assert np.abs(audio.from_int16(samples) - waveform).max() <= 0.5 / 32768
