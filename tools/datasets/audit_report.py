"""The findings of an audit for people: tables, counts, and a few examples of each kind."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kerastag import names, tags
from kerastag.metrics import tables

LISTED = 5  # examples of each finding; the JSON file has them all
NUM_PAIRS = 15


def text(findings: Mapping[str, Any]) -> str:
    """The whole report, sections parted by empty lines."""
    sections = (_tracks, _files, _durations, _duplicates, _artists, _tags, _co_occurrence)
    return names.lines("\n\n".join(section(findings).rstrip("\n") for section in sections))


def _tracks(findings: Mapping[str, Any]) -> str:
    files, durations = findings["files"], findings["durations"]["by_split"]
    header = ("split", "tracks", "untagged", "missing", "unreadable", "hours", "shortest", "median", "longest")
    cells = []
    for split, count in findings["num_tracks"].items():
        bad = [files[f"num_{state}"].get(split, 0) for state in ("missing", "unreadable")]
        seconds = durations.get(split)
        lengths = [_seconds(seconds and seconds[name]) for name in ("min", "median", "max")]
        hours = f"{seconds['total'] / 3600:.1f}" if seconds else None
        cells.append((split, count, findings["num_untagged"][split], *bad, hours, *lengths))
    lines = [f"{findings['data_dir']}: {_count(sum(findings['num_tracks'].values()), 'track')}"]
    lines += [f"{path}: no such file, left out" for path in findings["absent_splits"]]
    dropped = findings["dropped_tags"]
    if dropped:
        named = [f"{name} ({count})" for name, count in sorted(dropped.items(), key=lambda pair: -pair[1])]
        lines.append(f"{_count(len(dropped), 'unknown tag')} not counted: {_names(named)}")
    return "\n".join([*lines, "", _table(header, cells)])


def _files(findings: Mapping[str, Any]) -> str:
    lines = []
    for state in ("missing", "unreadable"):
        bad = findings["files"][state]
        lines.append(f"{_count(len(bad), 'file')} {state}{':' if bad else ''}")
        lines += _examples(f"{track['split']}: {track['reason']}" for track in bad)
    partly = findings["files"]["heard_in_part"]
    lines.append(f"{_count(len(partly), 'file')} of which some music is missing{':' if partly else ''}")
    lines += _examples(
        f"{_place(track)}: {sum(seconds for _, seconds in track['gaps']):.1f} s of "
        f"{track['seconds_read'] + sum(seconds for _, seconds in track['gaps']):.1f} s"
        for track in partly
    )
    if len(findings["files"]["missing"]) == sum(findings["num_tracks"].values()):
        lines.append(f"not one file is there; --data_dir={findings['data_dir']} may be the wrong folder")
    return "\n".join(lines)


def _durations(findings: Mapping[str, Any]) -> str:
    durations = findings["durations"]
    different, short = durations["different"], durations["short"]
    lines = [
        f"{len(different)} of {_count(durations['num_compared'], 'length')} are off their DURATION "
        f"by more than {durations['tolerance']:g} s"
    ]
    lines += _examples(f"{_place(track)}: {track['seconds']:.1f} s, not {track['stated']:.1f} s" for track in different)
    lines.append(f"{_count(len(short), 'file')} shorter than a chunk of {durations['short_seconds']:g} s")
    lines += _examples(f"{_place(track)}: {track['seconds']:.1f} s" for track in short)
    return "\n".join(lines)


def _duplicates(findings: Mapping[str, Any]) -> str:
    duplicates, repeated = findings["duplicates"], findings["repeated_ids"]
    by = {"bytes": "same bytes", "audio": "same audio", "none": "same file"}[findings["hash"]]
    lines = [
        f"{by}: {_count(duplicates['num_groups'], 'group')} of {_count(duplicates['num_tracks'], 'track')}, "
        f"{duplicates['num_across_splits']} across splits, {duplicates['num_different_tags']} with different tags"
    ]
    worst_first = sorted(
        duplicates["groups"], key=lambda group: (not group["across_splits"], not group["different_tags"])
    )
    lines += _examples(
        "; ".join(f"{_place(track)} ({', '.join(track['tags'])})" for track in group["tracks"]) for group in worst_first
    )
    lines.append(f"{_count(len(repeated), 'TRACK_ID')} in more than one place")
    lines += _examples(f"{each['track_id']}: {', '.join(each['splits'])}" for each in repeated)
    return "\n".join(lines)


def _artists(findings: Mapping[str, Any]) -> str:
    artists = findings["artists"]
    across = artists["across_splits"]
    lines = [f"{len(across)} of {_count(artists['num_artists'], 'artist')} in more than one split"]
    lines += _examples(
        f"{each['artist_id']}: " + ", ".join(f"{split} {n}" for split, n in each["num_tracks"].items())
        for each in across
    )
    if artists["num_tracks_without"]:
        lines.append(f"{_count(artists['num_tracks_without'], 'track')} without an artist")
    return "\n".join(lines)


def _tags(findings: Mapping[str, Any]) -> str:
    of_tags = findings["tags"]
    short = _short_names(of_tags["counts"])
    splits = list(findings["num_tracks"])
    cells = [
        (short[count["tag"]], count["group"], *(count["num_tracks"].get(split, 0) for split in splits))
        for count in of_tags["counts"]
    ]
    lines = [_table(("tag", "group", *splits), cells)]
    if of_tags["groups"]:
        named = ", ".join(f"{name} {size}" for name, size in of_tags["groups"].items())
        lines.append(f"{_count(len(cells), 'tag')}: {named}")
    lines += [
        f"{split} has no track of {_count(len(names), 'tag')}: {_names([short[name] for name in names])}"
        for split, names in of_tags["absent"].items()
        if names
    ]
    return "\n".join(lines)


def _co_occurrence(findings: Mapping[str, Any]) -> str:
    co_occurrence = findings["co_occurrence"]
    pairs, short = co_occurrence["pairs"], _short_names(findings["tags"]["counts"])
    sizes = ", ".join(f"{size}: {count}" for size, count in co_occurrence["num_tracks_by_num_tags"].items())
    lines = [f"tracks by their number of tags: {sizes}"]
    cells = [
        (" + ".join(short[name] for name in pair["tags"]), pair["num_tracks"], f"{pair['share']:.0%}")
        for pair in pairs[:NUM_PAIRS]
    ]
    if cells:
        lines.append(f"{_count(len(pairs), 'pair')} of tags on one track; the commonest:")
        lines.append(_table(("tags", "tracks", "of the rarer"), cells))
    return "\n".join(lines)


def _table(header: tuple[str, ...], lines: Iterable[Sequence[tables.Cell]]) -> str:
    return tables.text([tables.Table(header, tuple(tuple(cells) for cells in lines))]).rstrip("\n")


def _examples(lines: Iterable[str]) -> list[str]:
    lines = list(lines)
    shown = [f"  {line}" for line in lines[:LISTED]]
    return shown + ([f"  ... and {_count(len(lines) - LISTED, 'other')}"] if len(lines) > LISTED else [])


def _names(names: Sequence[str]) -> str:
    more = len(names) - 4 * LISTED
    return ", ".join(names[: 4 * LISTED]) + (f" and {_count(more, 'other')}" if more > 0 else "")


def _place(track: Mapping[str, Any]) -> str:
    return f"{track['split']}: {track['path']}"


def _seconds(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _short_names(counts: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    names = [count["tag"] for count in counts]
    return dict(zip(names, tags.Vocabulary(names).short_names, strict=True))


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
