"""Fields written into files of every container: read back by mutagen and by FFmpeg, all else as it was."""

import pathlib

import pytest

from kerastag.library import writing
from tests.tagged_files import DATE, LONG, NAMES, by_ffmpeg, by_mutagen

WORDS = ["film", "wärm & söft"]
KEYS = {  # of mutagen, for the four fields
    "id3": ("tmoo", "tcon", "tit1", "comm::eng"),
    "v23": ("txxx:mood", "tcon", "tit1", "comm::eng"),
    "comments": ("mood", "genre", "grouping", "comment"),
    "mp4": ("----:com.apple.itunes:mood", "\xa9gen", "\xa9grp", "\xa9cmt"),
    "asf": ("wm/mood", "wm/genre", "wm/contentgroupdescription", "description"),
}
FIELDS = ("mood", "genre", "grouping", "comment")
# FFmpeg shows several values of a name as the first, the last, or joined, by format; it has its own names for these
BY_FFMPEG = {"mood": ("mood", "tmoo", "wm/mood"), "genre": ("genre",), "comment": ("comment", "description")}


def key_of(name: str, field: str) -> str:
    form = name.partition("_")[0]
    kind = {"m4a": "mp4", "wma": "asf", "mp3": "id3", "wav": "id3", "aiff": "id3"}.get(form, "comments")
    kind = "v23" if name in ("mp3_v23", "mp3_v22") else kind
    return KEYS[kind][FIELDS.index(field)]


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("name", NAMES)
def test_a_field_is_written_as_several_values_and_all_else_stays(place, write, undo, tmp_path, name, field):
    path = place(name)
    before, old, heard = path.read_bytes(), by_mutagen(path), by_ffmpeg(path)
    log = write(path, WORDS, field)
    new, key = by_mutagen(path), key_of(name, field)
    assert new.pop(key) == [*old.pop(key, []), *WORDS]
    assert new == old
    decoded, stored, metadata, pictures = by_ffmpeg(path)
    assert (decoded, stored, pictures) == (heard[0], heard[1], heard[3])
    changed = {key for key in {**metadata, **heard[2]} if metadata.get(key) != heard[2].get(key)}
    assert changed <= {*BY_FFMPEG.get(field, ()), "grouping", "tit1", "tt1", "wm/contentgroupdescription"}
    if field in BY_FFMPEG and name not in ("m4a_parts", "mp3_v22"):
        shown = "".join(metadata.get(key, "") for key in BY_FFMPEG[field])
        assert any(value in shown for value in (*WORDS, "calm"))
    assert not writing.plan(path, field, WORDS).changes
    assert undo(log) == ["restored"] and path.read_bytes() == before and path.stat().st_mtime_ns == DATE
    assert undo(log) == ["as it was"]
    assert {entry.name for entry in tmp_path.iterdir()} == {log.name, path.name}


@pytest.mark.parametrize("name", NAMES)
def test_long_values_and_their_removal_leave_the_music_alone(place, write, undo, name):
    path = place(name)
    before, heard = path.read_bytes(), by_ffmpeg(path)
    words = [letter * LONG for letter in "abcdefghijklmnopqrstuvwx"]  # more than a page of Ogg, than most padding
    first = write(path, words)
    assert by_mutagen(path)[key_of(name, "mood")][-24:] == words
    second = write(path, ["short"], mode="replace")
    assert by_mutagen(path)[key_of(name, "mood")] == ["short"]
    assert by_ffmpeg(path)[:2] == heard[:2]
    assert undo(second) == undo(first) == ["restored"] and path.read_bytes() == before


@pytest.mark.parametrize("name", NAMES)
def test_a_file_with_room_does_not_grow(place, write, name):
    path = place(name)
    size = path.stat().st_size
    write(path, ["film"])
    grown = path.stat().st_size - size
    has_room = name in (
        "mp3",
        "mp3_v23",
        "mp3_v22",
        "mp3_all",
        "flac",
        "flac_id3",
        "m4a",
        "m4a_fast",
        "wma",
        "wav",
        "aiff",
    )
    assert grown == 0 if has_room or name in ("vorbis", "opus") else grown >= 0


@pytest.mark.parametrize("name", ["mp3", "flac", "vorbis", "m4a", "wma", "wv"])
def test_replace_is_exactly_ours_keep_leaves_what_there_is_and_merge_knows_capitals(place, write, name):
    path = place(name)
    write(path, ["Calm", "sad"], mode="replace")
    assert by_mutagen(path)[key_of(name, "mood")] == ["Calm", "sad"]
    assert not writing.plan(path, "mood", ["happy"], "keep").changes
    assert not writing.plan(path, "mood", ["SAD", "calm"]).changes
    assert not writing.plan(path, "mood", [], "replace").changes
    assert writing.plan(path, "mood", ["sad", "Calm"], "replace").after == ("Calm", "sad")
    planned = writing.plan(path, "mood", ["film", "sad"], "merge")
    assert (planned.kept, planned.added, planned.removed) == (("Calm", "sad"), ("film",), ())


def test_ffprobe_too_reads_the_mood(place, write):
    import json
    import shutil
    import subprocess

    if shutil.which("ffprobe") is None:
        pytest.skip("ffprobe is not here")
    for name in ("mp3", "flac", "m4a", "wma", "wv"):
        path = place(name)
        write(path, ["film"], mode="replace")
        shown = subprocess.run(["ffprobe", "-v", "error", "-show_format", "-of", "json", path], capture_output=True)
        tags = {key.lower(): value for key, value in json.loads(shown.stdout)["format"]["tags"].items()}
        assert tags.get("mood", tags.get("tmoo", tags.get("wm/mood"))) == "film", name


def test_the_modification_time_stays_where_it_is_asked_to(place, write):
    path = place("mp3")
    write(path, ["film"])
    assert path.stat().st_mtime_ns != DATE
    other = place("flac")
    write(other, ["film"], preserve_mtime=True)
    assert other.stat().st_mtime_ns == DATE


def test_kinds_without_tags_are_told(tmp_path: pathlib.Path, encoded):
    import soundfile

    from kerastag import errors

    refused = {"a.au": "AU", "a.w64": "W64", "a.rf64": "RF64", "a.caf": "CAF"}
    for name, form in refused.items():
        soundfile.write(tmp_path / name, [0.0] * 100, 16_000, format=form, subtype="PCM_16")
    (tmp_path / "a.tta").write_bytes(b"TTA1" + bytes(100))
    (tmp_path / "a.mka").write_bytes(b"\x1aE\xdf\xa3" + bytes(100))
    (tmp_path / "a.aac").write_bytes(b"\xff\xf1\x50\x80" + bytes(100))
    (tmp_path / "raw.wav").write_bytes(bytes(100))
    (tmp_path / "empty.mp3").write_bytes(b"")
    for path in sorted(tmp_path.iterdir()):
        with pytest.raises(errors.KerastagError) as told:
            writing.plan(path, "mood", ["film"])
        assert str(told.value).startswith(f"{path}: ") and "\n" not in str(told.value)
        assert ("no tags that are written" in str(told.value)) == (path.name != "empty.mp3")
