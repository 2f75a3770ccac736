"""What all losses are: Keras Loss classes whose `call` gives one value per track."""

import keras
from keras import ops

from kerastag.tensors import Tensor


class MultiLabelLoss(keras.losses.Loss):
    """A loss of (batch, num_tags) labels and logits; the reduction over the batch is Keras' (the mean).

    Attributes:
      over_batch: whether a track's loss depends on the other tracks of its batch.
      mean_over_tags: whether a track's loss is of the size of one tag's; else it is the sum over tags.
    """

    over_batch = False
    mean_over_tags = False

    def __init__(
        self,
        name: str | None = None,
        reduction: str = "sum_over_batch_size",
        dtype: "keras.DTypePolicy | str | None" = None,
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)

    def per_tag(self, labels: Tensor, logits: Tensor) -> Tensor:
        """The loss of each tag of each track, (batch, num_tags)."""
        raise NotImplementedError

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The loss of each track, (batch,): the sum over tags."""
        labels = ops.cast(y_true, y_pred.dtype)
        return ops.sum(self.per_tag(labels, y_pred), axis=-1)

    def in_training(self, labels: Tensor, logits: Tensor, weight: Tensor, epoch: Tensor) -> Tensor:
        """The loss of each track in a step of training, (batch,): `call`, unless a loss knows more there.

        Args:
          labels: (batch, num_tags); a loss may ask for more, see losses.taught.
          logits: (batch, num_tags).
          weight: (batch,), 0 for rows that only fill the batch, as pipeline.filled makes them.
          epoch: epochs trained in full before, int32 ().
        """
        return self.call(labels, logits)
