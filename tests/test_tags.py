"""A vocabulary gives every tag one column, whichever of its names is used."""

import dataclasses
import pathlib
import pickle

import numpy as np
import pytest

from kerastag import errors, tags

NAMES = ("genre---rock", "mood/theme---dark", "mood/theme---happy")


@pytest.fixture
def vocabulary() -> tags.Vocabulary:
    return tags.Vocabulary(NAMES)


def test_full_and_short_names_have_the_same_column(vocabulary):
    assert [vocabulary.index(name) for name in NAMES] == [0, 1, 2]
    assert [vocabulary.index(name) for name in ("rock", "dark", "happy")] == [0, 1, 2]
    assert "happy" in vocabulary and "mood/theme---happy" in vocabulary and "sad" not in vocabulary
    assert vocabulary.find("sad") is None


def test_names_keep_their_order(vocabulary):
    assert len(vocabulary) == 3
    assert tuple(vocabulary) == NAMES
    assert vocabulary.short_names == ("rock", "dark", "happy")
    assert tuple(tags.Vocabulary(NAMES[::-1])) == NAMES[::-1]


def test_colliding_short_names_are_shown_full_and_not_accepted_short():
    vocabulary = tags.Vocabulary(["genre---ballad", "mood/theme---ballad", "mood/theme---happy"])
    assert vocabulary.short_names == ("genre---ballad", "mood/theme---ballad", "happy")
    assert vocabulary.index("mood/theme---ballad") == 1
    with pytest.raises(errors.KerastagError, match="'genre---ballad' or 'mood/theme---ballad'"):
        vocabulary.index("ballad")


def test_a_full_name_wins_over_a_short_one():
    vocabulary = tags.Vocabulary(["mood/theme---happy", "happy"])
    assert vocabulary.index("happy") == 1
    assert vocabulary.index("mood/theme---happy") == 0
    assert vocabulary.short_names == ("mood/theme---happy", "happy")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("hapy", "unknown tag 'hapy'; did you mean 'happy'?"),
        ("mood/theme---hapy", "unknown tag 'mood/theme---hapy'; did you mean 'happy'?"),
        ("qqqq", "unknown tag 'qqqq'"),
    ],
)
def test_an_unknown_tag_is_named_with_the_nearest_known_one(vocabulary, name, message):
    with pytest.raises(errors.KerastagError) as caught:
        vocabulary.index(name)
    assert str(caught.value) == message


def test_encode_marks_the_columns(vocabulary):
    labels = vocabulary.encode(["happy", "genre---rock"])
    assert labels.dtype == np.float32
    assert labels.tolist() == [1, 0, 1]
    assert vocabulary.encode([]).tolist() == [0, 0, 0]
    assert vocabulary.encode(["happy", "mood/theme---happy"]).tolist() == [0, 0, 1]
    with pytest.raises(errors.KerastagError, match="unknown tag 'sad'"):
        vocabulary.encode(["happy", "sad"])


def test_a_file_gives_back_an_equal_vocabulary(tmp_path):
    vocabulary = tags.Vocabulary(["mood---fröhlich", "気分---楽しい", "a b", "odd\u00a0one"])
    vocabulary.write(tmp_path / "tags.txt")
    assert (tmp_path / "tags.txt").read_bytes().startswith("mood---fröhlich\n気分---楽しい\n".encode())
    assert tags.Vocabulary.read(tmp_path / "tags.txt") == vocabulary


def test_files_of_other_systems_are_read_alike(tmp_path):
    (tmp_path / "tags.txt").write_bytes(b"\xef\xbb\xbfhappy\r\ndark\r\n\r\n")
    assert tags.Vocabulary.read(tmp_path / "tags.txt").names == ("happy", "dark")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", ": no tags"),
        (b"\n \n", ": no tags"),
        (b"happy\ndark\nhappy\n", ":3: tag 'happy' is tag 1 already"),
        (b"happy\n\ndark\n", ":2: empty tag"),
        (b"happy\nd\xe4mmerig\n", ":2: not UTF-8"),
        (b"happy\nda\trk\n", ":2: tag 'da\\trk' has white space that a text file would lose"),
    ],
)
def test_a_faulty_file_is_named_with_its_line(tmp_path, content, message):
    path = tmp_path / "tags.txt"
    path.write_bytes(content)
    with pytest.raises(errors.KerastagError) as caught:
        tags.Vocabulary.read(path)
    assert str(caught.value) == f"{path}{message}"


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(errors.KerastagError, match="tags.txt: no such file"):
        tags.Vocabulary.read(tmp_path / "tags.txt")


@pytest.mark.parametrize("names", [[], [""], ["a", "a"], [" a"], ["a\nb"]])
def test_names_that_a_file_could_not_keep_are_refused(names):
    with pytest.raises(errors.KerastagError):
        tags.Vocabulary(names)


@pytest.mark.parametrize("name", ["a\x1b[2Jb", "a\x07", "a\u202eb", "a\x9b31m"])
def test_names_that_a_terminal_would_obey_are_refused(name, tmp_path):
    with pytest.raises(errors.KerastagError, match="has a letter that cannot be seen") as caught:
        tags.Vocabulary(["happy", name])
    assert str(caught.value).isprintable()
    (tmp_path / "tags.txt").write_text(f"happy\n{name}\n", encoding="utf-8")
    with pytest.raises(errors.KerastagError, match="tags.txt:2: "):
        tags.Vocabulary.read(tmp_path / "tags.txt")


def test_a_vocabulary_is_a_value(vocabulary):
    assert vocabulary == tags.Vocabulary(list(NAMES)) != tags.Vocabulary(NAMES[:2])
    assert len({vocabulary, tags.Vocabulary(list(NAMES))}) == 1
    assert pickle.loads(pickle.dumps(vocabulary)) == vocabulary
    with pytest.raises(dataclasses.FrozenInstanceError):
        vocabulary.names = ()


def test_the_published_tag_list_is_read_in_order():
    path = pathlib.Path(__file__).parents[1] / "../shared/data/mediaeval2020/moodtheme_tags.txt"
    if not path.exists():
        pytest.skip("needs the MediaEval 2020 data in ../shared")
    vocabulary = tags.Vocabulary.read(path)
    assert len(vocabulary) == 56
    assert vocabulary.short_names[:2] == ("action", "adventure")
    assert vocabulary.names[vocabulary.index("happy")] == "mood/theme---happy"
