"""Optimisers with PyTorch's arithmetic, which the paper's figures come from, and what applies them in few operations.

Keras' Adam adds epsilon before the bias correction and decouples weight decay; here weight decay is added to the
gradient of every variable, biases and batch norm too. Each variable is updated by one of TensorFlow's fused kernels,
and what is the same for all of them is computed once a step: a GPU needs longer to start a small operation than to
do it.
"""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from kerastag.tensors import Config, Tensor


class CoupledDecay(keras.optimizers.Optimizer):
    """An optimiser whose weight decay is part of the gradient.

    Args:
      learning_rate: a number or a schedule.
      coupled_weight_decay: times the variable, added to its gradient.
    """

    def __init__(self, learning_rate: Tensor, coupled_weight_decay: float, name: str, **kwargs: Any):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.coupled_weight_decay = coupled_weight_decay

    def rates(self, learning_rate: Tensor) -> dict[str, Tensor]:
        """What a step needs for every variable alike, float32 scalars by name: arguments of `update`."""
        raise NotImplementedError

    def frozen(self, rates: dict[str, Tensor]) -> dict[str, Tensor]:
        """`rates` of a step that leaves every variable and every moment as it is, to the last bit."""
        raise NotImplementedError

    def update(self, variable: Tensor, gradient: Tensor, rates: dict[str, Tensor]) -> None:
        """Updates one variable, and what is kept of it, by its gradient, weight decay included."""
        raise NotImplementedError

    def update_step(self, gradient: Tensor, variable: Tensor, learning_rate: Tensor) -> None:
        """What Keras' own `apply` calls for each variable."""
        decayed = tf.cast(gradient, variable.dtype) + self.coupled_weight_decay * variable
        self.update(variable, decayed, self.rates(learning_rate))

    def get_config(self) -> Config:
        return {**super().get_config(), "coupled_weight_decay": self.coupled_weight_decay}


@keras.saving.register_keras_serializable(package="kerastag")
class Adam(CoupledDecay):
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
        super().__init__(learning_rate, coupled_weight_decay, name, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon

    def build(self, variables: Tensor) -> None:
        if self.built:
            return
        super().build(variables)
        self._first = [self.add_variable_from_reference(variable, "first_moment") for variable in variables]
        self._second = [self.add_variable_from_reference(variable, "second_moment") for variable in variables]

    def rates(self, learning_rate: Tensor) -> dict[str, Tensor]:
        # both corrections in the rate: r (m / c1) / (sqrt(v / c2) + e) = (r sqrt(c2) / c1) m / (sqrt(v) + e sqrt(c2))
        step = tf.cast(self.iterations.value + 1, tf.float64)  # 1 - 0.999^step has three digits less in float32
        correction_1 = 1 - tf.pow(tf.constant(self.beta_1, tf.float64), step)
        correction_2 = tf.sqrt(1 - tf.pow(tf.constant(self.beta_2, tf.float64), step))
        return {
            "rate": tf.cast(tf.cast(learning_rate, tf.float64) * correction_2 / correction_1, tf.float32),
            "epsilon": tf.cast(self.epsilon * correction_2, tf.float32),
            "beta_1": tf.constant(self.beta_1, tf.float32),
            "beta_2": tf.constant(self.beta_2, tf.float32),
        }

    def frozen(self, rates: dict[str, Tensor]) -> dict[str, Tensor]:
        kept = tf.ones(())
        return {**rates, "rate": tf.zeros(()), "beta_1": kept, "beta_2": kept}

    def update(self, variable: Tensor, gradient: Tensor, rates: dict[str, Tensor]) -> None:
        index = self._get_variable_index(variable)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._first[index].value.handle,
            v=self._second[index].value.handle,
            beta1_power=0.0,  # corrected in the rates
            beta2_power=0.0,
            lr=rates["rate"],
            beta1=rates["beta_1"],
            beta2=rates["beta_2"],
            epsilon=rates["epsilon"],
            grad=gradient,
        )

    def get_config(self) -> Config:
        return {**super().get_config(), "beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}


@keras.saving.register_keras_serializable(package="kerastag")
class SGD(CoupledDecay):
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
        super().__init__(learning_rate, coupled_weight_decay, name, **kwargs)
        self.momentum = momentum

    def build(self, variables: Tensor) -> None:
        if self.built:
            return
        super().build(variables)
        self._buffers = [self.add_variable_from_reference(variable, "momentum") for variable in variables]

    def rates(self, learning_rate: Tensor) -> dict[str, Tensor]:
        return {"rate": tf.cast(learning_rate, tf.float32), "momentum": tf.constant(self.momentum, tf.float32)}

    def frozen(self, rates: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"rate": tf.zeros(()), "momentum": tf.ones(())}

    def update(self, variable: Tensor, gradient: Tensor, rates: dict[str, Tensor]) -> None:
        tf.raw_ops.ResourceApplyMomentum(
            var=variable.handle,
            accum=self._buffers[self._get_variable_index(variable)].value.handle,
            lr=rates["rate"],
            grad=gradient,
            momentum=rates["momentum"],
            use_nesterov=True,
        )

    def get_config(self) -> Config:
        return {**super().get_config(), "momentum": self.momentum}


class Update:
    """Applies gradients that are summed over the replicas already, with loss scaling where the optimiser has it.

    A step in float16 whose gradients are not finite changes nothing but the scale. That is done by numbers and not by
    a branch, for which the host would have to wait for the device.

    Args:
      optimizer: a CoupledDecay, or Keras' LossScaleOptimizer around one; built for `variables`.
      variables: what is trained, in the order of the gradients.
      strategy: that all of them belong to.
      rate_factors: what the learning rate of each variable is multiplied by; None: 1 for all.
    """

    def __init__(
        self,
        optimizer: keras.optimizers.Optimizer,
        variables: Sequence[keras.Variable],
        strategy: tf.distribute.Strategy,
        rate_factors: Sequence[float] | None = None,
    ):
        self._scaling = optimizer if isinstance(optimizer, keras.optimizers.LossScaleOptimizer) else None
        self._optimizer: CoupledDecay = self._scaling.inner_optimizer if self._scaling else optimizer
        self._variables = [variable.value for variable in variables]
        self._strategy = strategy
        self._factors = [1.0] * len(variables) if rate_factors is None else rate_factors

    @property
    def scales_loss(self) -> bool:
        """Whether gradients are those of a scaled loss, whose norm `__call__` needs in every step."""
        return self._scaling is not None

    def __call__(self, gradients: Sequence[Tensor], scaled_norm: Tensor) -> Tensor:
        """Updates all variables, in the cross-replica context.

        Args:
          gradients: of each variable.
          scaled_norm: the norm of all of them, (); read only where the loss is scaled.

        Returns:
          float32 (), 1 where the step was taken, 0 where it was left out.
        """
        rates = self._optimizer.rates(self._optimizer.learning_rate)
        taken, unscale = tf.ones(()), None
        if self._scaling is not None:
            finite = tf.math.is_finite(scaled_norm)
            taken, frozen = tf.cast(finite, tf.float32), self._optimizer.frozen(rates)
            rates = {name: tf.where(finite, value, frozen[name]) for name, value in rates.items()}
            unscale = taken / self._scaling.dynamic_scale.value
            self._move_scale(self._scaling, finite)
        decay = self._optimizer.coupled_weight_decay * taken
        by_factor = {factor: _times(factor, rates) for factor in dict.fromkeys(self._factors)}
        for variable, gradient, factor in zip(self._variables, gradients, self._factors, strict=True):
            given = (gradient, by_factor[factor], decay, unscale)
            self._strategy.extended.update(variable, self._update, given, group=False)
        self._optimizer.iterations.assign_add(tf.cast(taken, self._optimizer.iterations.dtype))
        return taken

    def _update(
        self, variable: Tensor, gradient: Tensor, rates: dict[str, Tensor], decay: Tensor, unscale: Tensor | None
    ) -> None:
        gradient = tf.cast(gradient, variable.dtype)
        if unscale is not None:
            gradient = tf.math.multiply_no_nan(gradient, unscale)  # 0 times infinity is 0 here
        self._optimizer.update(variable, gradient + decay * variable, rates)

    def _move_scale(self, scaling: keras.optimizers.LossScaleOptimizer, finite: Tensor) -> None:
        """Halves the loss scale after a step that is not finite, doubles it after `dynamic_growth_steps` that are."""
        grows = tf.equal(scaling.step_counter.value, scaling.dynamic_growth_steps - 1)
        factor = tf.where(finite, tf.where(grows, 2.0, 1.0), 0.5)
        counted = tf.where(finite & ~grows, scaling.step_counter.value + 1, 0)
        scaling.dynamic_scale.assign(scaling.dynamic_scale.value * factor)
        scaling.step_counter.assign(counted)


def _times(factor: float, rates: dict[str, Tensor]) -> dict[str, Tensor]:
    """The rates of a step for variables that learn at `factor` times its learning rate."""
    return rates if factor == 1 else {**rates, "rate": rates["rate"] * factor}
