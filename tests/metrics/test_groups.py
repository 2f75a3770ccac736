"""Every tag is in the head, the middle or the tail."""

import numpy as np
import pytest

from kerastag import errors, tags
from kerastag.metrics import groups


def test_bounds_are_over_550_and_at_most_200():
    masks = groups.members(np.array([551, 550, 201, 200, 0]))
    assert list(masks) == ["head", "middle", "tail"]
    assert masks["head"].tolist() == [True, False, False, False, False]
    assert masks["middle"].tolist() == [False, True, True, False, False]
    assert masks["tail"].tolist() == [False, False, False, True, True]


@pytest.mark.parametrize(("head_over", "tail_at_most"), [(550, 200), (10, 10), (10**6, 0), (0, 0)])
def test_groups_are_a_partition(head_over, tail_at_most):
    counts = np.random.default_rng(0).integers(1000, size=100)
    masks = groups.members(counts, head_over, tail_at_most)
    np.testing.assert_array_equal(sum(mask.astype(int) for mask in masks.values()), 1)


def test_overlapping_bounds_are_refused():
    with pytest.raises(errors.KerastagError, match="a tail of at most 300 tracks overlaps a head of over 200"):
        groups.members(np.array([1]), 200, 300)


VOCABULARY = tags.Vocabulary(["mood---calm", "mood---happy", "mood---sad"])


def test_named_groups_are_read_from_a_file(tmp_path):
    path = tmp_path / "groups.tsv"
    path.write_bytes(
        b"\xef\xbb\xbfgroup\ttag\r\nlow arousal\tcalm\tmood---sad\r\n\r\nall\tcalm\nall\thappy\nall\tsad\n"
    )
    masks = groups.read(path, VOCABULARY)
    assert {name: mask.tolist() for name, mask in masks.items()} == {
        "low arousal": [True, False, True],
        "all": [True, True, True],
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r":1: the header is '', not 'group tag' with tabs"),
        ("calm\thappy\n", r":1: the header is 'calm\\thappy'"),
        ("group\ttag\na\thapy\n", r":2: unknown tag 'hapy'; did you mean 'happy'\?"),
        ("group\ttag\n\nhead\thappy\n", ":3: a group cannot be called 'head'"),
        ("group\ttag\na\tsad\na\tmood---sad\n", ":3: tag 'mood---sad' is in group 'a' already"),
        ("group\ttag\na\t\n", ":2: not a group and its tags, separated by tabs"),
        ("group\ttag\na\n", ":2: 1 cells, not group tag"),
        ("group\ttag\n", ": no groups"),
    ],
)
def test_faults_in_a_file_of_groups_have_their_line(tmp_path, content, message):
    (tmp_path / "groups.tsv").write_text(content)
    with pytest.raises(errors.KerastagError, match=f"groups.tsv{message}"):
        groups.read(tmp_path / "groups.tsv", VOCABULARY)


def test_all_groups_stand_together():
    masks = groups.all_members(2, np.array([600, 3]), named={"both": [True, True]})
    assert list(masks) == ["head", "middle", "tail", "both"]
    assert list(groups.all_members(2)) == []
    with pytest.raises(errors.KerastagError, match=r"group 'both' is a mask of \(3,\) for 2 tags"):
        groups.all_members(2, named={"both": np.ones(3)})
