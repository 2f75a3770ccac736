"""What is wrong with a dataset before it is trained on: findings over its tracks, plain values for JSON."""

import dataclasses
import itertools
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from kerastag import tags
from kerastag.data import splits
from tools.datasets import inspection

DURATION_TOLERANCE = 1.0  # seconds that a file may differ from its DURATION
SHORT_SECONDS = 4.6  # of a chunk: what is shorter will be padded with zeros


@dataclasses.dataclass(frozen=True, slots=True)
class Record:
    """One line of a split file and the audio it stands for; `split` is train, validation or test."""

    split: str
    track: splits.Track
    file: inspection.File

    @property
    def seconds_off(self) -> float | None:
        """By how much the file is longer than its DURATION; None where one of the two is not known."""
        if self.file.seconds is None or self.track.seconds is None:
            return None
        return self.file.seconds - self.track.seconds

    def place(self) -> dict[str, str]:
        """Where the track is: split, id and file, for JSON."""
        return {"split": self.split, "track_id": self.track.track_id, "path": self.file.path}


def analyse(
    records: Sequence[Record],
    vocabulary: tags.Vocabulary,
    members: Callable[[np.ndarray], Mapping[str, np.ndarray]],
) -> dict[str, Any]:
    """All findings.

    Args:
      records: every track of every split, the training split first.
      vocabulary: has every tag of theirs.
      members: from training counts (num_tags,) to masks by group, as metrics.groups.members.

    Returns:
      Values by the names of the functions below.
    """
    return {
        "files": files(records),
        "durations": durations(records),
        "duplicates": duplicates(records, vocabulary),
        "repeated_ids": repeated_ids(records),
        "artists": artists(records),
        "tags": tag_counts(records, vocabulary, members),
        "co_occurrence": co_occurrence(records, vocabulary),
    }


def files(records: Sequence[Record]) -> dict[str, Any]:
    """Missing and unreadable files: their number by split, and each with its place and the reason; damaged ones."""
    findings: dict[str, Any] = {}
    for state in ("missing", "unreadable"):
        bad = [record for record in records if record.file.state == state]
        findings[f"num_{state}"] = _by_split(records, bad)
        findings[state] = [{**record.place(), "reason": record.file.reason} for record in bad]
    findings["heard_in_part"] = [
        {**record.place(), **record.file.heard.facts()} for record in records if record.file.heard
    ]
    return findings


def durations(records: Sequence[Record]) -> dict[str, Any]:
    """Seconds of the readable files: a summary by split, those off their DURATION, those under a chunk."""
    by_split: dict[str, Any] = {}
    for split, group in _groups(records, lambda record: record.split).items():
        seconds = [record.file.seconds for record in group if record.file.seconds is not None]
        by_split[split] = None
        if seconds:
            limits = {"min": min(seconds), "median": statistics.median(seconds), "max": max(seconds)}
            by_split[split] = {"num_known": len(seconds), "total": sum(seconds), **limits}
    off = [(abs(record.seconds_off), record) for record in records if record.seconds_off is not None]
    different = sorted((pair for pair in off if pair[0] > DURATION_TOLERANCE), key=lambda pair: -pair[0])
    short = [record for record in records if (record.file.seconds or SHORT_SECONDS) < SHORT_SECONDS]
    return {
        "by_split": by_split,
        "tolerance": DURATION_TOLERANCE,
        "num_compared": len(off),
        "different": [
            {**record.place(), "stated": record.track.seconds, "seconds": record.file.seconds}
            for _, record in different
        ],
        "short_seconds": SHORT_SECONDS,
        "short": [{**record.place(), "seconds": record.file.seconds} for record in short],
    }


def duplicates(records: Sequence[Record], vocabulary: tags.Vocabulary) -> dict[str, Any]:
    """Tracks with the same audio: groups, whether each crosses splits, and whether its tags differ."""
    readable = [record for record in records if record.file.same_as]
    groups: list[dict[str, Any]] = []
    for group in _groups(readable, lambda record: record.file.same_as).values():
        if len(group) == 1:
            continue
        shown = [_shown_tags(record, vocabulary) for record in group]
        groups.append(
            {
                "across_splits": len({record.split for record in group}) > 1,
                "different_tags": len(set(shown)) > 1,
                "tracks": [{**record.place(), "tags": list(names)} for record, names in zip(group, shown, strict=True)],
            }
        )
    return {
        "num_groups": len(groups),
        "num_tracks": sum(len(group["tracks"]) for group in groups),
        "num_across_splits": sum(group["across_splits"] for group in groups),
        "num_different_tags": sum(group["different_tags"] for group in groups),
        "groups": groups,
    }


def repeated_ids(records: Sequence[Record]) -> list[dict[str, Any]]:
    """TRACK_IDs in more than one split file, with the splits; this needs no audio."""
    return [
        {"track_id": track_id, "splits": [record.split for record in group]}
        for track_id, group in _groups(records, lambda record: record.track.track_id).items()
        if len(group) > 1
    ]


def artists(records: Sequence[Record]) -> dict[str, Any]:
    """How many artists there are, and those in more than one split, by falling number of tracks."""
    with_artist = [record for record in records if record.track.artist_id]
    counts = {
        artist: dict(Counter(record.split for record in group))
        for artist, group in _groups(with_artist, lambda record: record.track.artist_id).items()
    }
    across = [(artist, count) for artist, count in counts.items() if len(count) > 1]
    across.sort(key=lambda pair: -sum(pair[1].values()))
    return {
        "num_artists": len(counts),
        "num_tracks_without": len(records) - len(with_artist),
        "across_splits": [{"artist_id": artist, "num_tracks": count} for artist, count in across],
    }


def tag_counts(
    records: Sequence[Record],
    vocabulary: tags.Vocabulary,
    members: Callable[[np.ndarray], Mapping[str, np.ndarray]],
) -> dict[str, Any]:
    """Tracks with each tag by split, by falling training count; groups; tags that a split has not.

    The groups are None without a training split.
    """
    counts = {
        split: _labels(group, vocabulary).sum(axis=0, dtype=np.int64)
        for split, group in _groups(records, lambda record: record.split).items()
    }
    masks = members(counts["train"]) if "train" in counts else {}
    group_of = {int(column): name for name, mask in masks.items() for column in np.flatnonzero(mask)}
    first = next(iter(counts.values()), np.zeros(len(vocabulary), np.int64))
    columns = sorted(range(len(vocabulary)), key=lambda column: -first[column])
    return {
        "counts": [
            {
                "tag": vocabulary.names[column],
                "group": group_of.get(column),
                "num_tracks": {split: int(count[column]) for split, count in counts.items()},
            }
            for column in columns
        ],
        "groups": {name: int(mask.sum()) for name, mask in masks.items()} or None,
        "absent": {
            split: [name for name, number in zip(vocabulary.names, count, strict=True) if not number]
            for split, count in counts.items()
        },
    }


def co_occurrence(records: Sequence[Record], vocabulary: tags.Vocabulary) -> dict[str, Any]:
    """Tags per track, and all pairs of tags on the same track, the commonest first.

    The share is that of the rarer tag's tracks; two tags that say the same have 1.0.
    """
    labels = _labels(records, vocabulary)
    together = (labels.T @ labels).astype(np.int64)
    pairs = [
        {
            "tags": [vocabulary.names[first], vocabulary.names[second]],
            "num_tracks": int(together[first, second]),
            "share": float(together[first, second] / min(together[first, first], together[second, second])),
        }
        for first, second in itertools.combinations(range(len(vocabulary)), 2)
        if together[first, second]
    ]
    sizes = Counter(labels.sum(axis=1).astype(int).tolist())
    return {
        "num_tracks_by_num_tags": {str(size): sizes[size] for size in sorted(sizes)},
        "pairs": sorted(pairs, key=lambda pair: -pair["num_tracks"]),
    }


def _labels(records: Sequence[Record], vocabulary: tags.Vocabulary) -> np.ndarray:
    """float32 (num_records, num_tags)."""
    labels = np.zeros((len(records), len(vocabulary)), np.float32)
    for row, record in enumerate(records):
        labels[row, [vocabulary.index(tag) for tag in record.track.tags]] = 1
    return labels


def _shown_tags(record: Record, vocabulary: tags.Vocabulary) -> tuple[str, ...]:
    return tuple(vocabulary.short_names[column] for column in sorted(map(vocabulary.index, record.track.tags)))


def _by_split(records: Sequence[Record], selected: Iterable[Record]) -> dict[str, int]:
    """How many records are selected of each split, 0 included."""
    counts = Counter(record.split for record in selected)
    return {split: counts[split] for split in dict.fromkeys(record.split for record in records)}


def _groups(records: Iterable[Record], key: Callable[[Record], Hashable]) -> dict[Any, list[Record]]:
    """Records by key, in the order in which the keys first come."""
    groups: dict[Any, list[Record]] = defaultdict(list)
    for record in records:
        groups[key(record)].append(record)
    return dict(groups)
