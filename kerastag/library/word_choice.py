"""Which words a file is given: tags that are sure, not near chance, in the user's words, the most trusted first."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from kerastag import tags
from kerastag.inference import columns, deciding
from kerastag.metrics import card as tag_card

NEVER = "near chance"  # the word of a tag's reliability with which it is given to no file
TRUSTED = "reliable"


@dataclasses.dataclass(frozen=True)
class Choice:
    """A word for a file, and the score of the tag that it stands for, the highest if there are several."""

    word: str
    score: float


def choose(
    scores: np.ndarray,
    decider: deciding.Decider,
    chosen: columns.Columns,
    vocabulary: tags.Vocabulary,
    card: Mapping[str, tag_card.Row],
    max_tags: int | None = None,
    min_score: float | None = None,
) -> list[tuple[Choice, ...]]:
    """The words of each file: those of reliable tags first, then of others, by score within each.

    Args:
      scores: of files that are scored together, (num_files, num_tags).
      decider: the rule by which tags are given.
      chosen: which tags may be given, under which words.
      vocabulary: the tags.
      card: how far each tag can be trusted, by full name; a tag that is near chance is never given, one that is not
        there counts as not reliable.
      max_tags: words of a file at most; None: any number.
      min_score: the lowest score that a given tag may have; None: any.
    """
    trust = [card[name].word if name in card else "" for name in vocabulary.names]
    words_of_kept = np.array([trust[column] for column in chosen.kept])
    of_kept = scores[:, list(chosen.kept)]
    given = decider.only(chosen.kept).decide(of_kept) & (words_of_kept != NEVER)
    if min_score is not None:
        given &= of_kept >= min_score
    ranked = np.where(given, of_kept, -np.inf)
    trusted = chosen.merged(given & (words_of_kept == TRUSTED))
    return [
        _best(chosen.words, row, is_trusted, max_tags)
        for row, is_trusted in zip(chosen.merged(ranked), trusted, strict=True)
    ]


def _best(words: Sequence[str], scores: np.ndarray, trusted: np.ndarray, max_tags: int | None) -> tuple[Choice, ...]:
    """The words with a finite score, trusted ones first."""
    order = np.lexsort((-scores, ~trusted))
    return tuple(Choice(words[place], float(scores[place])) for place in order if np.isfinite(scores[place]))[:max_tags]
