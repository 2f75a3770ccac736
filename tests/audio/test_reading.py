"""What is read: whole files, chunks of them, and how the two agree."""

import concurrent.futures
import os

import librosa
import numpy as np
import pytest
import soundfile

from kerastag import audio
from kerastag.audio import cutting, reading

CHUNK = 20_000


def slice_of(waveform: np.ndarray, start: int, num_samples: int) -> np.ndarray:
    """waveform[start : start + num_samples] with zeros past its end."""
    padded = np.concatenate([waveform, np.zeros(start + num_samples, np.float32)])
    return padded[start : start + num_samples]


def starts_in(length: int) -> list[int]:
    """The beginning, odd places, the end, across the end and past it."""
    return [0, 1, 4_321, length // 2, length - CHUNK, length - 7_000, length - 1, length, length + 99_999]


def test_chunk_is_the_slice_of_the_whole(maker, form_and_rate):
    path = maker.track(*form_and_rate)
    whole = audio.read(path)
    assert len(whole) == audio.num_samples(path)
    for start in starts_in(len(whole)):
        chunk = audio.read_chunk(path, start, CHUNK)
        np.testing.assert_allclose(chunk, slice_of(whole, start, CHUNK), atol=1e-5, err_msg=f"start {start}")


@pytest.mark.parametrize("rate", [1_000, 8_000, 12_000, 22_255, 44_100, 767_999, 768_000])
@pytest.mark.parametrize("sample_rate", [12_000, 22_050])
def test_chunk_is_the_slice_of_the_whole_at_other_rates(maker, rate, sample_rate):
    path = maker.track("wav_pcm16", rate, seconds=2.5)
    whole = audio.read(path, sample_rate)
    for start in (0, 9_999, 20_001):
        chunk = audio.read_chunk(path, start, 5_000, sample_rate)
        np.testing.assert_allclose(chunk, slice_of(whole, start, 5_000), atol=2e-5)


@pytest.mark.parametrize(
    ("rate", "mode", "level"),
    [
        (44_100, "VARIABLE", 0.9),
        (48_000, "CONSTANT", 0.99),
        (16_000, "VARIABLE", 0.5),
        (44_100, "CONSTANT", 0.0),
    ],
)
def test_chunk_of_an_mp3_has_the_bits_that_its_frames_borrow(maker, rate, mode, level):
    path = maker.track("mp3", rate, 8.0, bitrate_mode=mode, compression_level=level)
    whole = audio.read(path)
    for start in range(0, len(whole), 1_777):
        chunk = audio.read_chunk(path, start, 2_000)
        np.testing.assert_allclose(chunk, slice_of(whole, start, 2_000), atol=1e-5, err_msg=f"start {start}")


@pytest.mark.parametrize("chunk_samples", [4_000, 20_000], ids=["gaps", "overlaps"])
@pytest.mark.parametrize("form", ["wav_pcm16", "flac", "vorbis", "opus", "mp3"])
def test_chunks_are_the_same_by_seeking_as_by_decoding_the_whole(maker, form, chunk_samples, monkeypatch):
    path = maker.track(form, 48_000, seconds=9.0)
    whole = audio.read(path)
    starts = audio.chunk_starts(len(whole), chunk_samples, 12)
    expected = np.stack([whole[start : start + chunk_samples] for start in starts])
    for cost in (0, 1e9):
        monkeypatch.setattr(reading, "SEEKING_COST", cost)
        np.testing.assert_allclose(audio.read_chunks(path, 12, chunk_samples), expected, atol=1e-5)


@pytest.mark.parametrize("chunk_samples", [4_000, 12_100, 20_000], ids=["gaps", "dense", "overlaps"])
@pytest.mark.parametrize("form", ["wav_pcm16", "flac", "vorbis", "opus", "mp3"])
def test_parts_in_turn_are_all_chunks_bit_for_bit(maker, form, chunk_samples, monkeypatch):
    path = maker.track(form, 48_000, seconds=9.0)
    monkeypatch.setattr(cutting, "PART", 5)
    parts = [audio.read_chunks(path, 12, chunk_samples, part=part) for part in range(cutting.num_parts(12))]
    assert [len(part) for part in parts] == [5, 5, 2]
    np.testing.assert_array_equal(np.concatenate(parts), audio.read_chunks(path, 12, chunk_samples))
    np.testing.assert_allclose(parts[2], audio.cut_chunks(audio.read(path), 12, chunk_samples)[10:], atol=1e-5)


def test_parts_of_a_file_shorter_than_a_chunk_are_the_padded_file(maker, monkeypatch):
    path = maker.write("short.wav", maker.encode("wav_float", np.full((100, 1), 0.25, np.float32), 16_000))
    monkeypatch.setattr(cutting, "PART", 2)
    expected = np.concatenate([np.full(100, 0.25), np.zeros(60)])
    np.testing.assert_array_equal(audio.read_chunks(path, 3, 160, part=0), np.stack([expected] * 2))
    np.testing.assert_array_equal(audio.read_chunks(path, 3, 160, part=1), expected[None])


@pytest.mark.parametrize("form", ["wav_pcm16", "flac", "vorbis", "mp3"])
def test_a_part_decodes_the_stretch_that_it_covers(maker, form, decoded_frames, monkeypatch):
    path = maker.track(form, 44_100, seconds=20.0)
    audio.num_samples(path)  # the first look at a file may decode some of it
    monkeypatch.setattr(cutting, "PART", 4)
    decoded_frames.clear()
    audio.read_chunks(path, 20, 16_000, part=2)
    assert 3.85 * 44_100 <= sum(decoded_frames) < 4.5 * 44_100  # 3 steps of 15,200 samples and a chunk


@pytest.mark.usefixtures("librosa_loaded")
@pytest.mark.parametrize(("form", "rate"), [("wav_pcm16", 44_100), ("flac", 48_000), ("mp3", 22_050), ("opus", 48_000)])
def test_whole_file_is_that_of_librosa(maker, form, rate):
    path = maker.track(form, rate)
    theirs, _ = librosa.load(path, sr=audio.SAMPLE_RATE, mono=True)
    np.testing.assert_allclose(audio.read(path), theirs, atol=1e-4)


def test_output_sample_k_lies_at_the_time_of_input_frame_k_rate_over_sample_rate(maker):
    rate = 44_100
    tone = 0.5 * np.sin(2 * np.pi * 1_000 * np.arange(2 * rate) / rate)
    path = maker.write("tone.wav", maker.encode("wav_float", tone[:, None].astype(np.float32), rate))
    times = np.arange(2 * 16_000) / 16_000
    expected = 0.5 * np.sin(2 * np.pi * 1_000 * times)
    np.testing.assert_allclose(audio.read(path)[500:-500], expected[500:-500], atol=1e-4)
    np.testing.assert_allclose(audio.read_chunk(path, 12_345, 3_000), expected[12_345:15_345], atol=1e-4)


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_mono_is_the_mean_of_the_channels(maker, channels):
    samples = np.arange(12, dtype=np.float32).reshape(-1, channels) if channels < 5 else np.eye(5, dtype=np.float32)
    path = maker.write("few.wav", maker.encode("wav_float", samples, 16_000))
    expected = {1: np.arange(12), 2: [0.5, 2.5, 4.5, 6.5, 8.5, 10.5], 5: [0.2] * 5}[channels]
    np.testing.assert_allclose(audio.read(path), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("frames", "rate", "samples"),
    [(1, 44_100, 1), (44_100, 44_100, 16_000), (44_101, 44_100, 16_001), (3, 8_000, 6)],
)
def test_length_is_the_quotient_rounded_up(maker, frames, rate, samples):
    path = maker.write("short.wav", maker.encode("wav_pcm16", np.full((frames, 1), 0.1), rate))
    assert audio.num_samples(path) == len(audio.read(path)) == samples


def test_info_is_in_the_files_own_rate(maker):
    path = maker.track("flac", 44_100, seconds=2.0, channels=2)
    assert audio.info(path) == reading.AudioInfo(44_100, 2, 88_200, 2.0)


def test_chunk_starts_by_hand():
    assert audio.chunk_starts(100, 20, 4).tolist() == [0, 20, 40, 60]
    assert audio.chunk_starts(109, 20, 4).tolist() == [0, 22, 44, 66]
    assert audio.chunk_starts(20, 20, 3).tolist() == [0, 0, 0]
    assert audio.chunk_starts(7, 20, 3).tolist() == [0, 0, 0]
    assert audio.chunk_starts(100, 20, 4).dtype == np.int64


def test_short_track_is_padded_at_its_end(maker):
    path = maker.write("short.wav", maker.encode("wav_float", np.full((100, 1), 0.25, np.float32), 16_000))
    expected = np.concatenate([np.full(100, 0.25), np.zeros(60)])
    np.testing.assert_array_equal(audio.read_chunks(path, 3, 160), np.stack([expected] * 3))
    np.testing.assert_array_equal(audio.random_chunk(path, 0.99, 160), expected)


def test_random_chunk_starts_at_the_floor_of_fraction_times_starts(maker):
    ramp = np.arange(100, dtype=np.float32)[:, None]
    path = maker.write("ramp.wav", maker.encode("wav_float", ramp, 16_000))
    for fraction, start in ((0.0, 0), (0.0099, 0), (0.5, 45), (0.989, 89), (np.nextafter(1, 0), 90)):
        assert audio.random_chunk(path, fraction, 10)[0] == start
    for fraction in (-0.1, 1.0, float("nan")):
        with pytest.raises(ValueError, match="fraction"):
            audio.random_chunk(path, fraction, 10)


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
@pytest.mark.parametrize("rate", [16_000, 44_100])
@pytest.mark.parametrize("num_channels", [1, 2])
@pytest.mark.parametrize(("seconds", "lost"), [(3.0, 0), (3.0, 20_000), (0.5, 0)])
def test_a_chunk_written_to_an_array_is_the_chunk(tmp_path, rng, dtype, rate, num_channels, seconds, lost):
    """Also of 16-bit mono files, which are copied as they are, cut short or shorter than the chunk."""
    path = tmp_path / "music.wav"
    samples = rng.integers(-32768, 32768, (int(seconds * rate), num_channels)).astype(np.int16)
    soundfile.write(path, samples, rate, subtype="PCM_16")
    os.truncate(path, path.stat().st_size - lost)
    for fraction in (0.0, 0.37, 0.999):
        out = np.full(CHUNK, 7, dtype)
        assert audio.random_chunk(path, fraction, CHUNK, 16_000, out) is out
        chunk = audio.random_chunk(path, fraction, CHUNK)
        np.testing.assert_array_equal(out, audio.to_int16(chunk) if dtype == np.int16 else chunk)


@pytest.mark.parametrize("seconds", [0.5, 3.0])
def test_cutting_a_whole_waveform_gives_what_reading_gives(maker, seconds):
    path = maker.track("flac", 44_100, seconds)
    whole = audio.read(path)
    np.testing.assert_array_equal(audio.cut_chunks(whole, 5, CHUNK), audio.read_chunks(path, 5, CHUNK))
    for fraction in (0.0, 0.37, 0.999):
        chunk = audio.random_chunk(path, fraction, CHUNK)
        np.testing.assert_allclose(audio.cut_chunk(whole, fraction, CHUNK), chunk, atol=1e-5)


def test_negative_start_is_refused(maker):
    with pytest.raises(ValueError, match="negative"):
        audio.read_chunk(maker.track("wav_pcm16", 16_000, 1.0), -1, 10)


@pytest.mark.parametrize("form", ["wav_pcm16", "flac", "vorbis", "mp3"])
def test_random_chunk_opens_once_and_decodes_little(maker, form, decoded_frames, monkeypatch):
    path = maker.track(form, 44_100, seconds=20.0)
    audio.num_samples(path)  # the first look at a file may open it again
    opened = []
    counting = soundfile.SoundFile
    monkeypatch.setattr(soundfile, "SoundFile", lambda file: opened.append(file) or counting(file))
    decoded_frames.clear()
    audio.random_chunk(path, 0.5, 16_000)
    assert len(opened) == 1
    assert sum(decoded_frames) < 2 * 44_100


def test_threads_read_what_one_reads_alone(maker):
    paths = [maker.track(form, 44_100) for form in ("wav_pcm16", "flac", "vorbis", "mp3")] * 8

    def read(path):
        return audio.random_chunk(path, 0.4, CHUNK)

    expected = {path: read(path) for path in paths}
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for path, chunk in zip(paths, pool.map(read, paths), strict=True):
            np.testing.assert_array_equal(chunk, expected[path])


def test_path_may_be_str_bytes_or_no_utf8(maker):
    path = maker.track("flac", 16_000, 1.0)
    odd = os.path.join(os.fsencode(maker.folder), b"caf\xe9.flac")
    try:
        os.rename(path, odd)
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    assert len(audio.read(odd)) == len(audio.read(os.fsdecode(odd))) == 16_000


@pytest.mark.parametrize("form", [("WAV", ".wav"), ("WAVEX", ".wav"), ("AIFF", ".aiff"), ("FLAC", ".flac")])
@pytest.mark.parametrize("num_channels", [1, 2, 3])
def test_16_bit_samples_are_read_to_the_bit(form, num_channels, tmp_path, rng):
    samples = rng.integers(-32768, 32768, (5_000, num_channels)).astype(np.int16)
    samples[:2] = [[-32768] * num_channels, [32767] * num_channels]
    path = tmp_path / f"music{form[1]}"
    soundfile.write(path, samples, 16_000, subtype="PCM_16", format=form[0])
    expected = (samples.astype(np.float64) / 32768).mean(axis=1)
    np.testing.assert_allclose(audio.read(path), expected, atol=1e-7 if num_channels == 3 else 0)
    np.testing.assert_array_equal(audio.read_chunk(path, 1_234, 500), audio.read(path)[1_234:1_734])
