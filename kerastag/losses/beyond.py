"""Losses beyond the paper as pure functions of labels and logits, both (batch, num_tags).

Labels lie in [0, 1]: a label between is so much of a present tag's loss and the rest of an absent one's. p is
sigmoid(logits). All are finite, with finite gradients, at any finite logit.
"""

from keras import ops

from kerastag.losses import functions
from kerastag.tensors import Tensor

_LOWEST = -3e38  # stands for the logit of what is not there: below all others, and its exponential is 0


def asymmetric(
    labels: Tensor, logits: Tensor, gamma_negative: float = 4.0, gamma_positive: float = 1.0, clip: float = 0.05
) -> Tensor:
    """-(1 - p)^gamma+ log p and -p_m^gamma- log(1 - p_m), p_m = max(p - clip, 0): Ridnik et al. 2021,
    arXiv:2009.14119, sections 2.2 to 2.4.

    The gradient passes through the focusing factors too, as in the paper's analysis (section 2.5) and in its authors'
    code, where holding them constant is an option that is off.

    Args:
      labels: (batch, num_tags) in [0, 1].
      logits: (batch, num_tags).
      gamma_negative, gamma_positive: focusing exponents of absent and of present tags, at least 0.
      clip: in [0, 1); absent tags that score less have no loss.

    Returns:
      (batch, num_tags).
    """
    present = _power(ops.sigmoid(-logits), gamma_positive) * _softplus(-logits)
    absent = _power(_shifted(logits, clip), gamma_negative) * _absent_log_loss(logits, clip)
    return labels * present + (1 - labels) * absent


def focal_margin(logits: Tensor, margin: float = 1.0, gamma: float = 2.0) -> Tensor:
    """-(1 - p_m)^gamma log p_m, p_m = sigmoid(logits - margin): what present tags have in `hill` and `splc`, Zhang et
    al. 2021, arXiv:2112.07368. (batch, num_tags) as `logits`.
    """
    shifted = logits - margin
    return _power(ops.sigmoid(-shifted), gamma) * _softplus(-shifted)


def hill(labels: Tensor, logits: Tensor, hill_lambda: float = 1.5, margin: float = 1.0, gamma: float = 2.0) -> Tensor:
    """`focal_margin` for present tags, (lambda - p) p^2 for absent ones: Zhang et al. 2021, arXiv:2112.07368.

    The gradient for absent tags is that of a hill: it vanishes for those with very high scores too, which may only lack
    their label. With lambda 1.5 it is 3 p^2 (1 - p)^2; below 1.5 the loss falls again towards p = 1.

    Args:
      labels: (batch, num_tags) in [0, 1].
      logits: (batch, num_tags).
      hill_lambda: lambda.
      margin, gamma: see `focal_margin`.

    Returns:
      (batch, num_tags).
    """
    score = ops.sigmoid(logits)
    absent = (hill_lambda - score) * ops.square(score)
    return labels * focal_margin(logits, margin, gamma) + (1 - labels) * absent


def self_paced(
    labels: Tensor,
    logits: Tensor,
    tau: float = 0.6,
    margin: float = 1.0,
    gamma: float = 2.0,
    corrects: Tensor | bool = True,
) -> Tensor:
    """Self-paced loss correction (SPLC) of the focal margin loss, Zhang et al. 2021, arXiv:2112.07368: absent tags with
    p above tau are taken for present ones whose label is missing.

    Absent: -p^gamma log(1 - p); taken for present: -(1 - p)^gamma log p, without the margin, as the authors' code has
    it. At p = tau the loss has a step.

    Args:
      labels: (batch, num_tags) in [0, 1].
      logits: (batch, num_tags).
      tau: score above which an absent tag counts as present.
      margin, gamma: see `focal_margin`; absent tags have the same gamma.
      corrects: bool (); whether there is a correction yet.

    Returns:
      (batch, num_tags).
    """
    score = ops.sigmoid(logits)
    absent = _power(score, gamma) * _softplus(logits)
    missing = ops.logical_and(score > tau, corrects)
    absent = ops.where(missing, focal_margin(logits, 0.0, gamma), absent)
    return labels * focal_margin(logits, margin, gamma) + (1 - labels) * absent


def robust_asymmetric(
    labels: Tensor,
    logits: Tensor,
    gamma_negative: float = 4.0,
    gamma_positive: float = 0.0,
    clip: float = 0.05,
    hill_lambda: float = 1.5,
    first_coefficient: float = 1.0,
    second_coefficient: float = -2.5,
) -> Tensor:
    """Robust asymmetric loss, Park et al. 2023, arXiv:2308.05542: `asymmetric` with changed Taylor coefficients for
    present tags, and regularised like `hill` for absent ones.

    Present: -(1 - p)^gamma+ (log p + e1 (1 - p) + e2 / 2 (1 - p)^2). Absent, with p_m = max(p - clip, 0):
    -p_m^gamma- (lambda - p) p^2 (lambda - (1 - p_m)) log(1 - p_m). That, and the defaults, are as in the code that the
    authors published.

    Args:
      labels: (batch, num_tags) in [0, 1].
      logits: (batch, num_tags).
      gamma_negative, gamma_positive, clip: see `asymmetric`.
      hill_lambda: lambda.
      first_coefficient, second_coefficient: e1 and e2.

    Returns:
      (batch, num_tags).
    """
    score, miss = ops.sigmoid(logits), ops.sigmoid(-logits)
    polynomial = first_coefficient * miss + second_coefficient / 2 * ops.square(miss)
    present = _power(miss, gamma_positive) * (_softplus(-logits) - polynomial)
    shifted = _shifted(logits, clip)
    regulariser = (hill_lambda - score) * ops.square(score) * (hill_lambda - 1 + shifted)
    absent = _power(shifted, gamma_negative) * regulariser * _absent_log_loss(logits, clip)
    return labels * present + (1 - labels) * absent


def two_way(
    labels: Tensor,
    logits: Tensor,
    counts: Tensor | None = None,
    positive_temperature: float = 4.0,
    negative_temperature: float = 1.0,
) -> Tensor:
    """Two-way multi-label loss, Kobayashi, CVPR 2023: of each track over its tags, and of each tag over the tracks,
    softplus(Tn log sum_absent exp(x / Tn) + Tp log sum_present exp(-x / Tp)).

    Tracks without tags and tags without tracks are left out of the means over tracks and over tags. The same constant
    added to all logits changes nothing: scores rank, and are no probabilities.

    Args:
      labels: (batch, num_tags) in [0, 1]; a label between counts in both sums, by its share.
      logits: (batch, num_tags).
      counts: bool (batch,), whether a row is a track; others enter no sum. None: all are.
      positive_temperature, negative_temperature: Tp and Tn.

    Returns:
      (batch,), each track's part: their mean over the rows that are tracks is the loss; 0 for other rows.
    """
    rows = ops.ones_like(logits[:, 0]) if counts is None else ops.cast(counts, logits.dtype)
    present, absent = labels * rows[:, None], (1 - labels) * rows[:, None]

    def of_each(axis: int) -> tuple[Tensor, Tensor]:
        hardest, has_present = _log_sum_exp(-logits / positive_temperature, present, axis)
        nearest, has_absent = _log_sum_exp(logits / negative_temperature, absent, axis)
        valid = ops.cast(has_present, logits.dtype)
        gap = positive_temperature * hardest + negative_temperature * nearest
        return valid * ops.where(has_absent, _softplus(gap), 0.0), ops.maximum(ops.sum(valid), 1.0)

    (tracks, num_tracks), (tags, num_tags) = of_each(1), of_each(0)
    return rows * (tracks * (ops.sum(rows) / num_tracks) + ops.sum(tags) / num_tags)


def _log_sum_exp(values: Tensor, weights: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """log sum weights exp(values) along an axis, and whether anything has a weight there; if not it is 0."""
    values = ops.where(weights > 0, values, _LOWEST)
    there = ops.any(weights > 0, axis=axis)
    top = ops.stop_gradient(ops.max(values, axis=axis, keepdims=True))
    total = ops.sum(weights * ops.exp(values - top), axis=axis)
    return ops.where(there, ops.log(ops.where(there, total, 1.0)) + ops.squeeze(top, axis), 0.0), there


def _softplus(x: Tensor) -> Tensor:
    return functions.binary_crossentropy(0.0, x)


def _power(base: Tensor, exponent: float) -> Tensor | float:
    return ops.power(ops.maximum(base, functions.POWER_FLOOR), exponent) if exponent else 1.0


def _shifted(logits: Tensor, clip: float) -> Tensor:
    """p_m = max(p - clip, 0)."""
    return ops.relu(ops.sigmoid(logits) - clip)


def _absent_log_loss(logits: Tensor, clip: float) -> Tensor:
    """-log(1 - p_m); without a clip it is unbounded, and taken from the logit."""
    if not clip:
        return _softplus(logits)
    return -ops.log(ops.minimum(ops.sigmoid(-logits) + clip, 1.0))
