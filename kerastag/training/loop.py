"""The training loop: one step function on strategy.run, callbacks around it.

Keras' fit weights uneven batches wrongly under MirroredStrategy and does not run under MultiWorkerMirroredStrategy;
here the loss is summed over the global batch size, which equals one device.
"""

import dataclasses
import time
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from kerastag import errors, losses
from kerastag.data import feeding
from kerastag.tensors import Tensor
from kerastag.training import averaging, mixing, step, workers
from kerastag.training import state as training_state

WATCHED_EVERY = 10  # steps between two measurements of the gradients' norm, which took a tenth of a plain step on a GPU


class Interrupted(Exception):
    """The user asked to stop; the state stands at the end of a step."""


class LossNotFinite(errors.KerastagError):
    """The weights are of no use any more; the best model and the last checkpoint are as they were.

    Args:
      loss: NaN or infinity.
      step: the number of the step, from 1.
      draws: what the step was trained on here.
      tracks: what these are called, if that is known.
    """

    def __init__(self, loss: float, step: int, draws: np.ndarray, tracks: Sequence[str] = ()):
        on = f", on {', '.join(tracks)}" if tracks else ""
        super().__init__(f"the loss became {loss} in step {step}{on}; try a lower learning rate", "learning_rate")
        self.loss, self.step, self.draws = loss, step, draws


class Trainer:
    """Trains a model for one epoch at a time.

    Args:
      model, optimizer: built under `strategy`.
      loss: a multi-label loss on logits, from `losses.get`.
      strategy: as devices.strategy makes it.
      mixup_alpha: above 0: batches are mixed with lambda from Beta(alpha, alpha), see training.mixing.
      seed: random seed of mixup.
      compiled_size: compile steps on batches of that many chunks with XLA, see computing.Computing; others, as the last
        of an epoch, take the plain step. None: all do.
      watch: measure the gradients' norm in every WATCHED_EVERY-th step of an epoch.
      rate_factors: what the learning rate of each trained variable is multiplied by; None: 1 for all.
      average: that is kept of the model's weights; None: none.

    Attributes:
      workers: the processes that train together.
      waiting: the share of the last epoch's time in which the step waited for input.
    """

    def __init__(
        self,
        model: keras.Model,
        loss: "losses.classes.MultiLabelLoss",
        optimizer: keras.optimizers.Optimizer,
        strategy: tf.distribute.Strategy,
        mixup_alpha: float = 0.0,
        seed: int = 0,
        compiled_size: int | None = None,
        watch: bool = False,
        rate_factors: Sequence[float] | None = None,
        average: averaging.Average | None = None,
    ):
        self.model = model
        self.workers = workers.Workers(strategy)
        self.loss = loss
        self.strategy = strategy
        self.mixup_alpha = mixup_alpha
        self.seed = seed
        self.watch = watch
        self.average = average
        self.waiting = 0.0
        self.stop_requested = False
        self._all_stop = False
        self._compiled_size = compiled_size
        self._rate_factors = rate_factors
        self.use(optimizer)

    def use(self, optimizer: keras.optimizers.Optimizer) -> None:
        """Goes on with another optimiser, which starts without a memory."""
        self.optimizer = optimizer
        self._steps: dict[bool, Callable[..., Tensor]] = {}
        with self.strategy.scope():
            optimizer.build(self.model.trainable_variables)

    def train_epoch(
        self,
        batches: tf.data.Dataset,
        state: training_state.TrainingState,
        on_step: Callable[[int, dict[str, float]], None] = lambda step, logs: None,
    ) -> np.ndarray:
        """Trains on every batch, keeping `state` true to the step.

        What a step gave is read while the next one runs, so that no device waits for the host.

        Args:
          batches: as pipeline.training_batches makes them.
          state: where the run stands; draw, step and the loss's sum are moved on.
          on_step: called after each step, a step late, with its number in the epoch and {"loss": mean so far}.

        Returns:
          the draws that were trained on, (num_draws,) int64.

        Raises:
          Interrupted: `stop_requested` was set, here or in another process; all steps so far are in the state.
          LossNotFinite: the loss is not a number any more; names the draws of that step.
        """
        draws = [np.zeros(0, np.int64)]
        began, working = time.perf_counter(), 0.0
        launched: _Launched | None = None
        number = state.loss_steps
        for host, batch in feeding.feed(batches, self.strategy, ["draw"], self._first_row(batches)):
            if self.is_stopping:
                break
            started = time.perf_counter()
            before, launched = launched, self._launch(batches, host["draw"], batch, state.epoch, number)
            draws.append(host["draw"])
            if before is not None:
                self._advance(state, before, on_step)
            number += 1
            now = time.perf_counter()
            working += now - started
            state.seconds += now - started
        if launched is not None:
            self._advance(state, launched, on_step)
        self.waiting = 1 - working / (time.perf_counter() - began)
        if self.is_stopping:
            raise Interrupted
        return np.concatenate(draws)

    @property
    def is_stopping(self) -> bool:
        """Whether training ends after the last step: asked to, or, of several processes, after any of them was."""
        return self.stop_requested if self.workers.count == 1 else self._all_stop

    @property
    def average_variables(self) -> Sequence[keras.Variable]:
        """What a checkpoint keeps of the average; nothing where there is none."""
        return () if self.average is None else self.average.variables

    @property
    def loss_scale(self) -> float | None:
        """What losses are multiplied by in float16; None in other precisions."""
        if isinstance(self.optimizer, keras.optimizers.LossScaleOptimizer):
            return float(np.asarray(self.optimizer.dynamic_scale))
        return None

    def _first_row(self, batches: tf.data.Dataset) -> int:
        """Of the whole batch, the row that this process begins with; shares are of one size."""
        size = batches.element_spec["draw"].shape[0]
        return self.workers.index * size if self.workers.count > 1 else 0

    def _launch(
        self, batches: tf.data.Dataset, draws: np.ndarray, batch: dict[str, Tensor], epoch: int, number: int
    ) -> "_Launched":
        """Starts the step with that number in the epoch."""
        share, seed = np.float32(1), np.zeros(2, np.int32)
        if self.mixup_alpha:
            share, seed = mixing.draw(self.mixup_alpha, self.seed, epoch, number)
        watched = self.watch and number % WATCHED_EVERY == 0
        take = self._step(len(draws) == self._compiled_size, batches)
        with tf.device("/cpu:0"):  # where a branch is chosen without waiting for a GPU
            options = (*map(tf.constant, (share, seed, watched)), tf.constant(epoch, tf.int32))
            options += (tf.constant(float(self.stop_requested)),)
        return _Launched(take(batch, *options), draws, watched)

    def _step(self, compiled: bool, batches: tf.data.Dataset) -> Callable[..., Tensor]:
        """The traced step: the plain one for batches of any size, the compiled one for those of one size."""
        if compiled not in self._steps:
            how = (self.strategy, bool(self.mixup_alpha), compiled, self._rate_factors, self.average)
            traced = step.Step(self.model, self.loss, self.optimizer, *how)
            signature = None
            if self.strategy.num_replicas_in_sync == 1:  # else all batches are of one size, see `fill` in the pipeline
                spec = {name: value for name, value in batches.element_spec.items() if name != "draw"}
                if compiled:
                    spec = {name: _of_size(value, self._compiled_size) for name, value in spec.items()}
                mixing_spec = (tf.TensorSpec([], tf.float32), tf.TensorSpec([2], tf.int32))
                signature = [
                    {**spec, "first_row": tf.TensorSpec([], tf.int64)},
                    *mixing_spec,
                    tf.TensorSpec([], tf.bool),
                    tf.TensorSpec([], tf.int32),
                    tf.TensorSpec([], tf.float32),
                ]
            self._steps[compiled] = tf.function(traced.__call__, input_signature=signature, autograph=False)
        return self._steps[compiled]

    def _advance(
        self,
        state: training_state.TrainingState,
        launched: "_Launched",
        on_step: Callable[[int, dict[str, float]], None],
    ) -> None:
        """Waits for a step and moves the state on."""
        loss, norm, stopping = map(float, launched.results.numpy())
        self._all_stop = self._all_stop or stopping > 0
        if not np.isfinite(loss):
            raise LossNotFinite(loss, state.step + 1, launched.draws)
        state.draw = int(launched.draws.max()) + 1
        state.step += 1
        state.loss_sum += loss
        state.loss_steps += 1
        if launched.watched and np.isfinite(norm):  # in float16 a step that overflows is left out
            state.norm_sum += norm
            state.norm_steps += 1
        on_step(state.loss_steps - 1, {"loss": state.loss_sum / state.loss_steps})


@dataclasses.dataclass(frozen=True)
class _Launched:
    """A step that may still run: what it will have given, its draws, whether the norm is measured."""

    results: Tensor
    draws: np.ndarray
    watched: bool


def _of_size(spec: tf.TensorSpec, size: int | None) -> tf.TensorSpec:
    return tf.TensorSpec([size, *spec.shape[1:]], spec.dtype)
