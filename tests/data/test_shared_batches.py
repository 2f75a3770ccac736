"""What several processes read of a batch is, put together, the batch that several devices are given."""

import numpy as np
import pytest

from kerastag.data import pipeline, sampling, shared_batches, shares, splits, track_files

CHUNK = pipeline.ChunkFormat(4_000)
NAMES = ("waveform", "labels", "draw", "weight")


@pytest.fixture
def tracks(music):
    split = splits.read(music / "train.tsv")
    labels = split.labels(splits.collect_vocabulary([split]))
    return pipeline.Tracks([track_files.Lookup(music, track) for track in split.tracks], labels)


def shared(tracks, plan, count, start=0, batch_size=6):
    """The batches of all processes: for each step, a dict of arrays for each process."""
    every = []
    for index in range(count):
        share = shares.Share(index, count)
        batches = shared_batches.training_batches(tracks, plan, CHUNK, batch_size, share, start)
        every.append([{name: batch[name].numpy() for name in NAMES} for batch in batches])
    return list(zip(*every, strict=True))


@pytest.mark.parametrize("count", [2, 3, 6])
@pytest.mark.parametrize("start", [0, 5])
def test_shares_of_a_batch_are_the_filled_batch_of_several_devices(tracks, count, start):
    plan = sampling.shuffled(len(tracks), seed=3, epoch=1)
    whole = list(pipeline.training_batches(tracks, plan, CHUNK, 6, start, fill=True))
    parts = shared(tracks, plan, count, start)
    assert len(parts) == len(whole) == -(-(20 - start) // 6)
    for part, batch in zip(parts, whole, strict=True):
        for name in NAMES:
            np.testing.assert_array_equal(np.concatenate([one[name] for one in part]), batch[name])


def test_what_nobody_can_read_weighs_nothing_and_every_step_stays(tracks, tmp_path):
    (tmp_path / "noise.wav").write_bytes(b"not audio")
    plan = sampling.shuffled(len(tracks), seed=3, epoch=1)
    lost = plan.tracks[[0, 1, 7]]  # the whole of the first process' share of the first batch, a part of the second's
    paths = [str(tmp_path / "noise.wav") if row in lost else tracks.path(row) for row in range(len(tracks))]
    broken = pipeline.Tracks(paths, tracks.labels)
    steps = shared(broken, plan, 3)
    assert len(steps) == 4 and set(broken.unreadable) == set(lost)
    silent = steps[0][0]
    assert not silent["waveform"].any() and silent["weight"].tolist() == [0, 0] and set(silent["draw"]) == {5}
    one_left = steps[1][0]
    assert one_left["weight"].tolist() == [pytest.approx(1 / 6), 0] and one_left["draw"].tolist() == [6, 11]
    np.testing.assert_array_equal(one_left["waveform"][0], one_left["waveform"][1])
    # whatever weighs anything is there once, in the place that it has
    read = np.concatenate([part["draw"][part["weight"] > 0] for step in steps for part in step])
    assert sorted(read) == [draw for draw in range(20) if draw not in (0, 1, 7)]


def test_every_track_is_scored_by_one_process(tracks):
    rows = []
    for index in range(3):
        share = shares.Share(index, 3)
        for batch in pipeline.evaluation_batches(tracks, CHUNK, 2, 4, True, share):
            rows += batch["row"].numpy()[batch["weight"].numpy() > 0].tolist()
    assert sorted(rows) == sorted(2 * list(range(20)))
