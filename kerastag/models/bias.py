"""Layers whose bias the batch normalisation after them takes, so that no training step spends time on it.

What is normalised does not depend on a bias before it: the batch's mean takes it out again, its gradient is zero, and
only the moving mean knows of it. Adding it and summing its gradient are passes over the largest tensors of a step all
the same, a third of a GPU's time. So while training such a layer leaves its bias out, and norm.BatchNormalization adds
it to the moving mean. At inference it is added as ever, and before a frozen batch normalisation too, which knows no
batch's mean.
"""

from collections.abc import Callable

import keras
import tensorflow as tf

from kerastag.tensors import Tensor


class LeavesBias(keras.layers.Layer):
    """A layer with a bias that a batch normalisation may take."""

    _is_taken: Callable[[], bool] | None = None

    @property
    def leaves_bias(self) -> bool:
        """Whether this layer leaves its bias out while training."""
        return self._is_taken is not None and self._is_taken()

    def leave_bias_if(self, is_taken: Callable[[], bool]) -> None:
        """Says who takes the bias, and when: asked whenever the layer is called."""
        self._is_taken = is_taken


@keras.saving.register_keras_serializable(package="kerastag")
class Dense(LeavesBias, keras.layers.Dense):
    """keras.layers.Dense, which may leave its bias to a batch normalisation."""

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        if training and self.leaves_bias:
            return tf.matmul(inputs, self.kernel)
        return super().call(inputs)


@tf.custom_gradient
def without(bias: Tensor, y: Tensor) -> Tensor:
    """y as it is, (..., channels); the gradient of `bias`, (channels,), is exactly zero and not None.

    An optimiser passes over a variable without a gradient, and weight decay acts on this one as on all others.
    """
    return tf.identity(y), lambda dy: (tf.zeros(bias.shape, bias.dtype), dy)
