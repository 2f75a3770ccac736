"""Tags left out and renamed: which columns are left, what they are called, and what a file of words may hold."""

import numpy as np
import pytest

from kerastag import errors, tags
from kerastag.inference import columns

VOCABULARY = tags.Vocabulary(["mood---happy", "mood---joyful", "mood---dark", "film"])
SCORES = np.array([[0.1, 0.6, 0.3, 0.2], [0.5, 0.4, 0.7, 0.9]])


@pytest.fixture
def words(tmp_path):
    def write(text):
        (tmp_path / "words.tsv").write_text(text, encoding="utf-8")
        return tmp_path / "words.tsv"

    return write


def test_without_wishes_all_is_as_it_was():
    chosen = columns.of(VOCABULARY)
    assert chosen.words == VOCABULARY.short_names and chosen.kept == (0, 1, 2, 3)
    np.testing.assert_array_equal(chosen.merged(SCORES), SCORES)


def test_tags_with_the_same_word_have_the_highest_of_their_scores(words):
    chosen = columns.of(VOCABULARY, rename=words("joyful\tfroh\nmood---happy\tfroh\ndark\tdüster\n"))
    assert chosen.words == ("froh", "düster", "film")
    np.testing.assert_array_equal(chosen.merged(SCORES), [[0.6, 0.3, 0.2], [0.5, 0.7, 0.9]])
    given = np.array([[True, False, False, False], [False, False, True, True]])
    np.testing.assert_array_equal(chosen.merged(given), [[True, False, False], [False, True, True]])


def test_a_word_that_is_another_tag_takes_it_in(words):
    chosen = columns.of(VOCABULARY, rename=words("tag\tword\n\njoyful\thappy\n"))
    assert chosen.words == ("happy", "dark", "film")
    np.testing.assert_array_equal(chosen.merged(SCORES)[:, 0], [0.6, 0.5])


def test_what_is_left_out_counts_nowhere(words):
    chosen = columns.of(VOCABULARY, ["joyful", "film"], words("joyful\tfroh\nhappy\tfroh\n"))
    assert chosen.kept == (0, 2) and chosen.words == ("froh", "dark")
    np.testing.assert_array_equal(chosen.merged(SCORES[:, chosen.kept]), [[0.1, 0.3], [0.5, 0.7]])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("happy\tfroh\nhapy\tfroh\n", r":2: unknown tag 'hapy'; did you mean 'happy'\?"),
        ("happy\tfroh\n\nmood---happy\theiter\n", ":3: tag 'mood---happy' has a word already"),
        ("happy froh\n", ":1: not a tag and a word with a tab between them"),
        ("happy\tfroh\theiter\n", ":1: not a tag and a word"),
        ("happy\t \n", ":1: not a tag and a word"),
        ("happy\ta\x1bb\n", r":1: word a\\x1bb has a letter"),
    ],
)
def test_a_line_that_says_nothing_is_named(words, text, problem):
    with pytest.raises(errors.KerastagError, match=r"words\.tsv" + problem):
        columns.of(VOCABULARY, rename=words(text))


def test_unknown_tags_and_an_empty_rest_are_refused():
    with pytest.raises(errors.KerastagError, match=r"unknown tag 'drak'; did you mean 'dark'\?") as caught:
        columns.of(VOCABULARY, ["drak"])
    assert caught.value.option == "exclude"
    with pytest.raises(errors.KerastagError, match="all tags are left out"):
        columns.of(VOCABULARY, ["happy", "joyful", "dark", "film"])
