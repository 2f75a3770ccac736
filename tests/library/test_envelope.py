"""Peaks of a waveform: the lowest and highest sample of each part, whatever the length."""

import itertools

import numpy as np
import pytest
import soundfile

from kerastag import audio
from kerastag.library import envelope

RATE = 16_000


@pytest.mark.parametrize("num_samples", [1, 7, 1200, 50_000, 65 * RATE + 11])
def test_peaks_are_those_of_each_part_and_no_sample_is_left_out(rng, num_samples):
    waveform = rng.uniform(-0.5, 0.5, num_samples).astype(np.float32)
    waveform[num_samples // 2], waveform[-1] = 0.9, -0.8  # -0.8 alone where there is one sample
    peaks = envelope.peaks(audio.Waveform(waveform, RATE), 600)
    edges = np.round(np.arange(len(peaks) + 1) * num_samples / len(peaks)).astype(int)
    parts = [waveform[a:b] for a, b in itertools.pairwise(edges)]
    assert len(peaks) == min(600, num_samples) and peaks.dtype == np.float32
    np.testing.assert_array_equal(peaks, [(part.min(), part.max()) for part in parts])
    assert peaks.min() == np.float32(-0.8)


def test_blocks_change_nothing_and_a_file_is_read_as_it_is(rng, tmp_path, monkeypatch):
    samples = np.clip(rng.normal(0, 0.2, (9 * RATE, 2)), -1, 1)
    soundfile.write(tmp_path / "a.wav", samples, RATE)
    whole = envelope.peaks(tmp_path / "a.wav", 100)
    monkeypatch.setattr(envelope, "BLOCK_SECONDS", 0.5)
    np.testing.assert_array_equal(envelope.peaks(tmp_path / "a.wav", 100), whole)
    mono = samples.mean(axis=1)
    assert whole[:, 1].max() == pytest.approx(mono.max(), abs=1e-4)
    (tmp_path / "b.wav").write_bytes(b"x")
    with pytest.raises(audio.AudioError, match=r"b\.wav"):
        envelope.peaks(tmp_path / "b.wav", 100)
