"""Batch normalisation, and what it does with the layer before it: its bias, its casts, its folding."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from kerastag.models import bias
from kerastag.tensors import Config, Tensor

EPSILON = 1e-5  # added to the variance in batch normalisation


@keras.saving.register_keras_serializable(package="kerastag")
class BatchNormalization(keras.layers.Layer):
    """Batch normalisation of the last axis: exact in float32, on TensorFlow's fused kernel in half precision.

    Input of (batch, channels), (batch, time, channels) or (batch, height, width, channels); weights and statistics are
    float32, or float64 in that policy. The moving variance is the unbiased one, as PyTorch keeps it; Keras' own layer
    keeps the biased one and does without the fused kernel, which makes a training step in bfloat16 more than twice as
    fast. That kernel adds a channel's values one by one in float32, too coarse for float32 training to follow a
    reference; see `normalise`. Under a strategy each replica normalises by its own share of the batch and the moving
    statistics are the mean over replicas. It takes the bias of the layer before it, see models.bias. Frozen,
    `trainable` being off, it normalises by the moving statistics in training too, leaves them as they are, and takes no
    bias.

    Args:
      momentum: momentum of the moving statistics, in Keras' sense: the weight of the old value.
      epsilon: added to the variance.
    """

    def __init__(self, momentum: float = 0.9, epsilon: float = EPSILON, **kwargs: Any):
        policy = keras.dtype_policies.get(kwargs.pop("dtype", None) or keras.config.dtype_policy())
        # not the policy itself: a mixed one would cast the bias that this layer takes
        super().__init__(**{**kwargs, "dtype": policy.compute_dtype, "autocast": False})
        self.momentum = momentum
        self.epsilon = epsilon
        self._bias: Callable[[], Tensor] | None = None

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        exact = "float64" if self.compute_dtype == "float64" else "float32"
        options = {"shape": (input_shape[-1],), "dtype": exact, "autocast": False}
        self.gamma = self.add_weight(name="gamma", initializer="ones", **options)
        self.beta = self.add_weight(name="beta", initializer="zeros", **options)
        moving = {**options, "trainable": False, "aggregation": "mean"}
        self.moving_mean = self.add_weight(name="moving_mean", initializer="zeros", **moving)
        self.moving_variance = self.add_weight(name="moving_variance", initializer="ones", **moving)

    def take_bias_of(self, layer: bias.LeavesBias) -> None:
        """Adds the bias of the layer before this one to the moving mean while training; that layer leaves it out."""
        layer.leave_bias_if(lambda: self.trainable)
        # not the layer itself, whose weights would be this layer's then
        self._bias = lambda: tf.convert_to_tensor(layer.bias.value)

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        x = tf.cast(inputs, self.compute_dtype)
        if not training or not self.trainable:
            return self._normalised_by_moving_statistics(x)
        exact = x.dtype in (tf.float32, tf.float64) or x.shape[-1] == 1  # the fused kernel is at its coarsest there
        taken = None if self._bias is None else self._bias()
        if taken is not None:
            x = bias.without(taken, x)
        y, mean, variance = (self._exact if exact else self._fused)(x)
        if taken is not None:
            mean += taken * (1 - self.momentum)
        self.moving_mean.assign(mean)
        self.moving_variance.assign(variance)
        return tf.cast(y, x.dtype)

    def _normalised_by_moving_statistics(self, x: Tensor) -> Tensor:
        if x.dtype == tf.float64:  # for which there is no kernel
            scale = self.gamma.value * tf.math.rsqrt(self.moving_variance.value + self.epsilon)
            return (x - self.moving_mean.value) * scale + self.beta.value
        return self._kernel(x, is_training=False)[0]

    def _exact(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """x normalised by its own statistics, and the moving ones after it, by `normalise`."""
        y, mean, variance = normalise(tf.cast(x, self.gamma.dtype), self.gamma.value, self.beta.value, self.epsilon)
        old, new = self.momentum, 1 - self.momentum
        return y, self.moving_mean.value * old + mean * new, self.moving_variance.value * old + variance * new

    def _fused(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The same by the kernel, which moves the statistics as well."""
        return self._kernel(x, is_training=True, exponential_avg_factor=1 - self.momentum)

    def _kernel(self, x: Tensor, **options: Any) -> tuple[Tensor, Tensor, Tensor]:
        added = list(range(1, 5 - len(x.shape)))  # axes that the kernel wants and x lacks
        for axis in added:
            x = tf.expand_dims(x, axis)
        y, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=x,
            scale=self.gamma.value,
            offset=self.beta.value,
            mean=self.moving_mean.value,
            variance=self.moving_variance.value,
            epsilon=self.epsilon,
            **options,
        )
        return tf.squeeze(y, added) if added else y, mean, variance

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> Config:
        return {**super().get_config(), "momentum": self.momentum, "epsilon": self.epsilon}


def batch_norm(x: Tensor, name: str, precision: str, folded: bool = False) -> Tensor:
    """Batch normalisation after a convolution or dense layer, whose bias it takes; folded into that, only noted."""
    layer = x._keras_history.operation
    if folded:
        layer.kerastag_norm = name
        return x
    norm = BatchNormalization(name=name, dtype=precision)
    norm.take_bias_of(layer)
    return norm(x)


def folded_norm(layer: keras.layers.Layer) -> str | None:
    """The name of the batch normalisation that is folded into a layer; None if there is none."""
    return getattr(layer, "kerastag_norm", None)


def inner_policy(precision: str, folded: bool) -> str:
    """The policy between front end and output: a network for inference alone keeps half-precision weights.

    A mixed policy casts every kernel in every call, 5 % of the time of inference; the numbers are the same.
    """
    return precision.removeprefix("mixed_") if folded else precision


def normalise(x: Tensor, gamma: Tensor, beta: Tensor, epsilon: float) -> tuple[Tensor, Tensor, Tensor]:
    """Batch normalisation by batch statistics whose sums, forward and backward, are exact to float32's last digits.

    With the naive sums of the fused kernel the means are off by 2e-6, which flips units at zero; 14 steps of training
    then end 20 times further from the reference than with these.

    Args:
      x: (..., channels) float32 or float64.
      gamma, beta: (channels,).
      epsilon: added to the variance.

    Returns:
      the normalised x; the batch's mean and unbiased variance, (channels,), without gradients.
    """

    @tf.custom_gradient
    def run(x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
        count = tf.cast(tf.size(x) // x.shape[-1], tf.float64)
        mean = _channel_sum(x) / count
        centred = x - tf.cast(mean, x.dtype)
        variance = _channel_sum(tf.square(centred)) / count
        scale = tf.cast(tf.math.rsqrt(variance + epsilon), x.dtype)
        normal = centred * scale
        unbiased = variance * count / tf.maximum(count - 1, 1)

        def gradient(dy: Tensor, *statistics: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            d_beta, d_gamma = _channel_sum(dy), _channel_sum(dy * normal)
            mean_part, normal_part = tf.cast(d_beta / count, x.dtype), tf.cast(d_gamma / count, x.dtype)
            dx = gamma * scale * (dy - mean_part - normal * normal_part)
            return dx, tf.cast(d_gamma, x.dtype), tf.cast(d_beta, x.dtype)

        return (normal * gamma + beta, tf.cast(mean, x.dtype), tf.cast(unbiased, x.dtype)), gradient

    return run(x, gamma, beta)


def _channel_sum(x: Tensor) -> Tensor:
    """Sums (..., channels) to (channels,) float64, axis by axis: short sums in float32, the last one in float64."""
    for axis in reversed(range(1, len(x.shape) - 1)):
        x = tf.reduce_sum(x, axis)
    return tf.reduce_sum(tf.cast(x, tf.float64), 0)
