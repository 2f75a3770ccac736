"""Which words a file is given."""

import dataclasses

import numpy as np
import pytest

from kerastag import tags
from kerastag.inference import columns
from kerastag.inference.deciding import Decider
from kerastag.library import word_choice
from kerastag.metrics import card

VOCABULARY = tags.Vocabulary(["mood/theme---calm", "mood/theme---dark", "mood/theme---epic", "mood/theme---happy"])
DECIDER = Decider(thresholds=np.array([0.5, 0.1, 0.3, 0.2]))
ROW = card.Row("", 0.5, 0.4, 0.6, 5.0, 4.0, 0.5, 0.5, 0.5, True, "weak")
TRUST = ("weak", "near chance", "reliable", "unmeasured")
CARD = {name: dataclasses.replace(ROW, tag=name, word=word) for name, word in zip(VOCABULARY.names, TRUST, strict=True)}


def words_of(scores, exclude=(), rename=None, trust=CARD, **bounds):
    chosen = columns.of(VOCABULARY, exclude, rename)
    choices = word_choice.choose(np.float32(scores), DECIDER, chosen, VOCABULARY, trust, **bounds)
    return [[(choice.word, round(choice.score, 4)) for choice in of] for of in choices]


def test_tags_at_their_threshold_reliable_ones_first_and_none_near_chance():
    assert words_of([[0.9, 0.9, 0.3, 0.1]]) == [[("epic", 0.3), ("calm", 0.9)]]
    assert words_of([[0.4, 1.0, 0.2, 0.1]]) == [[]]


def test_without_a_card_the_score_alone_ranks():
    assert words_of([[0.9, 0.2, 0.3, 0.1]], trust={}) == [[("calm", 0.9), ("epic", 0.3), ("dark", 0.2)]]


def test_bounds():
    assert words_of([[0.9, 0.9, 0.3, 0.8]], max_tags=2) == [[("epic", 0.3), ("calm", 0.9)]]
    assert words_of([[0.9, 0.9, 0.3, 0.8]], min_score=0.85) == [[("calm", 0.9)]]


def test_a_word_for_several_tags_stands_once_with_their_best_given_score(tmp_path):
    path = tmp_path / "words.tsv"
    path.write_text("calm\tquiet\ndark\tquiet\nhappy\tquiet\n")
    # dark is near chance: its 0.95 counts neither for the word nor for its score
    assert words_of([[0.6, 0.95, 0.1, 0.7]], rename=path) == [[("quiet", 0.7)]]
    assert words_of([[0.1, 0.95, 0.1, 0.1]], rename=path) == [[]]
    assert words_of([[0.6, 0.95, 0.1, 0.7]], rename=path, exclude=["happy"]) == [[("quiet", 0.6)]]


@pytest.mark.parametrize("order", [[2, 0, 1], [1, 2, 0]])
def test_files_do_not_matter_to_each_other_where_thresholds_decide(order, rng):
    scores = rng.random((3, 4), np.float32)
    choices = words_of(scores)
    assert words_of(scores[order]) == [choices[row] for row in order]
