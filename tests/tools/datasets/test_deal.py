"""Dealing tracks out: groups stay together, every tag gets near its share, the seed decides ties."""

from collections import Counter

import pytest

from tools.datasets import deal


def _sums(groups: dict[str, Counter[str]], places: dict[str, str], split: str) -> Counter[str]:
    return sum((group for name, group in groups.items() if places[name] == split), Counter())


def test_single_tracks_of_one_tag_each_are_dealt_60_20_20_tag_by_tag():
    groups = {f"{tag}{i}": Counter([tag]) for tag, count in (("a", 50), ("b", 20), ("c", 5)) for i in range(count)}
    places = deal.deal(groups, seed=0)
    assert list(places) == list(groups)
    assert _sums(groups, places, "train") == {"a": 30, "b": 12, "c": 3}
    assert _sums(groups, places, "validation") == {"a": 10, "b": 4, "c": 1}
    assert _sums(groups, places, "test") == {"a": 10, "b": 4, "c": 1}


def test_three_tracks_of_a_tag_reach_all_three_splits():
    groups = {str(i): Counter(["rare"]) for i in range(3)} | {f"o{i}": Counter(["often"]) for i in range(40)}
    places = deal.deal(groups, seed=0)
    assert {places[str(i)] for i in range(3)} == set(deal.SPLITS)


def test_groups_without_tags_count_as_tracks():
    groups = {str(i): Counter() for i in range(10)}
    sizes = Counter(deal.deal(groups, seed=0).values())
    assert sizes == {"train": 6, "validation": 2, "test": 2}


def test_large_groups_weigh_by_their_tracks():
    groups = {name: Counter({"x": count}) for name, count in (("large", 60), ("one", 20), ("other", 20))}
    places = deal.deal(groups, seed=0, num_tracks={"large": 60, "one": 20, "other": 20})
    assert places["large"] == "train"
    assert {places["one"], places["other"]} == {"validation", "test"}


@pytest.mark.parametrize("seed", range(3))
def test_the_seed_alone_decides(seed):
    groups = {str(i): Counter("ab"[: 1 + i % 2]) for i in range(30)}
    assert deal.deal(groups, seed) == deal.deal(groups, seed)
    assert deal.deal(groups, seed) != deal.deal(groups, seed + 1)
