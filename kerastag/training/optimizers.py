"""Optimisers with PyTorch's arithmetic, which the paper's figures come from.

Keras' Adam adds epsilon before the bias correction and decouples weight decay; here weight decay is added to the
gradient of every variable, biases and batch norm too. Each variable is updated by one of TensorFlow's fused kernels.
"""

from typing import Any

import keras
import tensorflow as tf

from kerastag.tensors import Config, Tensor


@keras.saving.register_keras_serializable(package="kerastag")
class Adam(keras.optimizers.Optimizer):
    """Adam, Kingma and Ba 2015, arXiv:1412.6980, algorithm 1: epsilon is added after the bias correction.

    Args:
      learning_rate: a number or a schedule.
      beta_1, beta_2: decay of the first and second moment.
      epsilon: added to the square root of the corrected second moment.
      coupled_weight_decay: times the variable, added to its gradient.
    """

    def __init__(
        self,
        learning_rate: Tensor = 1e-4,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        coupled_weight_decay: float = 0.0,
        name: str = "adam",
        **kwargs: Any,
    ):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.coupled_weight_decay = coupled_weight_decay

    def build(self, variables: Tensor) -> None:
        if self.built:
            return
        super().build(variables)
        self._first = [self.add_variable_from_reference(variable, "first_moment") for variable in variables]
        self._second = [self.add_variable_from_reference(variable, "second_moment") for variable in variables]

    def update_step(self, gradient: Tensor, variable: Tensor, learning_rate: Tensor) -> None:
        # both corrections in the rate: r (m / c1) / (sqrt(v / c2) + e) = (r sqrt(c2) / c1) m / (sqrt(v) + e sqrt(c2))
        step = tf.cast(self.iterations.value + 1, tf.float64)  # 1 - 0.999^step has three digits less in float32
        correction_1 = 1 - tf.pow(tf.constant(self.beta_1, tf.float64), step)
        correction_2 = tf.sqrt(1 - tf.pow(tf.constant(self.beta_2, tf.float64), step))
        index = self._get_variable_index(variable)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._first[index].value.handle,
            v=self._second[index].value.handle,
            beta1_power=0.0,  # corrected above
            beta2_power=0.0,
            lr=tf.cast(tf.cast(learning_rate, tf.float64) * correction_2 / correction_1, variable.dtype),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=tf.cast(self.epsilon * correction_2, variable.dtype),
            grad=decayed(gradient, variable, self.coupled_weight_decay),
        )

    def get_config(self) -> Config:
        names = ("beta_1", "beta_2", "epsilon", "coupled_weight_decay")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable(package="kerastag")
class SGD(keras.optimizers.Optimizer):
    """Stochastic gradient descent with Nesterov momentum, Sutskever et al. 2013, in PyTorch's form.

    The buffer is the decayed sum of gradients, without the learning rate that Keras' own has inside: it stays right
    when the rate drops.

    Args:
      learning_rate: a number or a schedule.
      momentum: decay of the buffer; the step is gradient + momentum * buffer.
      coupled_weight_decay: times the variable, added to its gradient.
    """

    def __init__(
        self,
        learning_rate: Tensor = 1e-2,
        momentum: float = 0.9,
        coupled_weight_decay: float = 0.0,
        name: str = "sgd",
        **kwargs: Any,
    ):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.momentum = momentum
        self.coupled_weight_decay = coupled_weight_decay

    def build(self, variables: Tensor) -> None:
        if self.built:
            return
        super().build(variables)
        self._buffers = [self.add_variable_from_reference(variable, "momentum") for variable in variables]

    def update_step(self, gradient: Tensor, variable: Tensor, learning_rate: Tensor) -> None:
        tf.raw_ops.ResourceApplyMomentum(
            var=variable.handle,
            accum=self._buffers[self._get_variable_index(variable)].value.handle,
            lr=tf.cast(learning_rate, variable.dtype),
            grad=decayed(gradient, variable, self.coupled_weight_decay),
            momentum=self.momentum,
            use_nesterov=True,
        )

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "momentum": self.momentum,
            "coupled_weight_decay": self.coupled_weight_decay,
        }


def decayed(gradient: Tensor, variable: Tensor, coupled_weight_decay: float) -> Tensor:
    """The gradient of a variable with that of its weight decay, in the variable's precision."""
    return tf.cast(gradient, variable.dtype) + coupled_weight_decay * variable
