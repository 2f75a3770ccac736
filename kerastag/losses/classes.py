"""The paper's losses as Keras Loss classes: thin, over `functions`. `call` gives one value per track."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from kerastag.losses import base, beyond_classes, functions
from kerastag.tensors import Config, Tensor

MultiLabelLoss = base.MultiLabelLoss


@keras.saving.register_keras_serializable(package="kerastag")
class BinaryCrossentropy(base.MultiLabelLoss):
    """Binary cross-entropy; alone among the losses it is the mean over tags, as in the paper's code."""

    mean_over_tags = True

    def per_tag(self, labels: Tensor, logits: Tensor) -> Tensor:
        return functions.binary_crossentropy(labels, logits)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The loss of each track, (batch,): the mean over tags."""
        return super().call(y_true, y_pred) / y_pred.shape[-1]


@keras.saving.register_keras_serializable(package="kerastag")
class Focal(base.MultiLabelLoss):
    """Focal loss, Lin et al. 2017, arXiv:1708.02002.

    Args:
      gamma: focusing exponent; 0 makes it the (weighted) cross-entropy.
      alpha: weight of present tags, absent ones have 1 - alpha; None: no weights.
    """

    def __init__(self, gamma: float = 2.0, alpha: float | None = 0.25, **kwargs: Any):
        super().__init__(**kwargs)
        self.gamma = gamma
        self.alpha = alpha

    def per_tag(self, labels: Tensor, logits: Tensor) -> Tensor:
        return functions.focal(labels, logits, self.gamma, self.alpha)

    def get_config(self) -> Config:
        return {**super().get_config(), "gamma": self.gamma, "alpha": self.alpha}


@keras.saving.register_keras_serializable(package="kerastag")
class ClassBalancedFocal(Focal):
    """Focal loss weighted by the effective number of tracks, Cui et al. 2019, arXiv:1901.05555.

    Args:
      class_counts: (num_tags,) training tracks per tag, all above 0.
      beta: in [0, 1); how far the weights go towards the inverse frequency.
      gamma: focusing exponent; 0 makes it the class-balanced cross-entropy.
      alpha: none in the paper.
    """

    def __init__(
        self,
        class_counts: Sequence[float],
        beta: float = 0.995,
        gamma: float = 2.0,
        alpha: float | None = None,
        **kwargs: Any,
    ):
        super().__init__(gamma=gamma, alpha=alpha, **kwargs)
        self.class_counts = _checked_counts(class_counts)
        self.beta = beta
        self._weights = functions.effective_number_weights(self.class_counts, beta).astype(np.float32)

    def per_tag(self, labels: Tensor, logits: Tensor) -> Tensor:
        return self._weights * super().per_tag(labels, logits)

    def get_config(self) -> Config:
        return {**super().get_config(), "class_counts": self.class_counts, "beta": self.beta}


@keras.saving.register_keras_serializable(package="kerastag")
class DistributionBalancedFocal(Focal):
    """Rebalanced weights and negative-tolerant logits, Wu et al. 2020, arXiv:2007.09654.

    Args:
      class_counts: (num_tags,) training tracks per tag, all above 0.
      gamma, alpha: parameters of the focal loss inside; 0 and None make it the distribution-balanced cross-entropy.
      negative_scale: lambda, by which logits of absent tags are multiplied and their loss divided.
      rebalance_alpha, rebalance_beta, rebalance_mu: r = alpha + sigmoid(beta (P - mu)).
      kappa: scale of the tag bias v_c; 0, as in the paper's models, leaves it out.
      num_tracks: training tracks, needed where kappa is above 0.
    """

    def __init__(
        self,
        class_counts: Sequence[float],
        gamma: float = 2.0,
        alpha: float | None = 0.25,
        negative_scale: float = 2.0,
        rebalance_alpha: float = 0.1,
        rebalance_beta: float = 10.0,
        rebalance_mu: float = 0.2,
        kappa: float = 0.0,
        num_tracks: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(gamma=gamma, alpha=alpha, **kwargs)
        if kappa and num_tracks is None:
            raise ValueError("kappa above 0 needs num_tracks, the number of training tracks")
        self.class_counts = _checked_counts(class_counts)
        self.negative_scale = negative_scale
        self.rebalance_alpha = rebalance_alpha
        self.rebalance_beta = rebalance_beta
        self.rebalance_mu = rebalance_mu
        self.kappa = kappa
        self.num_tracks = num_tracks
        bias = functions.class_bias(self.class_counts, num_tracks, kappa, negative_scale) if num_tracks and kappa else 0
        self._bias = np.asarray(bias, np.float32)

    def per_tag(self, labels: Tensor, logits: Tensor) -> Tensor:
        weights = functions.rebalancing_weights(
            labels, self.class_counts, self.rebalance_alpha, self.rebalance_beta, self.rebalance_mu
        )
        scale = labels + (1 - labels) * self.negative_scale
        tolerance = labels + (1 - labels) / self.negative_scale
        return weights * tolerance * super().per_tag(labels, scale * (logits - self._bias))

    def get_config(self) -> Config:
        names = (
            "class_counts",
            "negative_scale",
            "rebalance_alpha",
            "rebalance_beta",
            "rebalance_mu",
            "kappa",
        )
        own = {name: getattr(self, name) for name in (*names, "num_tracks")}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="kerastag")
class ClassBalancedBinaryCrossentropy(ClassBalancedFocal):
    """Binary cross-entropy weighted by the effective number of tracks; the sum over tags."""

    def __init__(self, class_counts: Sequence[float], gamma: float = 0.0, **kwargs: Any):
        super().__init__(class_counts, gamma=gamma, **kwargs)


@keras.saving.register_keras_serializable(package="kerastag")
class DistributionBalancedBinaryCrossentropy(DistributionBalancedFocal):
    """The distribution-balanced loss over binary cross-entropy; the sum over tags."""

    def __init__(self, class_counts: Sequence[float], gamma: float = 0.0, alpha: float | None = None, **kwargs: Any):
        super().__init__(class_counts, gamma=gamma, alpha=alpha, **kwargs)


CLASSES: dict[str, type[base.MultiLabelLoss]] = {
    "bce": BinaryCrossentropy,
    "focal": Focal,
    "cb_focal": ClassBalancedFocal,
    "db_focal": DistributionBalancedFocal,
    "cb_bce": ClassBalancedBinaryCrossentropy,
    "db_bce": DistributionBalancedBinaryCrossentropy,
    **beyond_classes.CLASSES,
}


def _checked_counts(class_counts: Sequence[float]) -> list[float]:
    counts = [float(count) for count in class_counts]
    empty = [column for column, count in enumerate(counts) if not count > 0]
    if empty:
        raise ValueError(f"class_counts: tags without a training track in columns {empty}")
    return counts
