"""Which files a walk finds."""

import os
import pathlib

import pytest

from kerastag import audio, errors


@pytest.fixture
def library(tmp_path):
    """A folder of empty files; finding does not open them."""
    names = "b.mp3 a.FLAC notes.txt c/2.ogg c/1.opus c/cover.jpg c/.hidden.mp3 .trash/old.mp3 d/e/f.wav"
    for name in names.split():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def names(paths, folder) -> str:
    assert all(isinstance(path, pathlib.Path) for path in paths)
    return " ".join(path.relative_to(folder).as_posix() for path in paths)


def test_folder_in_the_order_of_names(library):
    assert names(audio.find_audio([library]).files, library) == "a.FLAC b.mp3 c/1.opus c/2.ogg d/e/f.wav"


def test_named_files_are_kept_whatever_their_suffix(library):
    found = audio.find_audio([library / "notes.txt", str(library / "c" / ".hidden.mp3"), library / "c"]).files
    assert names(found, library) == "notes.txt c/.hidden.mp3 c/1.opus c/2.ogg"


def test_each_once(library):
    found = audio.find_audio([library / "c" / "2.ogg", library / "c", library / "c"]).files
    assert names(found, library) == "c/2.ogg c/1.opus"


def test_skip(library):
    found = audio.find_audio([library], skip=[library / "c", library / "b.mp3", library / "not there"]).files
    assert names(found, library) == "a.FLAC d/e/f.wav"


def test_links_are_followed_without_end(library):
    try:
        os.symlink(library, library / "d" / "loop")
        os.symlink(library / "b.mp3", library / "d" / "linked.mp3")
        os.symlink(library / "c", library / "z")
        os.symlink(library / "nowhere.mp3", library / "dangling.mp3")
    except OSError:
        pytest.skip("no symbolic links here")
    expected = "a.FLAC b.mp3 c/1.opus c/2.ogg d/e/f.wav d/linked.mp3"
    assert names(audio.find_audio([library]).files, library) == expected
    assert names(audio.find_audio([library / "z"]).files, library) == "z/1.opus z/2.ogg"


def test_missing_path_is_named(library):
    with pytest.raises(errors.KerastagError, match=r"gone\.mp3: no such file or folder"):
        audio.find_audio([library, library / "gone.mp3"])


def test_every_format_has_its_extension():
    assert {".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3"} <= set(audio.EXTENSIONS)
