"""Rankings by likeness and by mood, and playlists that another reader understands."""

import json
import os
import pathlib

import numpy as np
import pytest

from kerastag import errors, tags
from kerastag.library import moods, playlists, similar

VOCABULARY = tags.Vocabulary(["mood/theme---calm", "mood/theme---dark", "mood/theme---happy", "a:b", "-minus"])


def cosines(embeddings, seed):
    """In float64, by the definition."""
    embeddings, seed = np.asarray(embeddings, np.float64), np.asarray(seed, np.float64)
    return embeddings @ seed / np.linalg.norm(embeddings, axis=1) / np.linalg.norm(seed)


def test_nearest_are_those_of_the_largest_cosine(rng):
    embeddings = rng.normal(size=(200, 16)).astype(np.float32)
    seed = rng.normal(size=16).astype(np.float32)
    expected = np.argsort(-cosines(embeddings, seed))
    rows, found = similar.nearest(embeddings, seed, 20)
    np.testing.assert_array_equal(rows, expected[:20])
    np.testing.assert_allclose(found, cosines(embeddings, seed)[rows], atol=1e-6)
    assert len(similar.nearest(embeddings, seed, 500)[0]) == 200
    assert len(similar.nearest(embeddings[:0], seed, 5)[0]) == 0
    order = rng.permutation(200)
    np.testing.assert_array_equal(order[similar.nearest(embeddings[order], seed, 20)[0]], rows)


def test_length_is_no_likeness(rng):
    embeddings = rng.normal(size=(50, 8)).astype(np.float32)
    scaled = embeddings * rng.uniform(0.1, 9, (50, 1)).astype(np.float32)
    np.testing.assert_array_equal(
        similar.nearest(scaled, embeddings[0], 9)[0], similar.nearest(embeddings, embeddings[0], 9)[0]
    )


def test_copies_count_once_and_the_seed_not_at_all(rng):
    originals = rng.normal(size=(30, 8)).astype(np.float32)
    embeddings = np.repeat(originals, 4, axis=0)  # row r is a copy of original r // 4
    rows, _ = similar.distinct(embeddings, originals[3], 10)
    expected = [row for row in np.argsort(-cosines(originals, originals[3])) if row != 3][:10]
    assert [row // 4 for row in rows] == expected and all(row % 4 == 0 for row in rows)
    assert len(similar.distinct(embeddings, originals[3], 100)[0]) == 29


@pytest.mark.parametrize("value", [0, np.nan, np.inf])
def test_tracks_without_a_direction_are_near_to_nothing(rng, value):
    embeddings = rng.normal(size=(30, 8)).astype(np.float32)
    seed = rng.normal(size=8).astype(np.float32)
    expected = [row for row in np.argsort(-cosines(embeddings, seed)) if row not in (4, 11)]
    embeddings[[4, 11]] = value
    for search in (similar.nearest, similar.distinct):
        rows, found = search(embeddings, seed, 100)
        assert rows.tolist() == expected and np.isfinite(found).all()
    assert len(similar.distinct(embeddings[[4, 11]], seed, 5)[0]) == 0


@pytest.mark.parametrize("embedding", [np.zeros(4), np.array([1, np.nan, 0, 0])])
def test_what_has_no_direction_is_refused(embedding):
    with pytest.raises(errors.KerastagError, match="a.mp3: its embedding has no direction"):
        similar.check(embedding, "a.mp3")


def test_wishes():
    assert moods.parse("calm,-happy:0.5, dark:-0.25", VOCABULARY) == {0: 1.0, 2: -0.5, 1: -0.25}
    assert moods.parse("-dark:-1", VOCABULARY) == {1: 1.0}
    assert moods.parse("a:b,-minus,mood/theme---calm:0.5", VOCABULARY) == {3: 1.0, 4: 1.0, 0: 0.5}
    assert moods.parse("--minus,a:b:0.5", VOCABULARY) == {4: -1.0, 3: 0.5}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("clam", "unknown tag 'clam'.*calm"),
        ("calm,calm:0.5", "calm:0.5: the tag is named twice"),
        ("calm:2", "calm:2: the weight is not a number from -1 to 1"),
        ("calm:0", "the weight"),
        ("calm:nan", "the weight"),
        ("calm:much", "the weight"),
        (" , ", "no tag is named"),
    ],
)
def test_wishes_that_are_none(text, problem):
    with pytest.raises(errors.KerastagError, match=problem) as caught:
        moods.parse(text, VOCABULARY)
    assert caught.value.option == "mood"


def test_files_are_ranked_by_their_places_not_by_the_height_of_scores():
    scores = np.array([[0.9, 0.001], [0.8, 0.003], [0.1, 0.002], [0.2, 0.003]])
    # percentiles of the first tag: 1, 2/3, 0, 1/3; of the second, with one tie: 0, 5/6, 1/3, 5/6
    rows, fits = moods.rank(scores, {0: 1.0, 1: 1.0})
    assert rows.tolist() == [1, 3, 0, 2]
    np.testing.assert_allclose(fits, [3 / 4, 7 / 12, 1 / 2, 1 / 6])
    rows, fits = moods.rank(scores, {0: -1.0, 1: 0.5})
    # 2/3 of what is left to 1 of the first, 1/3 of the second: 0, 2/9 + 5/18, 2/3 + 1/9, 4/9 + 5/18
    assert rows.tolist() == [2, 3, 1, 0]
    np.testing.assert_allclose(fits, [7 / 9, 13 / 18, 1 / 2, 0], atol=1e-12)


def test_ranking_knows_neither_units_nor_the_order_of_files(rng):
    scores, weights = rng.random((40, 3)), {0: 0.7, 2: -0.3}
    rows, _ = moods.rank(scores, weights)
    np.testing.assert_array_equal(moods.rank(scores**3 / 7, weights)[0], rows)
    np.testing.assert_array_equal(moods.rank(scores, {0: 0.07, 2: -0.03})[0], rows)
    order = rng.permutation(40)
    np.testing.assert_array_equal(order[moods.rank(scores[order], weights)[0]], rows)
    np.testing.assert_allclose(moods.rank(scores[:1], weights)[1], [0.3])


def read_m3u8(text, folder):
    """Name, and (file, seconds, title) of each track, after the format's description: lines that begin with # are not
    files, #EXTINF is of the file below it."""
    name, tracks, info = None, [], (None, None)
    lines = text.split("\n")
    assert lines[0] == "#EXTM3U" and lines[-1] == ""
    for line in lines[1:-1]:
        if line.startswith("#PLAYLIST:"):
            name = line.removeprefix("#PLAYLIST:")
        elif line.startswith("#EXTINF:"):
            seconds, _, title = line.removeprefix("#EXTINF:").partition(",")
            info = (int(seconds), title)
        elif not line.startswith("#"):
            tracks.append((os.path.normpath(os.path.join(folder, line)), *info))
    return name, tracks


@pytest.mark.parametrize("absolute", [False, True])
@pytest.mark.parametrize("folder", ["lists/of", "music"])
def test_a_playlist_leads_to_its_files(tmp_path, absolute, folder, monkeypatch):
    monkeypatch.chdir(tmp_path)
    odd = ["a.mp3", "#1 hit.mp3", " space.mp3", "http:x.mp3", "Björk/歌, 1.mp3", "../up.mp3", "per%20cent.mp3"]
    paths = [pathlib.Path("music") / name for name in odd]
    entries = [playlists.Entry(path, f"title\n{path.stem}", 61.4) for path in paths]
    entries[0] = playlists.Entry(paths[0])
    text = playlists.m3u8(entries, "two\nlines", tmp_path / folder, absolute)
    name, tracks = read_m3u8(text, tmp_path / folder)
    assert name == "two lines"
    assert [track[0] for track in tracks] == [os.path.normpath(tmp_path / path) for path in paths]
    assert tracks[0][1:] == (-1, "a") and tracks[1][1:] == (61, "title #1 hit")


def test_a_collection_behind_a_link_can_be_mounted_elsewhere(tmp_path):
    disk, link, elsewhere = tmp_path / "disk" / "music", tmp_path / "home" / "Music", tmp_path / "mnt" / "deep" / "m"
    (disk / "a").mkdir(parents=True)
    (disk / "a" / "x.mp3").touch()
    link.parent.mkdir()
    link.symlink_to(disk)
    entry = playlists.Entry(link / "a" / "x.mp3")
    text = playlists.m3u8([entry], "n", link / "moods")  # a folder that is not there yet
    elsewhere.parent.mkdir(parents=True)
    disk.rename(elsewhere)
    link.unlink()
    assert read_m3u8(text, elsewhere / "moods")[1][0][0] == str(elsewhere / "a" / "x.mp3")
    # a linked folder that the file does not lie behind: the system goes up from where the link leads
    link.symlink_to(elsewhere)
    outside = tmp_path / "home" / "y.mp3"
    outside.touch()
    (elsewhere / "moods").mkdir()
    line = playlists.m3u8([playlists.Entry(outside)], "n", link / "moods").splitlines()[-1]
    assert os.path.samefile(os.path.join(link / "moods", line), outside)


def test_names_that_a_playlist_cannot_hold(tmp_path, monkeypatch):
    assert not playlists.check_path(pathlib.Path("Björk/a.mp3"), tmp_path)
    assert "line break" in playlists.check_path(pathlib.Path("a\nb.mp3"), tmp_path)
    assert "no UTF-8" in playlists.check_path(pathlib.Path(os.fsdecode(b"na\xefve.mp3")), tmp_path)
    for name, problem in ((os.fsdecode(b"na\xefve"), "no UTF-8"), ("two\nlines", "line break")):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)  # a folder that the path does not name, but its line would
        path = pathlib.Path("a.mp3")
        assert problem in playlists.check_path(path, pathlib.Path("."), absolute=True)
        assert problem in playlists.check_path(path, tmp_path)
        assert not playlists.check_path(path, pathlib.Path("."))


def test_names_of_playlists_are_safe_and_differ():
    titles = ["Rock/Pop", "rock?pop", "..", "", "a\x00b", "x" * 300, "Calm", "静" * 100, "静" * 101]
    names = playlists.file_names(titles, "m3u8")
    assert len({name.casefold() for name in names}) == len(titles)
    assert names[0] == "Rock_Pop.m3u8" and names[6] == "Calm.m3u8"
    for name in names:
        assert not set(name) & set('/\\?*:"<>|\0') and not name.startswith(".") and len(name.encode()) < 220


def test_a_smart_playlist_is_json_with_rules(tmp_path):
    content = playlists.nsp("calm", [playlists.has_mood("calm"), playlists.has_mood("dark", wanted=False)], 30)
    assert json.loads(json.dumps(content)) == {
        "name": "calm",
        "comment": "",
        "all": [{"is": {"mood": "calm"}}, {"isNot": {"mood": "dark"}}],
        "sort": "random",
        "limit": 30,
    }
