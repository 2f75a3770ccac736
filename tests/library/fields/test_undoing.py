"""Journals: torn, damaged, forged, undone twice, undone in any order, undone after others have been at the files."""

import fcntl
import json
import os

import pytest

from kerastag import errors, names
from kerastag.library import journal, replacing, undoing
from tests.tagged_files import DATE, by_mutagen

mutagen = pytest.importorskip("mutagen")


@pytest.fixture
def lines():
    """A function that gives the lines of a journal as objects."""
    return lambda log: [json.loads(line) for line in log.read_text().splitlines()]


def test_a_line_holds_what_restores_the_file(place, write, lines):
    path = place("vorbis")
    write(path, ["film", "静か"])
    head, entry = lines(write(path, ["happy"], mode="replace"))
    assert head["kerastag_journal"] == 1 and set(head) == {"kerastag_journal", "version", "started"}
    assert entry["path"] == str(path) and entry["field"] == "mood"
    assert entry["before"] == ["calm", "film", "静か"] and entry["after"] == ["happy"]
    assert entry["old_size"] > 0 and len(entry["old_sha256"]) == 64 and entry["old_sha256"] != entry["new_sha256"]


def test_a_name_that_is_no_utf8_survives(place, write, undo, tmp_path):
    path = place("mp3")
    strange = tmp_path / os.fsdecode(b"b\xff\\ \n\x1b[1m.mp3")
    path.rename(strange)
    before = strange.read_bytes()
    log = write(strange, ["film"])
    assert "b\\xff\\\\ \\x0a\\x1b[1m.mp3" in json.loads(log.read_text().splitlines()[1])["path"]
    assert undo(log) == ["restored"] and strange.read_bytes() == before


def test_journals_are_undone_in_either_order(place, write, undo):
    path = place("flac")
    before = path.read_bytes()
    first, second = write(path, ["film"]), write(path, ["happy"])
    assert undo(first) == ["by value"] and by_mutagen(path)["mood"] == ["calm", "happy"]
    assert undo(first) == ["as it was"]
    assert undo(second) == ["by value"] and by_mutagen(path)["mood"] == ["calm"]
    path.write_bytes(before)
    first, second = write(path, ["film"]), write(path, ["happy"])
    assert undo(second) == undo(first) == ["restored"] and path.read_bytes() == before
    assert path.stat().st_mtime_ns > DATE


@pytest.mark.parametrize("name", ["mp3", "mp3_v23", "flac", "vorbis", "m4a", "wma", "wv", "wav"])
def test_what_others_wrote_since_stays(place, write, undo, name):
    path = place(name)
    log = write(path, ["film", "sad"], mode="replace")
    title = {"m4a": "\xa9nam", "wma": "Title"}.get(name, "title")
    file = mutagen.File(path, easy=name.startswith("mp3"))
    if name == "wav":
        file.tags.add(mutagen.id3.TIT2(encoding=3, text="New"))
    else:
        file[title] = "New"
    file.save(**({"v2_version": 3, "v23_sep": None} if name == "mp3_v23" else {}))
    assert undo(log) == ["by value"]
    tags = by_mutagen(path)
    assert next(value for key, value in tags.items() if key in (title.lower(), "tit2")) == ["New"]
    old = ["calm"] if name in ("flac", "vorbis", "wv") else None
    assert next((value for key, value in tags.items() if "mood" in key or key == "tmoo"), None) == old
    assert undo(log) == ["as it was"]


@pytest.mark.parametrize(
    "now, before, after, expected",
    [
        (["calm", "film"], ["calm"], ["calm", "film"], ["calm"]),
        (["calm", "film", "own"], ["calm"], ["calm", "film"], ["calm", "own"]),
        (["film"], ["calm"], ["film"], ["calm"]),
        (["own"], ["calm"], ["film"], ["own", "calm"]),
        ([], ["calm"], ["calm", "film"], []),
        (["film"], [], ["film"], []),
    ],
)
def test_values_that_others_added_stay_and_ours_go(now, before, after, expected):
    assert undoing.values_before(now, before, after) == expected
    assert undoing.values_before(expected, before, after) == expected


def test_a_torn_last_line_does_not_count(place, write, undo, tmp_path):
    path = place("flac")
    before = path.read_bytes()
    log = write(path, ["film"])
    whole = log.read_bytes()
    for torn in (whole + whole.splitlines()[1][:100], whole + b"{"):
        log.write_bytes(torn)
        assert undo(log) in (["restored"], ["as it was"]) and path.read_bytes() == before
    log.write_bytes(whole.splitlines(keepends=True)[0])
    assert undo(log) == []


def test_damaged_and_forged_lines_are_told_and_the_others_undone(place, write, tmp_path, lines):
    path = place("flac")
    before = path.read_bytes()
    log = write(path, ["film"])
    head, entry = lines(log)
    target = tmp_path / "target.txt"
    target.write_text("not music")
    forged = [
        {**entry, "path": "music/a.flac"},
        {**entry, "path": f"{tmp_path}/../{tmp_path.name}/flac.flac"},
        {**entry, "path": f"{tmp_path}/flac.flac\\x00"},
        {**entry, "path": f"{tmp_path}/\x1b[2J\n\u202e.flac"},
        {**entry, "path": f"{tmp_path}/\ud800.flac"},
        {**entry, "path": 5},
        {**entry, "field": "title"},
        {**entry, "before": "calm"},
        {**entry, "after": [1]},
        {**entry, "old_sha256": "f" * 63},
        {**entry, "old_size": -1},
        {**entry, "old_size": True},
        {**entry, "undo": ["x"]},
        {key: value for key, value in entry.items() if key != "undo"},
        [1, 2],
        {**entry, "path": str(target)},
        {**entry, "path": str(tmp_path / "gone.flac")},
    ]
    texts = [json.dumps(head), *map(json.dumps, forged), '{"path": "', "\x00\x01", "[" * 100_000, json.dumps(entry)]
    log.write_text("".join(f"{text}\n" for text in texts))
    done = list(undoing.undo(log))
    assert done[0].outcome == "restored" and path.read_bytes() == before and target.read_text() == "not music"
    assert [one.outcome for one in done[1:]] == ["failed"] * (len(forged) + 3)
    assert all(names.hidden_letter(one.line) is None and str(tmp_path) in one.line for one in done)
    assert "target.txt: " in done[5].line and "gone.flac: no such file" in done[4].line
    assert f"{log}:2: is damaged (path:" in done[-1].line


@pytest.mark.parametrize("undo_text", ["", "AAAA", "!", 7])
def test_a_damaged_diff_leaves_the_file(place, write, lines, undo_text):
    path = place("flac")
    log = write(path, ["film"])
    head, entry = lines(log)
    new = path.read_bytes()
    log.write_text(json.dumps(head) + "\n" + json.dumps({**entry, "undo": undo_text}) + "\n")
    (told,) = undoing.undo(log)
    assert told.outcome == "failed" and "journal is damaged" in told.line and path.read_bytes() == new


def test_a_diff_that_gives_another_file_leaves_the_file(place, write, lines):
    path = place("flac")
    log = write(path, ["film"])
    head, entry = lines(log)
    new = path.read_bytes()
    log.write_text(json.dumps(head) + "\n" + json.dumps({**entry, "old_sha256": "0" * 64}) + "\n")
    (told,) = undoing.undo(log)
    assert told.outcome == "failed" and "another file than there was" in told.line and path.read_bytes() == new


def test_many_replaced_bytes_lie_beside_the_journal(place, write, undo, monkeypatch, tmp_path):
    path = place("flac")
    before = path.read_bytes()
    first = write(path, ["x" * 3000])
    monkeypatch.setattr(journal, "INLINE_BYTES", 20)
    second = write(path, ["film"], mode="replace")
    entry = json.loads(second.read_text().splitlines()[1])
    assert entry["undo"] == 1 and (tmp_path / f"{second.name}.old" / "1").is_file()
    assert undo(second) == undo(first) == ["restored"] and path.read_bytes() == before


def test_what_is_no_journal_or_in_use_is_refused(place, write, tmp_path):
    log = write(place("flac"), ["film"])
    for name, content in (("a", b""), ("b", b"{}\n"), ("c", b"\xff\n"), ("d", b'{"kerastag_journal": 2}\n')):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(errors.KerastagError, match="not a journal|another version"):
            list(undoing.undo(tmp_path / name))
    with pytest.raises(errors.KerastagError, match="no such file"):
        list(undoing.undo(tmp_path / "missing"))
    with pytest.raises(errors.KerastagError, match="exists already"):
        journal.Journal(log)
    with pytest.raises(errors.KerastagError, match="j: cannot be written|j: is a folder|not a directory"):
        journal.Journal(log / "j")
    with log.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(errors.KerastagError, match="another process is at work"):
            list(undoing.undo(log))


def test_a_link_in_the_place_of_the_file_is_not_followed(place, write, tmp_path):
    path = place("flac")
    log = write(path, ["film"])
    other = tmp_path / "other.flac"
    path.rename(other)
    path.symlink_to(other)
    new = other.read_bytes()
    (told,) = undoing.undo(log)
    assert told.outcome == "failed" and "is a link now" in told.line and other.read_bytes() == new


def test_a_copy_left_behind_is_taken_away_by_the_undo(place, write, undo, tmp_path):
    path = place("flac")
    log = write(path, ["film"])
    left = tmp_path / f".{'0' * 24}.kerastag-partial"
    left.write_bytes(b"")
    undo(log)
    assert not left.exists()


def test_the_default_is_a_new_file_in_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first = journal.default_path()
    assert first.parent == tmp_path / "kerastag" / "journals" and first.suffix == ".jsonl"
    with journal.Journal(first):
        assert journal.default_path() != first


def test_a_file_that_changes_while_it_is_undone_is_left(place, write, undo, monkeypatch):
    path = place("mp3")
    log = write(path, ["film"])
    sha256, seen = replacing.sha256, []

    def then_changed(file):
        digest = sha256(file)
        if not seen:  # looked at, and not copied yet
            seen.append(file)
            path.write_bytes(path.read_bytes() + b"more")
        return digest

    monkeypatch.setattr(replacing, "sha256", then_changed)
    (undone,) = undoing.undo(log)
    assert undone.outcome == undoing.FAILED and "has changed meanwhile" in undone.line
    assert path.read_bytes().endswith(b"more")
