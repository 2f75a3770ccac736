"""Deals tracks, or groups that must stay together, out to three splits, so that every tag has its share."""

import random
from collections import Counter
from collections.abc import Mapping

SPLITS = ("train", "validation", "test")
SHARES = (0.6, 0.2, 0.2)
EMPTY_COST = 2.0  # what a tag without positives in a split costs, beside its deviation
NUM_STARTS = 100
_TRACKS = ""  # counted like a tag: the sizes of the splits


def deal(groups: Mapping[str, Counter[str]], seed: int, num_tracks: Mapping[str, int] | None = None) -> dict[str, str]:
    """Deals groups out so that each tag, and the number of tracks, comes near 60/20/20.

    Greedy, the larger groups first, then single moves until none helps; the best of many seeded starts.
    The cost is the squared deviation from a tag's share over the tag's count, as in a chi-squared test.

    Args:
      groups: name -> number of tracks with each tag.
      num_tracks: name -> number of tracks; without it every group counts as one.

    Returns:
      name -> split, in the order of `groups`.
    """
    counted = {name: group + Counter({_TRACKS: (num_tracks or {}).get(name, 1)}) for name, group in groups.items()}
    totals: Counter[str] = sum(counted.values(), Counter())
    generator = random.Random(seed)
    outcomes = [_start(counted, totals, generator) for _ in range(NUM_STARTS)]
    _, places = min(outcomes, key=lambda outcome: outcome[0])
    return {name: SPLITS[places[name]] for name in groups}


def _start(
    groups: Mapping[str, Counter[str]], totals: Counter[str], generator: random.Random
) -> tuple[float, dict[str, int]]:
    sums: list[Counter[str]] = [Counter() for _ in SPLITS]
    order = sorted(groups, key=lambda name: (-sum(groups[name].values()) * generator.uniform(0.5, 1), name))
    places: dict[str, int] = {}
    for name in order:
        _put(name, groups[name], _cheapest(groups[name], sums, totals), sums, places)
    while sum(_moves(name, groups[name], sums, totals, places) for name in order):
        pass
    cost = sum(_cost(sums[place][tag], totals[tag], place) for tag in totals for place in range(len(SPLITS)))
    return cost, places


def _put(name: str, group: Counter[str], place: int, sums: list[Counter[str]], places: dict[str, int]) -> None:
    sums[place].update(group)
    places[name] = place


def _moves(
    name: str, group: Counter[str], sums: list[Counter[str]], totals: Counter[str], places: dict[str, int]
) -> bool:
    """Takes a group out and puts it where it costs least; whether that is elsewhere, and cheaper."""
    old = places[name]
    sums[old].subtract(group)
    new = _cheapest(group, sums, totals)
    better = _added(group, sums, totals, new) < _added(group, sums, totals, old) - 1e-9
    _put(name, group, new if better else old, sums, places)
    return better


def _cheapest(group: Counter[str], sums: list[Counter[str]], totals: Counter[str]) -> int:
    return min(range(len(SPLITS)), key=lambda place: _added(group, sums, totals, place))


def _added(group: Counter[str], sums: list[Counter[str]], totals: Counter[str], place: int) -> float:
    return sum(
        _cost(sums[place][tag] + count, totals[tag], place) - _cost(sums[place][tag], totals[tag], place)
        for tag, count in group.items()
    )


def _cost(count: int, total: int, place: int) -> float:
    return (count - SHARES[place] * total) ** 2 / total + (EMPTY_COST if count == 0 else 0.0)
