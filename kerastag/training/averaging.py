"""Averaged weights beside those in training: over steps, or over the ends of epochs.

Averaged is what is trained; seeds and what is frozen are the network's own.
"""

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf

from kerastag.models import blocks
from kerastag.tensors import Tensor


@dataclasses.dataclass(frozen=True)
class Averaging:
    """Which average a run keeps.

    Attributes:
      ema: decay of an exponential moving average over steps; 0: none.
      swa_from: the epoch, counted from 1, whose end is the first in a mean over epochs; None: none.
    """

    ema: float = 0.0
    swa_from: int | None = None

    def start(self, model: keras.Model, strategy: tf.distribute.Strategy) -> "Average | None":
        """The average of a network at its start, what is frozen being frozen already; None: none is kept."""
        if self.ema:
            return ExponentialMovingAverage(model, strategy, self.ema)
        return None if self.swa_from is None else EpochMean(model, strategy, self.swa_from)


NO_AVERAGE = Averaging()


class Average:
    """Float32 averages of a network's trained variables and moving statistics.

    Args:
      model: in training, what is frozen being frozen already.
      strategy: that its variables belong to.

    Attributes:
      variables: all that a checkpoint must keep.
      recomputes_statistics: whether moving statistics are to be recomputed for the average, see norm_statistics.
    """

    recomputes_statistics = False

    def __init__(self, model: keras.Model, strategy: tf.distribute.Strategy):
        self._strategy = strategy
        self._trained, self._moving = list(model.trainable_variables), statistics_of(model)
        options = {"trainable": False, "autocast": False}
        with strategy.scope():
            self._averages = [
                keras.Variable(np.asarray(variable), dtype="float32", name="average", **options)
                for variable in self._averaged
            ]
            counting = {"dtype": "int64", "aggregation": "only_first_replica", **options}
            self._count = keras.Variable(0, name="averaged", **counting)

    @property
    def variables(self) -> list[keras.Variable]:
        return [*self._averages, self._count]

    @property
    def is_ready(self) -> bool:
        """Whether anything was averaged yet."""
        return int(np.asarray(self._count)) > 0

    def after_step(self, taken: Tensor) -> None:
        """Follows a step, in the cross-replica context.

        Args:
          taken: float32 (), 1; 0: the step was left out, as those that overflow in float16.
        """

    def after_epoch(self, epoch: int) -> None:
        """Takes in what the weights are at the end of an epoch, counted from 1; again is no more than once."""

    def after_restart(self) -> None:
        """The weights in training were replaced by the best so far."""

    def set_statistics(self, values: Sequence[np.ndarray]) -> None:
        """Sets moving statistics, in the order of `statistics_of`."""
        _assign(self._averages[len(self._trained) :], values)

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """Meanwhile the network has the averages for its weights; afterwards its own again, to the bit."""
        own = _values(self._averaged)
        _assign(self._averaged, _values(self._averages))
        try:
            yield
        finally:
            _assign(self._averaged, own)

    @property
    def _averaged(self) -> list[keras.Variable]:
        return [*self._trained, *self._moving]


class ExponentialMovingAverage(Average):
    """After every step, decay * average + (1 - decay) * weights; moving statistics likewise.

    The decay of step n, counted from 0, is min(decay, (1 + n) / (10 + n)), as in tf.train.ExponentialMovingAverage, so
    that the average forgets what weights started from. It starts again from weights that replaced those in training.

    Args:
      model, strategy: see Average.
      decay: above 0 and below 1.
    """

    def __init__(self, model: keras.Model, strategy: tf.distribute.Strategy, decay: float):
        super().__init__(model, strategy)
        self._decay = decay

    def after_step(self, taken: Tensor) -> None:
        count = tf.cast(self._count.value, tf.float64)
        share = tf.maximum(tf.constant(1 - self._decay, tf.float64), 9 / (10 + count))  # 1 - decay
        share = tf.cast(share, tf.float32) * taken
        for average, variable in zip(self._averages, self._averaged, strict=True):
            self._strategy.extended.update(average.value, _approach, (variable.value, share), group=False)
        self._count.assign_add(tf.cast(taken, tf.int64))

    def after_restart(self) -> None:
        _assign(self._averages, _values(self._averaged))


class EpochMean(Average):
    """The mean of the weights at the ends of epochs, all alike: Izmailov et al. 2018, arXiv:1803.05407.

    Args:
      model, strategy: see Average.
      first_epoch: the first in the mean, counted from 1.
    """

    recomputes_statistics = True

    def __init__(self, model: keras.Model, strategy: tf.distribute.Strategy, first_epoch: int):
        super().__init__(model, strategy)
        self._first_epoch = first_epoch

    def after_epoch(self, epoch: int) -> None:
        count = int(np.asarray(self._count))
        if count > epoch - self._first_epoch:  # not begun yet, or an epoch that was interrupted while it was validated
            return
        for average, weights in zip(self._averages[: len(self._trained)], self._trained, strict=True):
            sums = count * np.asarray(average, np.float64) + np.asarray(weights, np.float64)
            average.assign((sums / (count + 1)).astype(np.float32))
        self._count.assign(count + 1)


def statistics_of(model: keras.Model) -> list[keras.Variable]:
    """Its moving statistics: variables of floating point that are neither trained nor frozen."""
    frozen = {id(variable) for variable in blocks.frozen(model)}
    others = [variable for variable in model.non_trainable_variables if id(variable) not in frozen]
    return [variable for variable in others if variable.value.dtype.is_floating]


def _approach(average: Tensor, variable: Tensor, share: Tensor) -> None:
    """average -= share * (average - variable), where a share of 0 leaves every bit."""
    away = average - tf.cast(variable, tf.float32)
    tf.raw_ops.ResourceApplyGradientDescent(var=average.handle, alpha=share, delta=away)


def _values(variables: Sequence[keras.Variable]) -> list[np.ndarray]:
    return [np.array(variable) for variable in variables]


def _assign(variables: Sequence[keras.Variable], values: Sequence[np.ndarray]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
