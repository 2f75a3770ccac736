"""Multi-label losses; every one takes logits.

The names are readable without importing Keras; `get` imports it.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

OF_THE_PAPER = ("bce", "focal", "cb_focal", "db_focal", "cb_bce", "db_bce")
BEYOND = ("asl", "hill", "splc", "two_way", "ral")
NAMES = (*OF_THE_PAPER, *BEYOND)
NEED_CLASS_COUNTS = ("cb_focal", "db_focal", "cb_bce", "db_bce")
HYPERPARAMETERS = {  # what `get` takes beside the class counts
    "bce": (),
    "focal": ("gamma", "alpha"),
    "cb_focal": ("beta", "gamma", "alpha"),
    "db_focal": ("gamma", "alpha", "negative_scale", "rebalance_alpha", "rebalance_beta", "rebalance_mu", "kappa"),
    "cb_bce": ("beta",),
    "db_bce": ("negative_scale", "rebalance_alpha", "rebalance_beta", "rebalance_mu", "kappa"),
    "asl": ("gamma_negative", "gamma_positive", "clip"),
    "hill": ("hill_lambda", "margin", "gamma"),
    "splc": ("tau", "margin", "gamma", "start_epoch"),
    "two_way": ("positive_temperature", "negative_temperature"),
    "ral": ("gamma_negative", "gamma_positive", "clip", "hill_lambda", "first_coefficient", "second_coefficient"),
}
_NEED_PRIOR_BIAS = ("focal", "cb_focal")
_PRIOR = 0.01


def get(name: str, class_counts: Sequence[float] | None = None, **hyperparameters: Any) -> "keras.losses.Loss":
    """The loss of that name: `loss(y_true, logits)` with labels and logits of (batch, num_tags) gives a scalar.

    Args:
      name: one of NAMES.
      class_counts: (num_tags,) training tracks per tag, before any resampling; needed by cb_* and db_*.
      **hyperparameters: those of the loss's class, `gamma`, `alpha`, `beta`, `negative_scale` and so on.

    Raises:
      ValueError: an unknown name, missing class counts, or a tag without a training track.
    """
    from kerastag.losses import classes

    if name not in NAMES:
        raise ValueError(f"unknown loss '{name}'; there are {', '.join(NAMES)}")
    if name in NEED_CLASS_COUNTS:
        if class_counts is None:
            raise ValueError(f"the loss {name} needs class_counts, the number of training tracks with each tag")
        hyperparameters["class_counts"] = class_counts
    return classes.CLASSES[name](name=name, **hyperparameters)


def output_bias(name: str) -> float | None:
    """The initial bias of the output layer: -log((1 - 0.01) / 0.01) for focal and cb_focal, Lin et al. 2017,
    arXiv:1708.02002, section 4.1; None for the losses whose models keep the layer's own start.

    The authors of the losses beyond the recipe start from the layer's own too, and two_way does not even see a bias
    that all tags share.
    """
    return -math.log((1 - _PRIOR) / _PRIOR) if name in _NEED_PRIOR_BIAS else None
