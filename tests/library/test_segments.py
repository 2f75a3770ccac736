"""Stretches of a track in which a tag is heard: laws, and stretches worked out by hand."""

import itertools
import pathlib

import numpy as np
import pytest

from kerastag import errors
from kerastag.library import segments

CHUNK = 4.0  # seconds; a hop is half of it


def found(given, scores=None, hop=CHUNK / 2, seconds=None, chunk=CHUNK):
    """Stretches of tags, a string of 0 and 1 each; without `seconds` the track ends with its last chunk."""
    mask = np.array([[letter == "1" for letter in row] for row in ([given] if isinstance(given, str) else given)]).T
    starts = np.arange(len(mask)) * hop
    scores = np.where(mask, 0.9, 0.1) if scores is None else scores
    return segments.find(starts, scores, mask, chunk, starts[-1] + chunk if seconds is None else seconds)


def limits(*arguments, **options):
    return [(one.start, one.end) for one in found(*arguments, **options)]


@pytest.mark.parametrize("num_chunks", [1, 2, 3, 50])
@pytest.mark.parametrize("tail", [0.0, 1.9])
def test_what_is_heard_all_along_is_one_stretch_and_what_never_is_none(num_chunks, tail):
    seconds = (num_chunks - 1) * CHUNK / 2 + CHUNK + tail
    (whole,) = found("1" * num_chunks, seconds=seconds)
    assert (whole.start, whole.end, whole.mean, whole.peak) == (0, seconds, pytest.approx(0.9), pytest.approx(0.9))
    assert found("0" * num_chunks, seconds=seconds) == []


def test_a_track_shorter_than_a_chunk_is_all_or_nothing():
    assert limits("1", seconds=1.3) == [(0, 1.3)]
    assert limits("0", seconds=1.3) == []


def test_a_step_is_found_half_way_between_the_middles_of_two_chunks():
    # chunks of 4 s begin at 0, 2, ... 18; their middles are 2, 4, ... 20, and the track is 22 s long
    assert limits("0000011111") == [(11, 22)]
    assert limits("1111100000") == [(0, 11)]
    assert limits("0001110000") == [(7, 13)]
    assert limits("1100000011") == [(0, 5), (17, 22)]


@pytest.mark.parametrize("true_step", np.arange(20, 60, 0.37))
@pytest.mark.parametrize("hop", [0.5, 1.0, 2.0])
def test_a_step_in_the_music_is_found_to_half_a_hop(true_step, hop):
    """Each chunk has as score the share of it that lies behind the step."""
    starts = np.arange(0, 76.01, hop)
    share = np.clip((starts + CHUNK - true_step) / CHUNK, 0, 1)[:, None]
    (one,) = segments.find(starts, share, share >= 0.5, CHUNK, 80.0)
    assert abs(one.start - true_step) <= hop / 2 + 1e-9 and one.end == 80.0


def test_one_chunk_alone_is_left_out_and_closed_as_a_gap():
    assert limits("0001000000") == []
    assert limits("1000000000") == limits("0000000001") == []
    assert limits("0110110000") == [(3, 13)]  # the gap of one cell lasts 2 s
    assert limits("0110011000") == [(3, 7), (11, 15)]  # this one lasts 4 s, as a chunk
    assert limits("0010100000") == [(5, 11)]  # closed first


def test_gaps_and_lengths_are_told_in_seconds_whatever_the_hop():
    assert limits("0" * 8 + "1" * 2 + "0" * 8, hop=1.0) == []  # they begin 1 s apart
    assert len(limits("0" * 8 + "1" * 3 + "0" * 8, hop=1.0)) == 1
    assert len(limits("0" * 8 + "111" + "000" + "111", hop=1.0)) == 1
    assert len(limits("0" * 8 + "111" + "0000" + "111", hop=1.0)) == 2
    assert limits("0010000", hop=4.0) == [] and limits("0011000", hop=4.0) == [(8, 16)]
    assert len(limits("0110110", hop=4.0)) == 2


@pytest.mark.parametrize("samples", [59_049, 73_600, 46_500])
def test_rounding_of_a_hop_to_samples_changes_nothing(samples):
    chunk, exact = samples / 16_000, samples / 2
    for hop in (np.floor(exact), np.ceil(exact)):
        options = {"chunk": chunk, "hop": hop / 16_000}
        assert len(found("0011000", **options)) == 1
        assert len(found("0110110", **options)) == 1
        assert len(found("01100110", **options)) == 2


def test_scores_are_those_of_the_stretch_with_its_closed_gaps():
    scores = np.array([0.1, 0.6, 0.8, 0.2, 0.7, 0.5, 0.1, 0.99])[:, None]
    (one,) = found("01101100", scores)
    assert (one.mean, one.peak) == (pytest.approx((0.6 + 0.8 + 0.2 + 0.7 + 0.5) / 5), 0.8)


def test_stretches_lie_within_the_track_apart_and_keep_their_laws(rng):
    for _ in range(200):
        num_chunks, hop = int(rng.integers(1, 40)), float(rng.uniform(0.3, CHUNK))
        starts = np.arange(num_chunks) * hop
        seconds = starts[-1] + CHUNK + rng.uniform(0, hop)
        scores = rng.uniform(size=(num_chunks, 5))
        given = scores >= rng.uniform(0.2, 0.9)
        all_of_them = segments.find(starts, scores, given, CHUNK, seconds)
        edges = segments.edges_of(starts, CHUNK, seconds)
        assert [one.start for one in all_of_them] == sorted(one.start for one in all_of_them)
        for tag in range(5):
            own = [one for one in all_of_them if one.tag == tag]
            for one in own:
                assert 0 <= one.start < one.end <= seconds and one.mean <= one.peak
                assert one.start in edges and one.end in edges
                inside = (edges[:-1] >= one.start) & (edges[1:] <= one.end)
                assert given[inside, tag][0] and given[inside, tag][-1]  # it begins and ends where the tag is given
            for one, other in itertools.pairwise(own):
                assert other.start - one.end >= CHUNK - segments.ROUNDING


def test_another_order_of_tags_gives_the_same_stretches(rng):
    scores = rng.uniform(size=(60, 7))
    given, starts, order = scores > 0.4, np.arange(60) * 2.0, rng.permutation(7)
    before = segments.find(starts, scores, given, CHUNK, 124.0)
    after = segments.find(starts, scores[:, order], given[:, order], CHUNK, 124.0)
    assert len(before) > 10
    assert {(one.tag, *vars(one).values()) for one in before} == {
        (order[one.tag], order[one.tag], *list(vars(one).values())[1:]) for one in after
    }


def test_a_taggram_knows_its_cells_and_stretches():
    starts, scores = np.arange(4) * 2.0, np.array([[0.1], [0.9], [0.8], [0.1]])
    gram = segments.Taggram(pathlib.Path("a"), 11.0, CHUNK, starts, scores, np.array([0.5]), scores >= 0.5, ["x"])
    assert gram.edges.tolist() == [0, 3, 5, 7, 11]
    assert gram.segments() == [segments.Segment(0, 3, 7, pytest.approx(0.85), 0.9)]


def test_chunks_that_make_no_track_are_refused():
    scores = np.zeros((2, 1))
    for starts, seconds in ((np.array([2.0, 0.0]), 9.0), (np.array([0.0, 2.0]), 3.0), (np.array([-1.0, 2.0]), 9.0)):
        with pytest.raises(errors.KerastagError, match="2 chunks do not lie"):
            segments.find(starts, scores, scores > 0, CHUNK, seconds)
    with pytest.raises(errors.KerastagError, match="0 chunks"):
        segments.edges_of(np.zeros(0), CHUNK, 5.0)
    with pytest.raises(errors.KerastagError, match=r"3 chunks, scores \(2, 1\)"):
        segments.find(np.arange(3.0), scores, scores > 0, CHUNK, 9.0)
