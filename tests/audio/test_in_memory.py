"""A waveform in memory is read, to the last bit, as the WAV file that holds it."""

import numpy as np
import pytest
import soundfile

from kerastag import audio


@pytest.fixture(params=[(16_000, 1, 3), (44_100, 2, 3), (22_050, 5, 3), (8_000, 1, 3), (44_100, 2, 100)], ids=str)
def both(request, tmp_path, rng):
    """The file and the waveform of noise at some rate, with some channels, for some seconds."""
    rate, channels, seconds = request.param
    samples = rng.normal(0, 0.3, (seconds * rate, channels)).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", samples, rate, subtype="FLOAT")
    return tmp_path / "a.wav", audio.Waveform(samples[:, 0] if channels == 1 else samples, rate)


def test_whatever_reads_a_file_reads_a_waveform(both):
    path, waveform = both
    assert audio.info(waveform) == audio.info(path)
    assert audio.num_samples(waveform) == audio.num_samples(path)
    for read, arguments in (
        (audio.read, (12_000,)),
        (audio.read_chunk, (20_001, 9_000)),
        (audio.read_chunks, (3, 16_000)),  # of the long one by seeking
        (audio.random_chunk, (0.7, 16_000)),
    ):
        np.testing.assert_array_equal(read(waveform, *arguments), read(path, *arguments))


def test_channels_are_averaged_and_other_kinds_of_float_taken():
    samples = np.array([[0.5, 0.25], [-1.0, 0.0], [0.0, 0.125]])
    expected = np.float32([0.375, -0.5, 0.0625])
    for dtype in (np.float16, np.float32, np.float64):
        np.testing.assert_array_equal(audio.read(audio.Waveform(samples.astype(dtype), 16_000)), expected)


@pytest.mark.parametrize(
    ("samples", "rate", "problem"),
    [
        (np.zeros(9, np.int16), 16_000, "samples are int16, not float"),
        (np.zeros((2, 9)), 16_000, r"shape \(2, 9\) is neither"),
        (np.zeros((9, 1, 1)), 16_000, r"shape \(9, 1, 1\) is neither"),
        (np.zeros(0), 16_000, "holds no samples"),
        (np.array([0, np.nan, 0]), 16_000, "NaN or infinity at sample 1"),
        (np.zeros(9), 44, "44 Hz is outside 1,000 to 768,000 Hz"),
    ],
)
def test_what_is_no_waveform_is_refused_by_name(samples, rate, problem):
    with pytest.raises(audio.AudioError, match=f"^the waveform: .*{problem}"):
        audio.Waveform(samples, rate)
