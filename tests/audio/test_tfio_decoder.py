"""Decoding by tensorflow-io agrees with audio.read; where it does not load, it says why."""

import numpy as np
import pytest

from kerastag import audio, errors
from kerastag.audio import tfio_decoder


@pytest.fixture
def tfio():
    """Skips the test where tensorflow-io does not load."""
    reason = tfio_decoder.available()
    if reason:
        pytest.skip(reason)


def read_by_dataset(paths, sample_rate=audio.SAMPLE_RATE):
    """The waveforms of `paths`, decoded in a parallel map."""
    import tensorflow as tf

    dataset = tf.data.Dataset.from_tensor_slices([str(path) for path in paths])
    dataset = dataset.map(lambda path: tfio_decoder.read(path, sample_rate), num_parallel_calls=4)
    return list(dataset.as_numpy_iterator())


def test_require_says_what_to_install(monkeypatch):
    monkeypatch.setattr(tfio_decoder, "available", lambda: "tensorflow-io is not installed")
    with pytest.raises(errors.KerastagError, match="tensorflow-io is not installed; pip install 'kerastag"):
        tfio_decoder.require()
    monkeypatch.setattr(tfio_decoder, "available", lambda: None)
    tfio_decoder.require()


@pytest.mark.usefixtures("tfio")
def test_agrees_with_read_in_a_parallel_map(maker):
    tracks = [("wav_pcm16", 44_100, 2), ("wav_float", 22_050, 1), ("flac", 48_000, 2), ("flac", 16_000, 1)]
    tracks += [("vorbis", 44_100, 2), ("vorbis", 22_050, 1), ("mp3", 44_100, 2), ("mp3", 8_000, 1)]
    paths = [maker.track(form, rate, 2.0 + 0.1 * i, channels) for i, (form, rate, channels) in enumerate(tracks)]
    for path, waveform in zip(paths * 3, read_by_dataset(paths * 3), strict=True):
        expected = audio.read(path)
        assert waveform.dtype == np.float32 and waveform.shape == expected.shape
        np.testing.assert_allclose(waveform, expected, atol=1e-3, err_msg=path.name)


@pytest.mark.usefixtures("tfio")
@pytest.mark.parametrize("name", ["a.wav PCM_U8", "a.wav PCM_24", "a.wav PCM_32", "a.flac PCM_S8", "a.flac PCM_24"])
def test_every_sample_type(maker, name):
    import soundfile

    file_name, subtype = name.split()
    path = maker.folder / file_name
    soundfile.write(path, maker.music(44_100, 1.0), 44_100, subtype=subtype)
    np.testing.assert_allclose(read_by_dataset([path])[0], audio.read(path), atol=1e-5)


@pytest.mark.usefixtures("tfio")
def test_other_sample_rate_and_eager_call(maker):
    path = maker.track("flac", 44_100, 1.0)
    np.testing.assert_allclose(read_by_dataset([path], 12_000)[0], audio.read(path, 12_000), atol=1e-3)
    np.testing.assert_allclose(tfio_decoder.read(str(path)), audio.read(path), atol=1e-3)


@pytest.mark.usefixtures("tfio")
def test_mp3_without_header(maker, mp3_frames):
    content = maker.encode("mp3", maker.music(44_100, 3.0), 44_100)
    path = maker.write("a.mp3", content[mp3_frames(content)[1] :])
    np.testing.assert_allclose(read_by_dataset([path])[0], audio.read(path), atol=1e-3)


@pytest.mark.usefixtures("tfio")
def test_errors_name_the_file(maker):
    import tensorflow as tf

    flac = maker.encode("flac", maker.music(44_100, 3.0), 44_100)
    mp3 = maker.encode("mp3", maker.music(44_100, 3.0), 44_100)
    cases = {
        maker.folder / "none.wav": "no such file",
        maker.write("empty.wav", b""): "is empty",
        maker.write("text.wav", b"Dear diary, " * 99): "is not audio",
        maker.track("opus", 48_000, 1.0): "tensorflow-io does not decode OGG OPUS, soundfile does",
        maker.write("half.flac", flac[: len(flac) // 2]): "is damaged",
        maker.write("half.mp3", mp3[: len(mp3) // 2]): "is damaged",
        maker.write("hole.flac", flac[: len(flac) // 2] + bytes(500) + flac[len(flac) // 2 + 500 :]): "is damaged",
    }
    for path, message in cases.items():
        with pytest.raises(tf.errors.OpError) as caught:
            read_by_dataset([path])
        assert f"{path}: {message}" in str(caught.value)


@pytest.mark.usefixtures("tfio")
def test_a_file_is_looked_through_once_until_it_is_another(maker, decoded_frames):
    path = maker.track("flac", 16_000, 2.0)
    for _ in range(3):
        read_by_dataset([path])
    assert decoded_frames.count(2 * 16_000) == 1
    maker.track("flac", 16_000, 3.0).replace(path)
    read_by_dataset([path])
    assert decoded_frames.count(3 * 16_000) == 1
