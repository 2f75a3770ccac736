"""A wish in moods, such as "relaxing,-energetic:0.5", and the files of a collection ranked by it."""

from collections.abc import Mapping

import numpy as np

from kerastag import errors, tags


def parse(text: str, vocabulary: tags.Vocabulary) -> dict[int, float]:
    """The weight of each tag that is named, by its column.

    Args:
      text: tags with commas; a tag may have a weight behind a colon, 1 without one; a minus in front turns its sign.
      vocabulary: the tags, by full or short name.

    Raises:
      KerastagError: no tag is named, one is unknown or named twice, or a weight is 0 or not a number from -1 to 1.
    """
    weights: dict[int, float] = {}
    for part in filter(None, map(str.strip, text.split(","))):
        column, weight = _parsed(part, vocabulary)
        if column in weights:
            raise errors.KerastagError(f"{part}: the tag is named twice", "mood")
        weights[column] = weight
    if not weights:
        raise errors.KerastagError("no tag is named", "mood")
    return weights


def rank(scores: np.ndarray, weights: Mapping[int, float]) -> tuple[np.ndarray, np.ndarray]:
    """Files ranked by the weighted mean of the tags' percentiles, best first; of equal ones the earlier first.

    The percentile of a file is the share of the collection's other files that have a lower score for the tag, equal
    ones counted half: tags with high scores and tags with low ones weigh alike. A weight below 0 counts what is left
    to 1.

    Args:
      scores: (num_files, num_tags).
      weights: by column, from -1 to 1, not 0.

    Returns:
      rows, (num_files,); how well each fits, float64 (num_files,), from 0 to 1.
    """
    from scipy import stats

    num_files = len(scores)
    total, fits = sum(map(abs, weights.values())), np.zeros(num_files)
    for column, weight in weights.items():
        percentiles = (stats.rankdata(scores[:, column]) - 1) / max(1, num_files - 1)
        fits += abs(weight) / total * (percentiles if weight > 0 else 1 - percentiles)
    rows = np.argsort(-fits, kind="stable")
    return rows, fits[rows]


def _parsed(part: str, vocabulary: tags.Vocabulary) -> tuple[int, float]:
    """The tag and the weight of one part; a tag's own name may hold a colon or begin with a minus."""
    if part in vocabulary:
        return vocabulary.index(part), 1.0
    name, colon, number = part.rpartition(":")
    weight = 1.0
    if colon:
        try:
            weight = float(number)
        except ValueError:
            weight = np.nan
        if not 0 < abs(weight) <= 1:
            raise errors.KerastagError(f"{part}: the weight is not a number from -1 to 1, other than 0", "mood")
    else:
        name = part
    if name not in vocabulary and name.startswith("-"):
        name, weight = name[1:], -weight
    try:
        return vocabulary.index(name.strip()), weight
    except errors.KerastagError as error:
        raise errors.KerastagError(str(error), "mood") from None
