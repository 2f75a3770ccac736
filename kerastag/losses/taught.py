"""A loss that learns from a teacher's scores beside labels: knowledge distillation and self-training.

What such a loss takes for labels are targets, (batch, 2 * num_tags + 1): a track's labels, its soft labels, which are
a teacher's scores in [0, 1], and the share of its loss that its labels have; the soft labels have the rest.
"""

from typing import Any, Self

import keras
import numpy as np
from keras import ops

from kerastag.losses import base, functions
from kerastag.tensors import Config, Tensor


def targets(labels: np.ndarray, soft_labels: np.ndarray, hard_share: np.ndarray) -> np.ndarray:
    """What `Taught` learns from, float32 (num_tracks, 2 * num_tags + 1).

    Args:
      labels: (num_tracks, num_tags); of no consequence where the share is 0.
      soft_labels: a teacher's scores in [0, 1], (num_tracks, num_tags); of no consequence where the share is 1.
      hard_share: the labels' share of each track's loss, in [0, 1], (num_tracks,).
    """
    return np.concatenate([labels, soft_labels, hard_share[:, None]], axis=1, dtype=np.float32)


@keras.saving.register_keras_serializable(package="kerastag")
class Taught(base.MultiLabelLoss):
    """share * hard loss + (1 - share) * soft loss: Hinton et al. 2015, arXiv:1503.02531, section 2.

    The soft loss is the binary cross-entropy of the logits against the soft labels, since tags do not exclude each
    other; over tags it is a mean where the hard loss is one, else a sum, so that their scales are alike. A track whose
    share is 0, which has no labels, is no part of a hard loss over the batch either.

    Args:
      loss: the hard loss, which takes labels.
    """

    def __init__(self, loss: base.MultiLabelLoss, **kwargs: Any):
        super().__init__(**{"name": loss.name, **kwargs})
        self.loss = loss
        self.over_batch = loss.over_batch
        self.mean_over_tags = loss.mean_over_tags

    def per_tag(self, labels: Tensor, logits: Tensor) -> Tensor:
        """The hard loss of each tag of each track."""
        return self.loss.per_tag(labels, logits)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The hard loss of each track, (batch,), as validation takes it: of labels (batch, num_tags)."""
        return self.loss.call(y_true, y_pred)

    def in_training(self, labels: Tensor, logits: Tensor, weight: Tensor, epoch: Tensor) -> Tensor:
        """The loss of each track, (batch,); `labels` are targets, see the module."""
        num_tags = logits.shape[-1]
        share = labels[:, -1]
        counts = weight * ops.cast(share > 0, weight.dtype)
        hard = self.loss.in_training(labels[:, :num_tags], logits, counts, epoch)
        per_tag = functions.binary_crossentropy(labels[:, num_tags : 2 * num_tags], logits)
        soft = ops.mean(per_tag, axis=-1) if self.mean_over_tags else ops.sum(per_tag, axis=-1)
        return share * hard + (1 - share) * soft

    def get_config(self) -> Config:
        return {**super().get_config(), "loss": keras.saving.serialize_keras_object(self.loss)}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        return cls(**{**config, "loss": keras.saving.deserialize_keras_object(config["loss"])})
