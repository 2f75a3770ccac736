"""Files whose headers state a wrong length: what counts is what decodes."""

import struct

import numpy as np
import pytest
import soundfile

from kerastag import audio

RATE = 44_100


def check(path, num_frames):
    """The true length, three ways, and chunks at the beginning, in the middle, at the end and past it."""
    whole = audio.read(path)
    assert audio.info(path).num_frames == num_frames
    assert audio.num_samples(path) == len(whole) == -(-num_frames * 16_000 // audio.info(path).sample_rate)
    for start in (0, len(whole) // 2, len(whole) - 5_000, len(whole) - 1, len(whole) + 10):
        expected = np.concatenate([whole, np.zeros(start + 10_000)])[start : start + 10_000]
        np.testing.assert_allclose(audio.read_chunk(path, start, 10_000), expected, atol=1e-5)


@pytest.fixture
def mp3(maker):
    """Six seconds of MP3 at a constant bit rate; the header counts the frames."""
    return maker.encode("mp3", maker.music(RATE, 6.0), RATE, bitrate_mode="CONSTANT", compression_level=0.5)


@pytest.fixture
def loud_start(maker):
    """An MP3 at variable bit rate whose first frames are far larger than the average."""
    samples = maker.music(RATE, 8.0)
    samples[: RATE // 2] = np.random.default_rng(0).uniform(-0.9, 0.9, (RATE // 2, 2))
    samples[RATE // 2 :] *= 0.01
    return maker.encode("mp3", samples, RATE, bitrate_mode="VARIABLE", compression_level=0.5)


def test_mp3_with_header(maker, mp3):
    check(maker.write("a.mp3", mp3), 6 * RATE)


def test_mp3_without_header_at_constant_rate(maker, mp3, mp3_frames):
    frames = mp3_frames(mp3)
    check(maker.write("a.mp3", mp3[frames[1] :]), 1152 * (len(frames) - 1))


def test_mp3_with_large_tags_before_and_behind(maker, mp3, mp3_frames):
    frames = mp3_frames(mp3)
    cover = b"ID3\x03\x00\x00\x00\x06\x00\x00" + bytes(6 << 14)  # 98,304 bytes, half of the music's size
    check(maker.write("a.mp3", cover + mp3[frames[1] :] + b"TAG" + bytes(125)), 1152 * (len(frames) - 1))


def test_mp3_without_header_that_is_longer_than_its_first_frame_suggests(maker, loud_start, mp3_frames):
    frames = mp3_frames(loud_start)
    path = maker.write("a.mp3", loud_start[frames[1] :])
    assert soundfile.info(str(path)).frames < 0.7 * 1152 * len(frames)
    check(path, 1152 * (len(frames) - 1))


def test_mp3_without_header_that_is_shorter_than_its_first_frame_suggests(maker, loud_start, mp3_frames):
    frames = mp3_frames(loud_start)
    quiet = loud_start[frames[len(frames) // 2] :] + loud_start[frames[1] : frames[len(frames) // 2]]
    path = maker.write("a.mp3", quiet)
    assert soundfile.info(str(path)).frames > 1.3 * 1152 * len(frames)
    check(path, 1152 * (len(frames) - 1))


def test_two_mp3s_in_one_file(maker, mp3, mp3_frames):
    frames = mp3_frames(mp3)
    check(maker.write("a.mp3", 2 * mp3[frames[1] :]), 2 * 1152 * (len(frames) - 1))


def test_truncated_mp3(maker, mp3, mp3_frames):
    frames = mp3_frames(mp3)
    path = maker.write("a.mp3", mp3[: frames[100] + 50])
    check(path, audio.info(path).num_frames)
    assert abs(audio.info(path).num_frames - 100 * 1152) < 3 * 1152


@pytest.mark.parametrize("form", ["wav_pcm16", "flac", "vorbis", "opus"])
def test_truncated(maker, form):
    samples = maker.music(48_000, 6.0)
    content = maker.encode(form, samples, 48_000)
    path = maker.write("a", content[: len(content) // 2])
    check(path, audio.info(path).num_frames)
    assert 1.5 * 48_000 < audio.info(path).num_frames < 4.5 * 48_000


@pytest.mark.parametrize("form", ["wav_pcm16", "flac", "vorbis", "opus", "mp3"])
def test_trailing_rubbish_is_not_music(maker, form):
    content = maker.encode(form, maker.music(48_000, 3.0), 48_000)
    rubbish = np.random.default_rng(0).integers(0, 256, 5_000, dtype=np.uint8).tobytes()
    check(maker.write("a", content + rubbish), 3 * 48_000)


@pytest.mark.parametrize("stated", [0, (1 << 36) - 16, 250_000], ids=["unknown", "absurd", "too long"])
def test_flac_header(maker, stated):
    content = bytearray(maker.encode("flac", maker.music(RATE, 4.0), RATE))
    content[21] = content[21] & 0xF0 | stated >> 32
    content[22:26] = struct.pack(">I", stated & 0xFFFFFFFF)
    check(maker.write("a.flac", bytes(content)), 4 * RATE)


def test_wav_from_a_pipe(maker):
    content = bytearray(maker.encode("wav_pcm16", maker.music(RATE, 2.0), RATE))
    content[4:8] = content[40:44] = b"\xff\xff\xff\xff"
    check(maker.write("a.wav", bytes(content)), 2 * RATE)


@pytest.mark.parametrize("form", ["flac", "vorbis", "mp3", "opus"])
def test_damage_in_the_middle_keeps_length_and_time(maker, form):
    content = bytearray(maker.encode(form, maker.music(48_000, 12.0), 48_000))
    clean = audio.read(maker.write("clean", bytes(content)))
    middle = len(content) // 2
    content[middle : middle + 3_000] = np.random.default_rng(0).integers(0, 256, 3_000, dtype=np.uint8).tobytes()
    path = maker.write("damaged", bytes(content))
    damaged = audio.read(path)
    assert len(damaged) == audio.num_samples(path)
    assert abs(len(damaged) - len(clean)) < 0.5 * 16_000
    np.testing.assert_allclose(damaged[: 4 * 16_000], clean[: 4 * 16_000], atol=1e-5)
    if form == "flac":
        np.testing.assert_allclose(damaged[-4 * 16_000 :], clean[-4 * 16_000 :], atol=1e-5)


def test_a_rewritten_file_is_measured_anew(maker):
    path = maker.write("a.wav", maker.encode("wav_pcm16", maker.music(RATE, 2.0), RATE))
    assert audio.num_samples(path) == 32_000
    maker.write("a.wav", maker.encode("wav_pcm16", maker.music(RATE, 1.0), RATE))
    assert audio.num_samples(path) == 16_000
