"""Optimisers with PyTorch's arithmetic, which the paper's figures come from.

Keras' Adam adds epsilon before the bias correction and decouples weight decay; here weight decay is added to the
gradient of every variable, biases and batch norm too.
"""

from typing import Any

import keras
from keras import ops


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
        learning_rate: Any = 1e-4,
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

    def build(self, variables: Any) -> None:
        if self.built:
            return
        super().build(variables)
        self._first = [self.add_variable_from_reference(variable, "first_moment") for variable in variables]
        self._second = [self.add_variable_from_reference(variable, "second_moment") for variable in variables]

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        gradient = ops.cast(gradient, variable.dtype) + self.coupled_weight_decay * variable
        step = ops.cast(self.iterations + 1, variable.dtype)
        rate = ops.cast(learning_rate, variable.dtype)
        index = self._get_variable_index(variable)
        first, second = self._first[index], self._second[index]
        self.assign(first, self.beta_1 * first + (1 - self.beta_1) * gradient)
        self.assign(second, self.beta_2 * second + (1 - self.beta_2) * ops.square(gradient))
        corrected_first = first / (1 - ops.power(self.beta_1, step))
        corrected_second = second / (1 - ops.power(self.beta_2, step))
        self.assign_sub(variable, rate * corrected_first / (ops.sqrt(corrected_second) + self.epsilon))

    def get_config(self) -> dict[str, Any]:
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
        learning_rate: Any = 1e-2,
        momentum: float = 0.9,
        coupled_weight_decay: float = 0.0,
        name: str = "sgd",
        **kwargs: Any,
    ):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.momentum = momentum
        self.coupled_weight_decay = coupled_weight_decay

    def build(self, variables: Any) -> None:
        if self.built:
            return
        super().build(variables)
        self._buffers = [self.add_variable_from_reference(variable, "momentum") for variable in variables]

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        gradient = ops.cast(gradient, variable.dtype) + self.coupled_weight_decay * variable
        buffer = self._buffers[self._get_variable_index(variable)]
        self.assign(buffer, self.momentum * buffer + gradient)
        rate = ops.cast(learning_rate, variable.dtype)
        self.assign_sub(variable, rate * (gradient + self.momentum * buffer))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "momentum": self.momentum,
            "coupled_weight_decay": self.coupled_weight_decay,
        }
