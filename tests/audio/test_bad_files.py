"""Files that cannot be used: one line with the path and what is wrong with it."""

import os
import socket
import struct

import numpy as np
import pytest

from kerastag import audio, errors, parallel


def complaint(path) -> str:
    """The one error that all readers raise, without the path it begins with."""
    readers = (
        audio.read,
        audio.num_samples,
        audio.info,
        lambda path: audio.read_chunk(path, 0, 1_000_000),
        lambda path: audio.read_chunks(path, 2, 1_000_000),
        lambda path: audio.random_chunk(path, 0.5, 1_000_000),
    )
    messages = set()
    for reader in readers:
        with pytest.raises(audio.AudioError) as caught:
            reader(path)
        messages.add(str(caught.value))
    (message,) = messages
    assert message.startswith(f"{path}: ") and "\n" not in message
    return message.removeprefix(f"{path}: ")


def test_audio_error_is_one_the_commands_know():
    assert issubclass(audio.AudioError, errors.KerastagError)


def test_missing(tmp_path):
    assert complaint(tmp_path / "none.wav") == "no such file"


def test_folder(tmp_path):
    assert complaint(tmp_path) == "is a folder, not an audio file"


def test_empty(maker):
    assert complaint(maker.write("a.mp3", b"")) == "is empty (0 bytes)"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_unreadable(maker):
    path = maker.track("flac", 16_000, 1.0)
    path.chmod(0)
    assert complaint(path) == "may not be read (permission denied)"


@pytest.mark.parametrize("name", ["a.mp3", "a.wav", "a.flac", "a.ogg", "a.raw", "a"])
@pytest.mark.parametrize("content", [b"Dear diary,\n" * 500, bytes(20_000), bytes(range(256)) * 50])
def test_not_audio(maker, name, content):
    assert complaint(maker.write(name, content)).startswith("is not audio that libsndfile can read (")


def test_suffix_does_not_matter(maker):
    content = maker.encode("flac", maker.music(16_000, 1.0), 16_000)
    assert len(audio.read(maker.write("a.mp3", content))) == 16_000


@pytest.mark.parametrize("form", ["wav_pcm16", "wav_float", "vorbis"])
def test_no_samples(maker, form):
    path = maker.write("a", maker.encode(form, np.zeros((0, 2), np.float32), 48_000))
    assert complaint(path) == "holds no samples"


def test_no_sample_that_decodes(maker):
    content = maker.encode("flac", maker.music(16_000, 2.0), 16_000)
    path = maker.write("a.flac", content[:8_300])  # the stream's first frame is not complete
    assert complaint(path) == "is damaged, none of its samples can be decoded"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_not_finite(maker, value):
    samples = np.zeros((48_000, 2), np.float32)
    samples[24_000, 1] = value
    path = maker.write("a.wav", maker.encode("wav_float", samples, 48_000))
    expected = "holds NaN or infinity at frame 24,000 (0.50 s)"
    for reader in (audio.read, lambda path: audio.read_chunk(path, 7_000, 2_000)):
        with pytest.raises(audio.AudioError, match=expected.replace("(", r"\(").replace(")", r"\)")):
            reader(path)
    assert not audio.read_chunk(path, 0, 1_000).any()  # what is wrong elsewhere does not matter to a chunk


@pytest.mark.parametrize(("rate", "shown"), [(999, "999"), (768_001, "768,001"), (2_147_483_647, "2,147,483,647")])
def test_absurd_rate(maker, rate, shown):
    content = bytearray(maker.encode("wav_pcm16", np.zeros((1_000, 1)), 16_000))
    content[24:28] = struct.pack("<I", rate)
    path = maker.write("a.wav", bytes(content))
    assert complaint(path) == f"a sample rate of {shown} Hz is not within 1,000 to 768,000 Hz"


@pytest.mark.parametrize("rate", [1_000, 768_000])
def test_extreme_rates_are_read(maker, rate):
    path = maker.write("a.wav", maker.encode("wav_pcm16", np.full((rate // 10, 1), 0.5), rate))
    waveform = audio.read(path)
    assert len(waveform) == 1_600
    np.testing.assert_allclose(waveform[600:1_000], 0.5, atol=0.02)


def test_no_channels(maker):
    content = bytearray(maker.encode("wav_pcm16", np.zeros((1_000, 1)), 16_000))
    content[22:24] = b"\x00\x00"
    message = complaint(maker.write("a.wav", bytes(content)))
    assert message == "is not audio that libsndfile can read (Channel count is zero)"


def test_silence_is_fine(maker):
    path = maker.write("a.wav", maker.encode("wav_pcm16", np.zeros((44_100, 2)), 44_100))
    np.testing.assert_array_equal(audio.read(path), np.zeros(16_000))


def test_peaks_above_one_are_kept(maker):
    path = maker.write("a.wav", maker.encode("wav_float", np.full((100, 1), 1.7, np.float32), 16_000))
    np.testing.assert_array_equal(audio.read(path), np.full(100, 1.7, np.float32))


@pytest.mark.parametrize("name", ["a.au", "a.snd", "a.vox", "a.gsm"])
def test_text_is_no_audio_whatever_its_suffix(maker, name):
    assert complaint(maker.write(name, b"Dear diary,\n" * 500)).startswith("is not audio that libsndfile can read (")


def test_a_pipe_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "a.mp3")
    assert complaint(tmp_path / "a.mp3") == "is a pipe, not an audio file"


def test_devices_and_sockets_are_refused(tmp_path):
    assert complaint("/dev/zero") == "is a device, not an audio file"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s.wav"))
        assert complaint(tmp_path / "s.wav") == "is a socket, not an audio file"


@pytest.mark.parametrize(
    "content",
    [
        b"RIFF\0\0\0\x10WAVE" + bytes(6_000_000),
        b"FORM\0\0\0\x10AIFF" + bytes(6_000_000),
        b"ID3\x04\0\0\0\0\0\0" * 600_000,
        b"\xff" * 6_000_000,
        b"\xff\xfb\x90\x00" * 1_500_000,
        b"OggS\0\2" * 1_000_000,
        b"TAG" * 2_000_000,
    ],
    ids=["riff", "form", "id3", "ff", "headers", "oggs", "tag"],
)
def test_a_file_of_nothing_but_beginnings_is_refused_within_moments(maker, content):
    path = maker.write("a.mp3", content)
    with pytest.raises(audio.AudioError, match="is not audio|holds no samples"):
        parallel.within(60.0, audio.read, path)


def test_an_mp3_of_which_its_encoders_header_is_left(maker, mp3_frames):
    content = maker.encode("mp3", maker.music(44_100, 2.0), 44_100)
    path = maker.write("a.mp3", content[: mp3_frames(content)[1] + 47])
    assert complaint(path) == "is not audio that libsndfile can read (Format not recognised)"
