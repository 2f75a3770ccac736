"""The audio of a track is found under its PATH, in each form that is published, or named as missing."""

import pytest

from kerastag import audio, errors
from kerastag.data import splits, track_files


def track(path: str) -> splits.Track:
    return splits.Track("t1", path, "", "", None, ("happy",))


def test_audio_is_found_with_and_without_an_extension(tmp_path):
    (tmp_path / "A").mkdir()
    for name in ("plain.mp3", "bare", "v1.2.flac", "LOUD.MP3"):
        (tmp_path / "A" / name).touch()
    assert {".mp3", ".flac"} <= set(audio.EXTENSIONS)
    assert track_files.resolve(tmp_path, track("A/plain.mp3")) == tmp_path / "A/plain.mp3"
    assert track_files.resolve(tmp_path, track("A/plain")) == tmp_path / "A/plain.mp3"
    assert track_files.resolve(tmp_path, track("A/bare")) == tmp_path / "A/bare"
    assert track_files.resolve(str(tmp_path), track("A/v1.2")) == tmp_path / "A/v1.2.flac"
    assert track_files.resolve(tmp_path, track("A/LOUD.MP3")) == tmp_path / "A/LOUD.MP3"


def test_the_smaller_form_of_a_track_is_found_where_the_other_is_not(tmp_path):
    (tmp_path / "14").mkdir()
    (tmp_path / "14/214.low.mp3").touch()
    assert track_files.Lookup(tmp_path, track("14/214.mp3"))() == tmp_path / "14/214.low.mp3"
    with pytest.raises(errors.KerastagError, match="14/21.mp3: no such file"):
        track_files.resolve(tmp_path, track("14/21.mp3"))
    (tmp_path / "14/214.mp3").touch()
    assert track_files.resolve(tmp_path, track("14/214.mp3")) == tmp_path / "14/214.mp3"


def test_symbolic_links_are_followed(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/a.mp3").touch()
    (tmp_path / "music").mkdir()
    (tmp_path / "music/folder").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "music/b.mp3").symlink_to(tmp_path / "elsewhere/a.mp3")
    (tmp_path / "music/dead.mp3").symlink_to(tmp_path / "gone")
    assert track_files.resolve(tmp_path / "music", track("folder/a")) == tmp_path / "music/folder/a.mp3"
    assert track_files.resolve(tmp_path / "music", track("b.mp3")) == tmp_path / "music/b.mp3"
    with pytest.raises(errors.KerastagError, match="dead.mp3: no such file"):
        track_files.resolve(tmp_path / "music", track("dead.mp3"))


@pytest.mark.parametrize("path", ["gone.mp3", "gone", "folder", "x" * 300, "nul\0"])
def test_missing_audio_is_named_with_its_track(tmp_path, path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "gone.mp3.wav").touch()
    with pytest.raises(errors.KerastagError, match="no such file.*'t1'"):
        track_files.resolve(tmp_path, track(path))
