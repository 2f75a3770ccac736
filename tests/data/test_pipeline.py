"""Laws of the pipeline: what comes out is what the files hold, in the plan's order, whatever the replicas."""

import threading

import numpy as np
import pytest
import soundfile

from kerastag import audio, errors, parallel, tags
from kerastag.audio import tfio_decoder
from kerastag.data import pipeline, sampling, splits, track_files

SAMPLES = 16_000


@pytest.fixture
def tracks(music):
    split = splits.read(music / "train.tsv")
    vocabulary = splits.collect_vocabulary([split])
    return pipeline.Tracks([track_files.Lookup(music, track) for track in split.tracks], split.labels(vocabulary))


def broken(tracks, tmp_path, rows):
    """The same tracks, some of whose files are not audio."""
    (tmp_path / "noise.wav").write_bytes(b"not audio")
    paths = [str(tmp_path / "noise.wav") if row in rows else tracks.path(row) for row in range(len(tracks))]
    return pipeline.Tracks(paths, tracks.labels)


def test_an_epoch_is_the_plan_read_from_files(tracks):
    plan = sampling.shuffled(len(tracks), seed=3, epoch=1)
    chunk = pipeline.ChunkFormat(SAMPLES, dtype="float32")
    batches = list(pipeline.training_batches(tracks, plan, chunk, batch_size=8))
    assert [len(batch["draw"]) for batch in batches] == [8, 8, 4]
    assert np.concatenate([batch["draw"] for batch in batches]).tolist() == list(range(20))
    for draw in (0, 9, 19):
        row, fraction = plan.tracks[draw], plan.fractions[draw]
        batch, place = batches[draw // 8], draw % 8
        expected = audio.random_chunk(tracks.path(row), fraction, SAMPLES)
        np.testing.assert_array_equal(batch["waveform"][place], expected)
        np.testing.assert_array_equal(batch["labels"][place], tracks.labels[row])
    for batch in batches:
        assert np.sum(batch["weight"]) == pytest.approx(1)


def test_chunks_travel_as_int16_and_come_back(tmp_path, rng):
    soundfile.write(tmp_path / "float.wav", rng.uniform(-1.2, 1.2, SAMPLES), 16_000, subtype="FLOAT")
    tracks = pipeline.Tracks([str(tmp_path / "float.wav")])
    exact, packed = (
        next(iter(pipeline.evaluation_batches(tracks, pipeline.ChunkFormat(SAMPLES, dtype=dtype), 1, 1)))["waveform"]
        for dtype in ("float32", "int16")
    )
    assert packed.dtype.name == "int16"
    back = pipeline.to_float(packed).numpy()
    inside = np.abs(exact) < 0.999
    assert 0 < np.abs(back - exact)[inside].max() <= 0.5 / 32768 + 1e-7
    assert back[exact > 1].min() == 32767 / 32768 and back[exact < -1].max() == -1  # saturated, not wrapped
    np.testing.assert_array_equal(pipeline.to_float(exact), exact)


def test_an_interrupted_epoch_goes_on_at_its_draw(tracks):
    plan = sampling.shuffled(len(tracks), seed=0, epoch=0)
    chunk = pipeline.ChunkFormat(SAMPLES)
    whole = list(pipeline.training_batches(tracks, plan, chunk, 4))
    rest = list(pipeline.training_batches(tracks, plan, chunk, 4, start=8))
    for expected, batch in zip(whole[2:], rest, strict=True):
        np.testing.assert_array_equal(expected["waveform"], batch["waveform"])


def test_unreadable_tracks_are_left_out_and_named(tracks, tmp_path):
    damaged = broken(tracks, tmp_path, {2, 5})
    plan = sampling.shuffled(len(damaged), seed=0, epoch=0)
    batches = list(pipeline.training_batches(damaged, plan, pipeline.ChunkFormat(SAMPLES), 8))
    drawn = np.concatenate([batch["draw"] for batch in batches])
    assert set(range(20)) - set(plan.tracks[drawn]) == {2, 5}
    assert set(damaged.unreadable) == {2, 5}
    assert "noise.wav" in damaged.unreadable[2]


@pytest.mark.parametrize("start", [0, 3, 12])
def test_batches_are_full_wherever_blocks_of_reading_begin_and_end(tracks, tmp_path, start, monkeypatch):
    monkeypatch.setattr(pipeline, "BLOCK", 8)
    plan = sampling.shuffled(len(tracks), seed=4, epoch=2)
    silent = set(plan.tracks[: pipeline.BLOCK]) | {plan.tracks[-2]}  # a whole block, and one in the last
    damaged = broken(tracks, tmp_path, silent)
    batches = list(pipeline.training_batches(damaged, plan, pipeline.ChunkFormat(SAMPLES), 5, start))
    expected = [draw for draw in range(start, 20) if plan.tracks[draw] not in silent]
    assert np.concatenate([batch["draw"] for batch in batches]).tolist() == expected
    assert {len(batch["draw"]) for batch in batches[:-1]} == {5}
    for batch in batches:
        np.testing.assert_array_equal(batch["labels"], tracks.labels[plan.tracks[batch["draw"]]])
        assert batch["waveform"].shape == (len(batch["draw"]), SAMPLES)


def test_a_split_without_readable_tracks_gives_no_batches(tracks, tmp_path):
    damaged = broken(tracks, tmp_path, range(20))
    plan, chunk = sampling.shuffled(20, seed=0, epoch=0), pipeline.ChunkFormat(SAMPLES)
    assert not list(pipeline.training_batches(damaged, plan, chunk, 8))
    assert not list(pipeline.evaluation_batches(damaged, chunk, 2, 8))
    assert set(damaged.unreadable) == set(range(20))


def test_a_missing_file_is_unreadable_with_its_track(music):
    missing = splits.Track("lost", "nowhere/1.mp3", "", "", None, ("mood/theme---low",))
    tracks = pipeline.Tracks([track_files.Lookup(music, missing)])
    assert not list(pipeline.evaluation_batches(tracks, pipeline.ChunkFormat(SAMPLES), 2, 8))
    assert "nowhere/1.mp3" in tracks.unreadable[0] and "lost" in tracks.unreadable[0]


def test_a_centred_model_gets_the_middle_of_each_track(tracks):
    chunk = pipeline.ChunkFormat(SAMPLES, dtype="float32", centred=True)
    batch = next(iter(pipeline.evaluation_batches(tracks, chunk, num_chunks=5, batch_size=32)))
    np.testing.assert_array_equal(batch["row"], np.arange(20))
    middle = (5 * 16_000 - SAMPLES + 1) // 2
    np.testing.assert_array_equal(batch["waveform"][3], audio.read(tracks.path(3))[middle : middle + SAMPLES])


def test_evaluation_fills_batches_across_tracks(tracks):
    chunk = pipeline.ChunkFormat(SAMPLES, dtype="float32")
    batches = list(pipeline.evaluation_batches(tracks, chunk, num_chunks=3, batch_size=7))
    assert [len(batch["row"]) for batch in batches] == [7] * 8 + [4]
    rows = np.concatenate([batch["row"] for batch in batches])
    np.testing.assert_array_equal(rows, np.repeat(np.arange(20), 3))
    waveforms = np.concatenate([batch["waveform"] for batch in batches])
    np.testing.assert_array_equal(waveforms[3:6], audio.read_chunks(tracks.path(1), 3, SAMPLES))


def test_a_short_track_is_padded(tracks):
    batch = next(iter(pipeline.evaluation_batches(tracks, pipeline.ChunkFormat(100_000), 1, 1)))
    assert batch["waveform"].shape == (1, 100_000)
    assert not np.any(batch["waveform"][0, 80_000:])


@pytest.mark.skipif(tfio_decoder.available() is not None, reason=f"tfio: {tfio_decoder.available()}")
def test_the_decoder_in_the_graph_gives_the_same_chunks(tracks, tmp_path):
    damaged = broken(tracks, tmp_path, {4})
    plan = sampling.shuffled(len(tracks), seed=0, epoch=0)
    results = {}
    for decoder in audio.DECODERS:
        chunk = pipeline.ChunkFormat(SAMPLES, dtype="float32", decoder=decoder)
        batches = list(pipeline.training_batches(damaged, plan, chunk, 8))
        results[decoder] = {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}
    assert len(results["tfio"]["draw"]) == 19
    np.testing.assert_array_equal(results["tfio"]["draw"], results["soundfile"]["draw"])
    np.testing.assert_allclose(results["tfio"]["waveform"], results["soundfile"]["waveform"], atol=1e-3)
    damaged = broken(tracks, tmp_path, {4})
    chunk = pipeline.ChunkFormat(SAMPLES, decoder="tfio")
    rows = np.concatenate([batch["row"] for batch in pipeline.evaluation_batches(damaged, chunk, 2, 8)])
    assert set(range(20)) - set(rows) == {4}
    damaged.mark_missing([4])
    assert "noise.wav" in damaged.unreadable[4]


class Odd(BaseException):
    """Not even an Exception."""


MISHAPS = (RuntimeError("boom"), ZeroDivisionError(), MemoryError("no room"), SystemExit(3), Odd("odd"), KeyError("k"))


@pytest.mark.parametrize("mishap", MISHAPS, ids=lambda mishap: type(mishap).__name__)
@pytest.mark.parametrize("training", [True, False])
def test_whatever_goes_wrong_with_a_file_costs_that_file_alone(tracks, monkeypatch, mishap, training):
    name = tracks.path(5)

    def failing(read):
        def wrapper(path, *arguments):
            if path == name:
                raise mishap
            return read(path, *arguments)

        return wrapper

    monkeypatch.setattr(audio, "random_chunk", failing(audio.random_chunk))
    monkeypatch.setattr(audio, "read_chunks", failing(audio.read_chunks))
    assert read_rows(tracks, training) == set(range(len(tracks))) - {5}
    assert tracks.unreadable[5].startswith(f"{name}: {type(mishap).__name__}") and len(tracks.unreadable) == 1


@pytest.mark.parametrize("training", [True, False])
def test_a_reader_that_never_returns_is_given_up(tracks, monkeypatch, training):
    name = tracks.path(5)

    waited = []

    def stuck(read):
        def wrapper(path, *arguments):
            if path == name:
                waited.append(path)
                threading.Event().wait()
            return read(path, *arguments)

        return wrapper

    monkeypatch.setattr(audio, "random_chunk", stuck(audio.random_chunk))
    monkeypatch.setattr(audio, "read_chunks", stuck(audio.read_chunks))
    monkeypatch.setattr(parallel, "READ_SECONDS", 0.5)
    assert read_rows(tracks, training) == set(range(len(tracks))) - {5}
    assert tracks.unreadable == {5: f"{name}: given up, reading it took more than 0.5 s"}
    num_waits = len(waited)
    assert read_rows(tracks, training) == set(range(len(tracks))) - {5}
    assert len(waited) == num_waits  # nobody waits for it again


def test_a_path_that_is_none_is_told_and_skipped(tracks):
    wrong = pipeline.Tracks([None], np.ones((1, 3), np.float32))
    assert not list(pipeline.evaluation_batches(wrong, pipeline.ChunkFormat(SAMPLES), 1, 1))
    assert wrong.unreadable[0].startswith("None: TypeError: ")


def read_rows(tracks, training):
    """The rows of which a pass over all tracks brings chunks."""
    chunk = pipeline.ChunkFormat(SAMPLES)
    if not training:
        batches = pipeline.evaluation_batches(tracks, chunk, 2, 8)
        return {int(row) for batch in batches for row in batch["row"].numpy()}
    plan = sampling.shuffled(len(tracks), 0, 0)
    batches = pipeline.training_batches(tracks, plan, chunk, 8)
    return {int(plan.tracks[draw]) for batch in batches for draw in batch["draw"].numpy()}


def test_vocabulary_errors_reach_the_user(tmp_path):
    (tmp_path / "train.tsv").write_text("TRACK_ID\tPATH\tTAGS\n1\ta.mp3\thapy\n")
    with pytest.raises(errors.KerastagError, match=r"train.tsv:2: unknown tag 'hapy'; did you mean 'happy'\?"):
        splits.read(tmp_path / "train.tsv", tags.Vocabulary(["mood/theme---happy"]))


def test_many_chunks_of_a_track_are_read_in_parts_and_are_the_same(tmp_path, rng):
    paths = [tmp_path / "one.wav", tmp_path / "two.wav"]
    for path, seconds in zip(paths, (20, 3), strict=True):
        soundfile.write(path, rng.normal(0, 0.1, seconds * 8_000), 8_000)
    chunk = pipeline.ChunkFormat(samples=4_000, dtype="float32")
    num_chunks = 70
    assert audio.num_parts(num_chunks) > 2
    batches = list(pipeline.evaluation_batches(pipeline.Tracks(paths), chunk, num_chunks, 32))
    rows = np.concatenate([batch["row"] for batch in batches])
    waveforms = np.concatenate([batch["waveform"] for batch in batches])
    for row, path in enumerate(paths):
        expected = audio.read_chunks(path, num_chunks, 4_000)
        np.testing.assert_array_equal(waveforms[rows == row], expected)
