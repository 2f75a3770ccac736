"""Losses beyond the paper as Keras Loss classes: thin, over `beyond`. All are sums over tags, but for TwoWay."""

from typing import Any

import keras

from kerastag.losses import base, beyond
from kerastag.tensors import Config, Tensor


class _WithHyperparameters(base.MultiLabelLoss):
    """A loss whose hyperparameters are attributes, named in `_names`."""

    _names: tuple[str, ...] = ()

    def _given(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self._names}

    def get_config(self) -> Config:
        return {**super().get_config(), **self._given()}


@keras.saving.register_keras_serializable(package="kerastag")
class Asymmetric(_WithHyperparameters):
    """Asymmetric loss, see beyond.asymmetric."""

    _names = ("gamma_negative", "gamma_positive", "clip")

    def __init__(self, gamma_negative: float = 4.0, gamma_positive: float = 1.0, clip: float = 0.05, **kwargs: Any):
        super().__init__(**kwargs)
        self.gamma_negative = gamma_negative
        self.gamma_positive = gamma_positive
        self.clip = clip

    def per_tag(self, labels: Tensor, logits: Tensor) -> Tensor:
        return beyond.asymmetric(labels, logits, **self._given())


@keras.saving.register_keras_serializable(package="kerastag")
class Hill(_WithHyperparameters):
    """Hill loss, for labels of which some are missing, see beyond.hill."""

    _names = ("hill_lambda", "margin", "gamma")

    def __init__(self, hill_lambda: float = 1.5, margin: float = 1.0, gamma: float = 2.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.hill_lambda = hill_lambda
        self.margin = margin
        self.gamma = gamma

    def per_tag(self, labels: Tensor, logits: Tensor) -> Tensor:
        return beyond.hill(labels, logits, **self._given())


@keras.saving.register_keras_serializable(package="kerastag")
class SelfPaced(_WithHyperparameters):
    """Self-paced loss correction (SPLC), for labels of which some are missing, see beyond.self_paced.

    In training by kerastag the correction begins after `start_epoch` epochs. Elsewhere, in `model.compile(loss=...)`,
    in a validation loss, or called as a function, nobody says which epoch it is, and the loss corrects from the start.

    Args:
      tau, margin, gamma: see beyond.self_paced.
      start_epoch: epochs before the correction begins; 1 in the paper, 0: it never waits.
    """

    _names = ("tau", "margin", "gamma", "start_epoch")

    def __init__(self, tau: float = 0.6, margin: float = 1.0, gamma: float = 2.0, start_epoch: int = 1, **kwargs: Any):
        super().__init__(**kwargs)
        self.tau = tau
        self.margin = margin
        self.gamma = gamma
        self.start_epoch = start_epoch

    def per_tag(self, labels: Tensor, logits: Tensor, corrects: Tensor | bool = True) -> Tensor:
        return beyond.self_paced(labels, logits, self.tau, self.margin, self.gamma, corrects)

    def in_training(self, labels: Tensor, logits: Tensor, weight: Tensor, epoch: Tensor) -> Tensor:
        """The loss of each track, corrected from `start_epoch` on."""
        labels = keras.ops.cast(labels, logits.dtype)
        return keras.ops.sum(self.per_tag(labels, logits, epoch >= self.start_epoch), axis=-1)


@keras.saving.register_keras_serializable(package="kerastag")
class RobustAsymmetric(_WithHyperparameters):
    """Robust asymmetric loss, see beyond.robust_asymmetric."""

    _names = ("gamma_negative", "gamma_positive", "clip", "hill_lambda", "first_coefficient", "second_coefficient")

    def __init__(
        self,
        gamma_negative: float = 4.0,
        gamma_positive: float = 0.0,
        clip: float = 0.05,
        hill_lambda: float = 1.5,
        first_coefficient: float = 1.0,
        second_coefficient: float = -2.5,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.gamma_negative = gamma_negative
        self.gamma_positive = gamma_positive
        self.clip = clip
        self.hill_lambda = hill_lambda
        self.first_coefficient = first_coefficient
        self.second_coefficient = second_coefficient

    def per_tag(self, labels: Tensor, logits: Tensor) -> Tensor:
        return beyond.robust_asymmetric(labels, logits, **self._given())


@keras.saving.register_keras_serializable(package="kerastag")
class TwoWay(_WithHyperparameters):
    """Two-way multi-label loss, see beyond.two_way; a track's loss is its part of that of the batch.

    In training by kerastag the batch is the whole one, over all replicas, without the rows that only fill it. Elsewhere
    it is what the loss is given: under a strategy a replica's share.

    Args:
      positive_temperature, negative_temperature: Tp and Tn, above 0.
    """

    _names = ("positive_temperature", "negative_temperature")
    over_batch = True
    mean_over_tags = True  # over the tags of a track, and over those of the batch

    def __init__(self, positive_temperature: float = 4.0, negative_temperature: float = 1.0, **kwargs: Any):
        super().__init__(**kwargs)
        if not (positive_temperature > 0 and negative_temperature > 0):
            raise ValueError(f"temperatures must be above 0: {positive_temperature}, {negative_temperature}")
        self.positive_temperature = positive_temperature
        self.negative_temperature = negative_temperature

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Each track's part of the loss, (batch,)."""
        return beyond.two_way(keras.ops.cast(y_true, y_pred.dtype), y_pred, **self._given())

    def in_training(self, labels: Tensor, logits: Tensor, weight: Tensor, epoch: Tensor) -> Tensor:
        """Each track's part of the loss, of the rows with a weight."""
        return beyond.two_way(keras.ops.cast(labels, logits.dtype), logits, weight > 0, **self._given())


CLASSES: dict[str, type[base.MultiLabelLoss]] = {
    "asl": Asymmetric,
    "hill": Hill,
    "splc": SelfPaced,
    "two_way": TwoWay,
    "ral": RobustAsymmetric,
}
