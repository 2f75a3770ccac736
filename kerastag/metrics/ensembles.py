"""Several models' scores into one: means of scores, of ranks, of logits, with weights."""

from collections.abc import Sequence

import numpy as np

from kerastag import errors
from kerastag.metrics import calibration

METHODS = ("mean", "rank_mean", "logit_mean")


def combine(
    predictions: Sequence[np.ndarray], method: str = "mean", weights: Sequence[float] | None = None
) -> np.ndarray:
    """One score for each track and tag.

    mean: of the scores; members whose scores spread more count more.
    rank_mean: of each tag's ranks over these tracks, between 0 and 1; only the order counts, so a score means
      nothing without the other tracks, and a single track cannot be scored.
    logit_mean: the sigmoid of the mean logit (the normalised geometric mean of the odds); scores must be in [0, 1].

    Args:
      predictions: scores of each member, (num_tracks, num_tags).
      method: one of METHODS.
      weights: weight of each member, not negative, not all 0; they are scaled to sum to 1. None: all the same.

    Returns:
      float64 (num_tracks, num_tags).

    Raises:
      KerastagError: no members, an unknown method, shapes or weights that do not fit, or a logit of no probability.
    """
    if method not in METHODS:
        raise errors.KerastagError(f"unknown ensemble {method!r}; there are {', '.join(METHODS)}")
    shares = normalised(weights, len(predictions))
    members = transformed(predictions, method)
    total = np.zeros(members[0].shape)
    for share, member in zip(shares, members, strict=True):
        total += share * member
    return finished(total, method)


def normalised(weights: Sequence[float] | None, num_members: int) -> np.ndarray:
    """Weights that sum to 1, float64 (num_members,).

    Raises:
      KerastagError: there are no members, or weights that are too few, negative, not finite, or all 0.
    """
    if num_members == 0:
        raise errors.KerastagError("an ensemble needs members")
    if weights is None:
        return np.full(num_members, 1 / num_members)
    shares = np.asarray(weights, np.float64)
    if shares.shape != (num_members,):
        raise errors.KerastagError(f"{len(shares)} weights for {num_members} members")
    if not np.isfinite(shares).all() or (shares < 0).any() or shares.sum() == 0:
        raise errors.KerastagError(f"weights {', '.join(map(str, weights))}: not 0 or more with a positive sum")
    return shares / shares.sum()


def transformed(predictions: Sequence[np.ndarray], method: str) -> list[np.ndarray]:
    """What a method takes the mean of, float64 (num_tracks, num_tags) for each member.

    Raises:
      KerastagError: see `combine`.
    """
    shape = np.shape(predictions[0])
    for number, scores in enumerate(predictions, 1):
        if np.shape(scores) != shape:
            raise errors.KerastagError(f"member {number} is {np.shape(scores)}, member 1 {shape}")
        if not np.isfinite(scores).all():
            raise errors.KerastagError(f"member {number} has scores that are not finite")
        if method == "logit_mean" and (np.min(scores) < 0 or np.max(scores) > 1):
            raise errors.KerastagError(f"member {number} has scores outside 0 .. 1, which have no logit")
    transform = {
        "mean": lambda scores: scores.astype(np.float64),
        "rank_mean": ranks,
        "logit_mean": calibration.logit,
    }
    return [transform[method](np.asarray(scores)) for scores in predictions]


def finished(mean: np.ndarray, method: str) -> np.ndarray:
    """A score from the mean that a method takes."""
    return 1 / (1 + np.exp(-mean)) if method == "logit_mean" else mean


def ranks(scores: np.ndarray) -> np.ndarray:
    """The rank of each score in its column, from 1 / num_tracks to 1, equal scores sharing their mean rank.

    Takes and gives (num_tracks, num_tags), float64.
    """
    num_tracks = len(scores)
    result = np.empty(scores.shape)
    for column, values in enumerate(scores.T):
        ordered = np.sort(values)
        first, last = (np.searchsorted(ordered, values, side=side) for side in ("left", "right"))
        result[:, column] = (first + 1 + last) / (2 * num_tracks)
    return result
