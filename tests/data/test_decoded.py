"""Tracks that are kept decoded: the same chunks, decoded once, and only as many as have room."""

import os

import numpy as np
import pytest

from kerastag import audio, errors
from kerastag.data import decoded, pipeline, sampling, splits, track_files

SAMPLES = 16_000


@pytest.fixture
def split(music):
    return splits.read(music / "train.tsv")


def tracks_of(split, music, kept=None):
    vocabulary = splits.collect_vocabulary([split])
    lookups = [track_files.Lookup(music, track) for track in split.tracks]
    return pipeline.Tracks(lookups, split.labels(vocabulary), kept)


@pytest.fixture(params=["memory", "folder"])
def where(request, tmp_path):
    return "memory" if request.param == "memory" else str(tmp_path / "kept")


@pytest.fixture
def decodings(monkeypatch):
    """The paths that were decoded whole."""
    seen, decode = [], decoded._decode

    def counted(path, rate):
        seen.append(path)
        return decode(path, rate)

    monkeypatch.setattr(decoded, "_decode", counted)
    return seen


def test_batches_are_those_of_the_files(split, music, where, decodings):
    plan, chunk = sampling.shuffled(20, seed=3, epoch=1), pipeline.ChunkFormat(SAMPLES)
    plain = tracks_of(split, music)
    for _ in range(2):  # as another run would, which finds a folder again
        kept = tracks_of(split, music, decoded.DecodedTracks(where, 16_000, [5.0] * 20))
        for of in (plain, kept):
            of.batches = [
                *pipeline.training_batches(of, plan, chunk, 8),
                *pipeline.evaluation_batches(of, chunk, 20, 8),  # in two parts each
            ]
        assert len(kept.batches) == len(plain.batches) == 3 + 50
        for one, other in zip(plain.batches, kept.batches, strict=True):
            np.testing.assert_array_equal(one["waveform"], other["waveform"])  # 16 kHz mono WAV of 16 bits: no rounding
        assert kept.kept.warning() == ""
    assert len(set(decodings)) == 20
    assert len(decodings) <= (40 if where == "memory" else 20) + 2 * os.cpu_count()  # two threads may meet at one file


def test_resampled_music_is_within_one_step_of_16_bits(tmp_path, rng):
    import soundfile

    soundfile.write(tmp_path / "a.flac", rng.normal(0, 0.3, (44_100 * 3, 2)), 44_100)
    kept = decoded.DecodedTracks("memory", 16_000)
    whole = kept.waveform(str(tmp_path / "a.flac"))
    direct = audio.to_int16(audio.read(tmp_path / "a.flac"))
    assert whole.dtype == np.int16 and whole.shape == direct.shape
    assert np.abs(whole.astype(int) - direct).max() <= 1


def test_a_changed_file_is_decoded_again(tmp_path, rng):
    import soundfile

    path, kept = tmp_path / "a.wav", decoded.DecodedTracks(str(tmp_path / "kept"), 16_000)
    soundfile.write(path, rng.normal(0, 0.1, 16_000), 16_000)
    first = np.array(kept.waveform(str(path)))
    soundfile.write(path, rng.normal(0, 0.1, 20_000), 16_000)
    assert len(first) == 16_000 and len(kept.waveform(str(path))) == 20_000


def test_what_has_no_room_is_read_from_its_file(split, music, monkeypatch):
    monkeypatch.setattr(decoded, "_free_memory", lambda: 2 * 3 * 5 * 16_000 * 2)  # three tracks fit in half of it
    kept = tracks_of(split, music, decoded.DecodedTracks("memory", 16_000))
    plan, chunk = sampling.shuffled(20, seed=3, epoch=1), pipeline.ChunkFormat(SAMPLES)
    batches = list(pipeline.training_batches(kept, plan, chunk, 20))
    expected = list(pipeline.training_batches(tracks_of(split, music), plan, chunk, 20))
    np.testing.assert_array_equal(batches[0]["waveform"], expected[0]["waveform"])
    assert "full with 3 tracks" in kept.kept.warning()


def test_a_set_that_cannot_fit_is_refused_before_work(tmp_path, monkeypatch):
    monkeypatch.setattr(decoded, "_free_memory", lambda: 10**9)
    monkeypatch.setattr(decoded, "_free_space", lambda folder: 10**9)
    hours = [3600.0] * 20
    for where in ("memory", str(tmp_path / "kept")):
        with pytest.raises(errors.KerastagError, match="take 2.3 GB, and .* GB"):
            decoded.DecodedTracks(where, 16_000, hours)


def test_unreadable_tracks_are_named_as_ever(tmp_path, where):
    (tmp_path / "noise.wav").write_bytes(b"not audio")
    tracks = pipeline.Tracks([str(tmp_path / "noise.wav")], None, decoded.DecodedTracks(where, 16_000))
    assert not list(pipeline.evaluation_batches(tracks, pipeline.ChunkFormat(SAMPLES), 2, 8))
    assert "noise.wav" in tracks.unreadable[0]
