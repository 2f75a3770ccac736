"""What a served model does after its networks, in plain TensorFlow: members' scores to one, scores to probabilities,
the highest of them.

The same numbers as metrics.ensembles and metrics.calibration give in NumPy; float64 inside, since the logit of a
score near 1 has no digits left in float32.
"""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from kerastag.metrics import calibration, ensembles
from kerastag.tensors import Tensor

_BEYOND = 2.0  # no score comes near: knots there only fill up rows, thresholds there are of tags never decided


def combine(members: Sequence[Tensor], method: str, weights: Sequence[float] | None) -> Tensor:
    """Scores of each member, float32 (batch, num_tags), to one, float64 (batch, num_tags); see ensembles.combine."""
    shares = ensembles.normalised(weights, len(members))
    scores = [tf.cast(member, tf.float64) for member in members]
    if method == "logit_mean":
        return tf.sigmoid(tf.add_n([share * _logit(score) for share, score in zip(shares, scores, strict=True)]))
    return tf.add_n([share * score for share, score in zip(shares, scores, strict=True)])


def calibrate(scores: Tensor, fitted: calibration.Calibration) -> Tensor:
    """Scores float64 (batch, num_tags) in [0, 1] to probabilities; see calibration.Calibration.apply."""
    maps = list(fitted.maps.values())
    probabilities = _platt(scores, maps) if fitted.method == "platt" else _isotonic(scores, maps)
    return tf.where(fitted.calibrated, probabilities, scores)


def top(scores: Tensor, k: Tensor, names: Sequence[str], above: Tensor = None) -> dict[str, Tensor]:
    """The tags with the highest scores, highest first, of equal ones the first column first.

    Args:
      scores: float32 (batch, num_tags).
      k: how many of each row, int32 (batch,), from 1 to num_tags.
      names: names of the columns, (num_tags,).
      above: whether scores reach their tags' thresholds, bool (batch, num_tags), or None.

    Returns:
      (batch, the largest k) each: tags, string; scores, float32; above, bool, where it is given. Where a row has a
      smaller k, "", 0 and False follow.
    """
    width = tf.maximum(tf.reduce_max(k), 1)  # at least 1 in a batch of 0 too
    best = tf.math.top_k(scores, width)
    kept = tf.range(width) < k[:, tf.newaxis]  # (batch, width)
    best_tags = {
        "tags": tf.where(kept, tf.gather(tf.constant(names), best.indices), ""),
        "scores": tf.where(kept, best.values, 0.0),
    }
    return best_tags if above is None else {**best_tags, "above": kept & tf.gather(above, best.indices, batch_dims=1)}


def served_thresholds(thresholds: np.ndarray, fitted: calibration.Calibration | None) -> np.ndarray:
    """Thresholds of combined scores, (num_tags,), as those of the scores that are served, float32 (num_tags,).

    One that no score reaches becomes 2: JSON has no infinity.
    """
    reached = thresholds <= 1
    known = np.where(reached, thresholds, 0)
    served = known if fitted is None else fitted.apply(known[np.newaxis])[0]
    return np.where(reached, served, _BEYOND).astype(np.float32)


def largest_error(fitted: calibration.Calibration) -> float:
    """How far `calibrate` is from Calibration.apply at most, over a grid of scores and all knots."""
    knots = [x for tag_map in fitted.maps.values() if isinstance(tag_map, calibration.Isotonic) for x in tag_map.x]
    grid = np.unique(np.concatenate([np.linspace(0, 1, 1001), np.clip(knots, 0, 1)]))
    scores = np.tile(grid[:, None], (1, len(fitted.maps)))
    return float(np.abs(calibrate(tf.constant(scores), fitted).numpy() - fitted.apply(scores)).max())


def _logit(scores: Tensor) -> Tensor:
    clipped = tf.clip_by_value(scores, calibration.EPSILON, 1 - calibration.EPSILON)
    return tf.math.log(clipped) - tf.math.log1p(-clipped)


def _platt(scores: Tensor, maps: Sequence[calibration.Map]) -> Tensor:
    lines = [
        (tag_map.slope, tag_map.intercept) if isinstance(tag_map, calibration.Platt) else (1.0, 0.0) for tag_map in maps
    ]
    slopes, intercepts = np.array(lines).T  # (num_tags,) each
    return tf.sigmoid(slopes * _logit(scores) + intercepts)


def _isotonic(scores: Tensor, maps: Sequence[calibration.Map]) -> Tensor:
    """Linear interpolation between the two knots around each score; level outside the knots of a tag."""
    knots = [
        (tag_map.x, tag_map.y) if isinstance(tag_map, calibration.Isotonic) else ((0.0, 1.0), (0.0, 1.0))
        for tag_map in maps
    ]
    width = 1 + max(len(x) for x, _ in knots)
    x = np.array([[*row, *[_BEYOND] * (width - len(row))] for row, _ in knots])  # (num_tags, width)
    y = np.array([[*row, *row[-1:] * (width - len(row))] for _, row in knots])
    by_tag = tf.maximum(tf.transpose(scores), x[:, :1])  # (num_tags, batch)
    left = tf.searchsorted(x, by_tag, side="right") - 1
    x_left, x_right, y_left, y_right = (
        tf.gather(values, at, batch_dims=1) for values in (x, y) for at in (left, left + 1)
    )
    return tf.transpose(y_left + (y_right - y_left) / (x_right - x_left) * (by_tag - x_left))
