"""The losses as pure functions of labels and logits, both (batch, num_tags); the result is per element.

Labels lie in [0, 1]: mixed labels work in every function. A sum or mean over tags is left to the caller.
"""

from collections.abc import Sequence

import numpy as np
from keras import ops

from kerastag.tensors import Tensor

# Below 1 the exponent's slope is infinite at 0; the floor keeps the gradient of a perfect score finite.
POWER_FLOOR = 1e-12


def binary_crossentropy(labels: Tensor, logits: Tensor) -> Tensor:
    """-y log p - (1 - y) log(1 - p), p = sigmoid(logits), without overflow at any logit."""
    return ops.relu(logits) - logits * labels + ops.log1p(ops.exp(-ops.abs(logits)))


def focal(labels: Tensor, logits: Tensor, gamma: float = 2.0, alpha: float | None = 0.25) -> Tensor:
    """alpha_t (1 - p_t)^gamma (-log p_t), Lin et al. 2017, arXiv:1708.02002, equation 5.

    Args:
      labels: (batch, num_tags) in [0, 1].
      logits: (batch, num_tags).
      gamma: focusing exponent, at least 0; 0 leaves the cross-entropy as it is.
      alpha: weight of present tags, absent ones have 1 - alpha; None: both have 1.
    """
    loss = binary_crossentropy(labels, logits)
    if gamma:
        # 1 - p_t from sigmoids of both signs: no cancellation for confident scores
        miss = labels * ops.sigmoid(-logits) + (1 - labels) * ops.sigmoid(logits)
        loss = ops.power(ops.maximum(miss, POWER_FLOOR), gamma) * loss
    if alpha is not None:
        loss = (labels * alpha + (1 - labels) * (1 - alpha)) * loss
    return loss


def effective_number_weights(class_counts: Sequence[float], beta: float = 0.995) -> np.ndarray:
    """Effective-number weights, Cui et al. 2019, arXiv:1901.05555: (1 - beta) / (1 - beta^n), scaled to sum to N.

    Args:
      class_counts: (num_tags,) training tracks per tag, all above 0.
      beta: in [0, 1); towards 1 the weights approach the inverse frequencies, 0 makes them equal.

    Returns:
      (num_tags,) float64.
    """
    counts = np.asarray(class_counts, np.float64)
    weights = (1 - beta) / (1 - np.power(beta, counts))
    return weights / weights.sum() * len(weights)


def rebalancing_weights(
    labels: Tensor, class_counts: Tensor, alpha: float = 0.1, beta: float = 10.0, mu: float = 0.2
) -> Tensor:
    """r = alpha + sigmoid(beta (P - mu)), P = (1/n_c) / sum over the track's tags of 1/n_i: Wu et al. 2020,
    arXiv:2007.09654, equations 3 to 5. P is taken for absent tags too, so it may exceed 1.

    A track without tags has P = infinity and r = alpha + 1.

    Returns:
      (batch, num_tags).
    """
    inverse = 1.0 / ops.cast(class_counts, "float32")  # (num_tags,)
    expected = ops.sum(labels * inverse, axis=-1, keepdims=True)  # (batch, 1)
    tagged = expected > 0
    repeat = inverse / ops.where(tagged, expected, 1.0)
    return alpha + ops.where(tagged, ops.sigmoid(beta * (repeat - mu)), 1.0)


def class_bias(class_counts: Sequence[float], num_tracks: int, kappa: float, negative_scale: float) -> np.ndarray:
    """v_c = (kappa / lambda) log(N / n_c - 1), Wu et al. 2020, equation 7: (num_tags,) float64.

    A tag on every track would have an infinite bias: its count is taken as half a track less.
    """
    counts = np.minimum(np.asarray(class_counts, np.float64), num_tracks - 0.5)
    return kappa / negative_scale * np.log(num_tracks / counts - 1)
