"""The audit finds what was planted, in the records and in the files."""

import json
import os
import shutil

import numpy as np
import pytest
import soundfile

from kerastag import tags
from kerastag.data import splits
from kerastag.metrics import groups
from tools.datasets import analysis, inspection

VOCABULARY = tags.Vocabulary(["mood---calm", "mood---dark", "mood---happy"])


def record(track_id: str, split: str = "train", names: str = "happy", **other) -> analysis.Record:
    """A track with a good file of its own, 10 s long, unless `other` says otherwise."""
    state = other.get("state", "good")
    if state == "good":
        name = other.get("same_as", track_id)
        file = inspection.File(
            f"{track_id}.wav", sample_rate=100, num_frames=int(100 * other.get("seconds", 10)), same_as=name
        )
    else:
        file = inspection.File(f"{track_id}.wav", state, f"{track_id}.wav: {state}")
    track = splits.Track(
        track_id, f"{track_id}.wav", other.get("artist", ""), "", other.get("stated"), tuple(names.split())
    )
    return analysis.Record(split, track, file)


def test_bad_files_are_counted_by_split_and_named():
    found = analysis.files(
        [
            record("a"),
            record("b", state="missing"),
            record("c", "test", state="missing"),
            record("d", "test", state="unreadable"),
        ]
    )
    assert found["num_missing"] == {"train": 1, "test": 1}
    assert found["num_unreadable"] == {"train": 0, "test": 1}
    assert found["unreadable"] == [{"split": "test", "track_id": "d", "path": "d.wav", "reason": "d.wav: unreadable"}]


def test_durations_are_those_of_readable_files():
    found = analysis.durations(
        [
            record("a", seconds=3, stated=3.9),
            record("b", seconds=5, stated=6.1),
            record("c", seconds=10, stated=200.0),
            record("d", seconds=20),
            record("e", "test", state="missing", stated=9.0),
        ]
    )
    assert found["by_split"] == {
        "train": {"num_known": 4, "total": 38.0, "min": 3.0, "median": 7.5, "max": 20.0},
        "test": None,
    }
    assert found["num_compared"] == 3
    assert [track["track_id"] for track in found["different"]] == ["c", "b"]
    assert found["different"][0]["seconds"] == 10.0 and found["different"][0]["stated"] == 200.0
    assert [track["track_id"] for track in found["short"]] == ["a"]


def test_duplicates_across_splits_and_with_different_tags():
    found = analysis.duplicates(
        [
            record("a", same_as="x", names="happy mood---dark"),
            record("b", same_as="x", names="dark happy"),
            record("c", same_as="y", names="happy"),
            record("d", "test", same_as="y", names="calm"),
            record("e"),
            record("f", state="missing"),
            record("g", state="missing"),
        ],
        VOCABULARY,
    )
    assert {name: found[name] for name in found if name != "groups"} == {
        "num_groups": 2,
        "num_tracks": 4,
        "num_across_splits": 1,
        "num_different_tags": 1,
    }
    first, second = found["groups"]
    assert not first["across_splits"] and not first["different_tags"]
    assert second["across_splits"] and second["different_tags"]
    assert first["tracks"][0]["tags"] == first["tracks"][1]["tags"] == ["dark", "happy"]


def test_ids_and_artists_in_several_splits_need_no_audio():
    records = [
        record("a", artist="x", state="missing"),
        record("b", artist="y", state="missing"),
        record("c", artist="z", state="missing"),
        record("a", "test", artist="x", state="missing"),
        record("d", "test", artist="z", state="missing"),
        record("e", "test", artist="z", state="missing"),
        record("f", "test", state="missing"),
    ]
    assert analysis.repeated_ids(records) == [{"track_id": "a", "splits": ["train", "test"]}]
    assert analysis.artists(records) == {
        "num_artists": 3,
        "num_tracks_without": 1,
        "across_splits": [
            {"artist_id": "z", "num_tracks": {"train": 1, "test": 2}},
            {"artist_id": "x", "num_tracks": {"train": 1, "test": 1}},
        ],
    }


def test_tags_are_counted_by_split_and_grouped_by_training_tracks():
    def members(counts: np.ndarray) -> dict[str, np.ndarray]:
        return groups.members(counts, head_over=2, tail_at_most=1)

    records = [record(str(n), names="happy") for n in range(3)] + [record("3", names="dark")]
    records += [record("4", "test", names="dark calm")]
    found = analysis.tag_counts(records, VOCABULARY, members)
    assert found["counts"] == [
        {"tag": "mood---happy", "group": "head", "num_tracks": {"train": 3, "test": 0}},
        {"tag": "mood---dark", "group": "tail", "num_tracks": {"train": 1, "test": 1}},
        {"tag": "mood---calm", "group": "tail", "num_tracks": {"train": 0, "test": 1}},
    ]
    assert found["groups"] == {"head": 1, "middle": 0, "tail": 2}
    assert found["absent"] == {"train": ["mood---calm"], "test": ["mood---happy"]}
    without = analysis.tag_counts(records[4:], VOCABULARY, members)
    assert without["groups"] is None and without["counts"][0]["group"] is None


def test_pairs_of_tags_by_hand():
    """Of two dark tracks one is happy: half of the rarer of the two tags."""
    records = [record("a", names="happy dark"), record("b", names="dark")]
    records += [record("c", names="happy"), record("d", names="happy calm"), record("e", names="happy calm")]
    found = analysis.co_occurrence(records, VOCABULARY)
    assert found["num_tracks_by_num_tags"] == {"1": 2, "2": 3}
    assert found["pairs"] == [
        {"tags": ["mood---calm", "mood---happy"], "num_tracks": 2, "share": 1.0},
        {"tags": ["mood---dark", "mood---happy"], "num_tracks": 1, "share": 0.5},
    ]


def test_all_findings_are_values_for_json():
    records = [record("a", artist="x", stated=1.0), record("b", "test", state="missing")]
    found = analysis.analyse(records, VOCABULARY, groups.members)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert analysis.analyse([], VOCABULARY, groups.members)["files"]["missing"] == []


@pytest.fixture
def folder(tmp_path, rng):
    """Four seconds of noise in several files: alike, retagged, with another end or middle, damaged, none."""
    music = 0.1 * rng.standard_normal((44_100 * 4, 2))
    other = music.copy()
    other[-100:] *= -1
    middle = music.copy()
    middle[88_200:90_000] = 0
    for name, samples in (("one", music), ("end", other), ("middle", middle)):
        soundfile.write(tmp_path / f"{name}.wav", samples, 44_100)
    soundfile.write(tmp_path / "one.mp3", music, 44_100)
    soundfile.write(tmp_path / "one.flac", soundfile.read(tmp_path / "one.wav", dtype="int16")[0], 44_100)
    shutil.copyfile(tmp_path / "one.wav", tmp_path / "copy.wav")
    os.symlink("one.wav", tmp_path / "link.wav")
    header = b"ID3\x04\x00\x00\x00\x00\x00\x21" + b"TIT2\x00\x00\x00\x05\x00\x00\x00name" + bytes(18)
    (tmp_path / "retagged.mp3").write_bytes(header + (tmp_path / "one.mp3").read_bytes())
    (tmp_path / "text.wav").write_text("this is no audio")
    (tmp_path / "empty.wav").touch()
    return tmp_path


def look(folder, names: str, **other) -> dict[str, inspection.File]:
    tracks = [splits.Track(name, name, "", "", None, ("happy",)) for name in names.split()]
    found = inspection.inspect([(folder, track) for track in tracks], **other)
    return dict(zip(names.split(), found, strict=True))


def same(found: dict[str, inspection.File]) -> list[list[str]]:
    """The names of files of the same audio, group by group."""
    alike: dict[str, list[str]] = {}
    for name, file in found.items():
        alike.setdefault(file.same_as, []).append(name)
    return list(alike.values())


NAMES = "one.wav end.wav middle.wav one.mp3 one.flac copy.wav link.wav retagged.mp3"


@pytest.mark.parametrize("num_workers", [1, 3, None])
def test_the_same_bytes_are_found_under_any_name(folder, num_workers):
    found = look(folder, NAMES, num_workers=num_workers)
    assert same(found) == [
        ["one.wav", "copy.wav", "link.wav"],
        *(["end.wav"], ["middle.wav"], ["one.mp3"], ["one.flac"], ["retagged.mp3"]),
    ]


def test_the_same_audio_is_found_in_other_files(folder):
    assert same(look(folder, NAMES, hash_of="audio")) == [
        ["one.wav", "one.flac", "copy.wav", "link.wav"],
        *(["end.wav"], ["middle.wav"], ["one.mp3", "retagged.mp3"]),
    ]


def test_without_a_hash_only_the_same_file_is_the_same(folder):
    assert same(look(folder, "one.wav copy.wav link.wav", hash_of="none")) == [
        ["one.wav", "link.wav"],
        ["copy.wav"],
    ]


def test_bad_files_are_findings_and_not_alike(folder):
    found = look(folder, "gone.wav one.wav text.wav empty.wav gone text.wav", hash_of="audio")
    assert [file.state for file in found.values()] == [
        "missing",
        "good",
        "unreadable",
        "unreadable",
        "missing",
    ]
    assert found["gone.wav"].reason.startswith(f"{folder}/gone.wav: no such file")
    assert found["empty.wav"].reason == f"{folder}/empty.wav: is empty (0 bytes)"
    assert found["text.wav"].seconds is None and found["text.wav"].same_as == ""
    assert found["one.wav"].seconds == 4.0 and found["one.wav"].sample_rate == 44_100


def test_only_files_of_one_size_are_hashed(folder, monkeypatch):
    hashed = []
    keys = inspection._KEYS["bytes"]

    def digest(file: inspection.File) -> object:
        hashed.append(os.path.basename(file.path))
        return keys[1](file)

    monkeypatch.setitem(inspection._KEYS, "bytes", (keys[0], digest))
    look(folder, NAMES)
    assert sorted(hashed) == ["copy.wav", "end.wav", "middle.wav", "one.wav"]


def test_a_file_that_fails_while_it_is_compared_is_like_no_other(folder, monkeypatch):
    def fail(path: str, *rest: object) -> object:
        raise OSError("gone")

    monkeypatch.setattr(inspection.audio, "read", fail, raising=False)
    names = "one.wav copy.wav end.wav"
    assert same(look(folder, names, hash_of="audio")) == [[name] for name in names.split()]


def test_no_files_at_all():
    assert inspection.inspect([]) == []
