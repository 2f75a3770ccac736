"""What an epoch visits: every track once, or tags in turn; all of it a function of seed and epoch."""

import time
from collections import Counter

import numpy as np
import pytest

from kerastag import errors
from kerastag.data import sampling

SIZES = (
    (5, 3, 1),  # 1.25 cycles of tags an epoch
    (13, 7, 2, 1, 4),  # 1.2
    (1, 1, 1, 1, 1, 1, 1),  # an epoch is less than a cycle: one block
    (7, 5, 6, 4, 3),
    (24, 12, 3),  # whole cycles
    (40, 9, 2),
)


def disjoint(sizes: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Labels of tracks with one tag each, so that a track tells its driving tag; and that tag."""
    tags = np.repeat(np.arange(len(sizes)), sizes)
    tags = np.random.default_rng(0).permutation(tags)
    return np.eye(len(sizes), dtype=np.float32)[tags], tags


def blocks(labels: np.ndarray, seed: int, epoch: int) -> np.ndarray:
    return sampling.class_aware(labels, seed, epoch).tracks.reshape(-1, sampling.BLOCK)


def driving(labels: np.ndarray, seed: int, epoch: int) -> np.ndarray:
    """The tag of each block, (num_blocks,), of tracks with one tag each."""
    tags = labels.argmax(axis=1)[blocks(labels, seed, epoch)]
    assert (tags == tags[:, :1]).all()
    return tags[:, 0]


@pytest.mark.parametrize("plan", [lambda s, e: sampling.shuffled(100, s, e), lambda s, e: aware(s, e)])
def test_the_seed_and_the_epoch_decide(plan):
    first, again = plan(3, 5), plan(3, 5)
    np.testing.assert_array_equal(first.tracks, again.tracks)
    np.testing.assert_array_equal(first.fractions, again.fractions)
    for other in (plan(4, 5), plan(3, 6)):
        assert (first.tracks != other.tracks).any()
        assert (first.fractions != other.fractions).all()


def aware(seed: int, epoch: int) -> sampling.Plan:
    return sampling.class_aware(disjoint((40, 9, 2))[0], seed, epoch)


@pytest.mark.parametrize("plan", [sampling.shuffled(1000, 1, 2), aware(1, 2)])
def test_a_plan_has_a_place_for_each_draw(plan):
    assert plan.tracks.dtype == np.int64 and plan.fractions.dtype == np.float64
    assert plan.tracks.shape == plan.fractions.shape == (len(plan),)
    assert plan.fractions.min() >= 0 and plan.fractions.max() < 1
    assert 0.35 < plan.fractions.mean() < 0.65 and len(set(plan.fractions)) == len(plan)


def test_shuffled_visits_every_track_once():
    for epoch in range(3):
        assert sorted(sampling.shuffled(50, 0, epoch).tracks) == list(range(50))
    assert len(sampling.shuffled(0, 0, 0)) == 0


def test_shuffled_leaves_no_track_in_its_place():
    """What a shuffle must not do: keep neighbours together, or favour places."""
    places = np.stack([sampling.shuffled(20, 0, epoch).tracks for epoch in range(400)])
    assert np.abs(places.mean(axis=0) - 9.5).max() < 1.5


@pytest.mark.parametrize("sizes", SIZES)
def test_an_epoch_has_as_many_draws_as_the_recipe_says_up_to_a_block(sizes):
    draws = max(sizes) * len(sizes) / 4
    plan = sampling.class_aware(disjoint(sizes)[0], 0, 0)
    assert len(plan) % sampling.BLOCK == 0
    assert draws <= len(plan) < draws + sampling.BLOCK


def test_the_size_by_hand():
    """16 tracks have the commonest of three tags: 16 * 3 / 4 = 12 draws, 4 blocks; a fourth has no tracks."""
    labels = np.zeros((16, 4))
    labels[:, 0] = 1
    labels[:2, 1] = 1
    labels[5, 3] = 1
    assert sampling.num_class_aware_blocks(labels.sum(axis=0)) == 4
    assert len(sampling.class_aware(labels, 0, 0)) == 12
    labels[:4] = 0  # 12 * 2 / 4 = 6 draws
    assert len(sampling.class_aware(labels, 0, 0)) == 6


@pytest.mark.parametrize("sizes", SIZES)
def test_blocks_of_two_tags_differ_by_at_most_one_an_epoch(sizes):
    labels, _ = disjoint(sizes)
    for seed in range(3):
        for epoch in range(25):
            counts = np.bincount(driving(labels, seed, epoch), minlength=len(sizes))
            assert np.ptp(counts) <= 1


@pytest.mark.parametrize("sizes", SIZES)
def test_cycles_of_tags_go_on_across_epochs(sizes):
    labels, _ = disjoint(sizes)
    endless = np.concatenate([driving(labels, 0, epoch) for epoch in range(40)])
    cycles = endless[: len(endless) // len(sizes) * len(sizes)].reshape(-1, len(sizes))
    assert (np.sort(cycles, axis=1) == np.arange(len(sizes))).all()


def test_tags_take_turns_in_every_order():
    labels, _ = disjoint((24, 12, 3))  # two cycles an epoch
    endless = np.concatenate([driving(labels, 0, epoch) for epoch in range(40)])
    orders = Counter(map(tuple, endless.reshape(-1, 3).tolist()))
    assert len(orders) == 6 and max(orders.values()) < 30


@pytest.mark.parametrize("sizes", SIZES)
def test_a_tag_visits_every_track_before_any_twice_across_epochs_too(sizes):
    labels, tags = disjoint(sizes)
    endless = np.concatenate([sampling.class_aware(labels, 0, epoch).tracks for epoch in range(30)])
    for tag, size in enumerate(sizes):
        visits = endless[tags[endless] == tag]
        cycles = visits[: len(visits) // size * size].reshape(-1, size)
        assert len(cycles) or size > len(visits)
        assert (np.sort(cycles, axis=1) == np.flatnonzero(tags == tag)).all()
        rest = visits[cycles.size :]
        assert len(set(rest)) == len(rest)


def test_the_order_of_a_tags_tracks_changes_from_cycle_to_cycle():
    labels, tags = disjoint((12, 8))
    endless = np.concatenate([sampling.class_aware(labels, 0, epoch).tracks for epoch in range(20)])
    cycles = endless[tags[endless] == 1][:48].reshape(-1, 8)
    assert len({tuple(cycle) for cycle in cycles}) == 6


def test_tracks_of_several_tags_are_drawn_by_each_and_a_block_shares_a_tag(rng):
    labels = (rng.random((60, 6)) < [0.5, 0.3, 0.2, 0.2, 0.1, 0.1]).astype(np.float32)
    for epoch in range(5):
        shared = labels[blocks(labels, 0, epoch)].prod(axis=1)  # (num_blocks, num_tags)
        assert shared.any(axis=1).all()


def test_over_many_epochs_every_tag_drives_equally_often():
    sizes = (13, 7, 2, 1, 4)
    labels, _ = disjoint(sizes)
    counts = Counter(np.concatenate([driving(labels, 0, epoch) for epoch in range(100)]).tolist())
    assert max(counts.values()) - min(counts.values()) <= 1


def test_tags_without_tracks_and_tracks_without_tags_do_not_count():
    labels, _ = disjoint((7, 5, 6))
    padded = np.zeros((len(labels) + 4, 6), np.float32)
    padded[: len(labels), [1, 2, 4]] = labels
    plan = sampling.class_aware(padded, 0, 3)
    assert len(plan) == len(sampling.class_aware(labels, 0, 3))
    assert plan.tracks.max() < len(labels)


@pytest.mark.parametrize("labels", [np.zeros((5, 3)), np.zeros((0, 3)), np.zeros((5, 0))])
def test_without_any_label_there_is_nothing_to_draw(labels):
    with pytest.raises(errors.KerastagError, match="no track has a tag"):
        sampling.class_aware(labels, 0, 0)


def test_a_late_epoch_of_a_large_set_takes_no_longer_than_the_first(rng):
    counts = np.geomspace(60, 1500, 56).astype(int)
    labels = np.zeros((15_000, 56), np.float32)
    for column, count in enumerate(counts):
        labels[rng.choice(len(labels), count, replace=False), column] = 1
    start = time.perf_counter()
    assert len(sampling.class_aware(labels, 0, 199)) == 1500 * 56 // 4
    assert time.perf_counter() - start < 1.0
