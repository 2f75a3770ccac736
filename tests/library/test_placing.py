"""Where pictures of files stand: each its own place, none outside the folder, nothing of others replaced."""

import os
import pathlib

import pytest

from kerastag import errors
from kerastag.library import placing

MARK = b"ours"


def make(folder, *names):
    paths = [folder / name for name in names]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return paths


def test_the_tree_below_what_was_given_is_mirrored(tmp_path):
    paths = make(tmp_path / "Music", "a/b.mp3", "c/b.mp3", "a/b.flac", "d.ogg")
    places = placing.beside(pathlib.Path("out"), [str(tmp_path / "Music")], paths, ".png")
    assert [os.fspath(places[path]) for path in paths] == [
        "out/a/b.mp3.png",
        "out/c/b.mp3.png",
        "out/a/b.flac.png",
        "out/d.ogg.png",
    ]
    given = [str(tmp_path / "Music" / "a"), str(tmp_path / "Music" / "c" / "b.mp3")]
    places = placing.beside(pathlib.Path("out"), given, paths[:3], ".png")
    assert os.fspath(places[paths[1]]) == "out/c/b.mp3.png"


def test_files_named_alone_or_from_where_one_stands_need_no_folders(tmp_path, monkeypatch):
    paths = make(tmp_path, "a/b.mp3", "a/c.mp3")
    assert set(placing.beside(pathlib.Path("o"), list(map(str, paths)), paths, ".png").values()) == {
        pathlib.Path("o/b.mp3.png"),
        pathlib.Path("o/c.mp3.png"),
    }
    monkeypatch.chdir(tmp_path / "a")
    for given in (["."], ["b.mp3"], ["../a"]):
        found = pathlib.Path(given[0]) if given == ["b.mp3"] else pathlib.Path(given[0]) / "b.mp3"
        assert placing.beside(pathlib.Path("o"), given, [found], ".png")[found] == pathlib.Path("o/b.mp3.png")


def test_every_file_has_its_own_place_and_it_can_be_made(tmp_path):
    raw = [b"a.mp3", b"A.mp3", b"\xff.mp3", b"\xfe.mp3", b"new\nline.mp3", b"x" * 251 + b".mp3", b"x" * 250 + b"y.mp3"]
    raw += ["\u6b4c".encode() * 80 + b".mp3", ("\u6b4c" * 79 + "\u591c").encode() + b".mp3"]
    folder = tmp_path / "Music"
    paths = make(folder, *map(os.fsdecode, raw))
    twice = folder / ".." / "Music" / "a.mp3"
    places = placing.beside(tmp_path / "out", [str(folder)], [*paths, twice], ".png")
    assert len(places) == 10 and len({str(place).casefold() for place in places.values()}) == 10
    for place in places.values():
        assert place.parent == tmp_path / "out" and len(os.fsencode(place.name)) < 230 and place.name.isprintable()
        place.name.encode()  # is UTF-8
    assert places[paths[0]].name == "a.mp3.png" and places[paths[1]].name == "A.mp3.2.png"
    assert places[twice].name == "a.mp3.3.png"


def test_what_stands_there_is_replaced_only_if_it_is_ours_and_if_it_may_be(tmp_path):
    (path,) = make(tmp_path / "Music", "a.mp3")
    places = placing.beside(tmp_path / "out", [str(tmp_path / "Music")], [path], ".png")
    placing.check(places, tmp_path / "out", False, MARK)
    assert not (tmp_path / "out").exists()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "cover.png").write_bytes(b"a cover")
    placing.check(places, tmp_path / "out", False, MARK)
    places[path].write_bytes(b"PNG ours ...")
    with pytest.raises(errors.KerastagError, match=r"a\.mp3\.png: exists already") as caught:
        placing.check(places, tmp_path / "out", False, MARK)
    assert caught.value.option == "overwrite"
    placing.check(places, tmp_path / "out", True, MARK)
    places[path].write_bytes(b"a cover")
    with pytest.raises(errors.KerastagError, match=r"a\.mp3\.png: is not a picture that kerastag made"):
        placing.check(places, tmp_path / "out", True, MARK)


def test_a_file_in_the_place_of_a_folder_is_told(tmp_path):
    (path,) = make(tmp_path / "Music", "a/b.mp3")
    make(tmp_path, "out/a")
    places = placing.beside(tmp_path / "out", [str(tmp_path / "Music")], [path], ".png")
    with pytest.raises(errors.KerastagError, match=r"out/a/b\.mp3\.png: cannot be written"):
        placing.check(places, tmp_path / "out", True, MARK)
    with pytest.raises(errors.KerastagError, match="is no folder"):
        placing.check(places, tmp_path / "out" / "a", True, MARK)
