"""The training loop: one step function on strategy.run, callbacks around it.

Keras' fit weights uneven batches wrongly under MirroredStrategy and does not run under MultiWorkerMirroredStrategy;
here the loss is summed over the global batch size, which equals one device.
"""

import time
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from kerastag import errors, losses
from kerastag.data import pipeline
from kerastag.tensors import Tensor
from kerastag.training import mixing
from kerastag.training import state as training_state


class Interrupted(Exception):
    """The user asked to stop; the state stands at the end of a step."""


class Trainer:
    """Trains a model for one epoch at a time.

    Args:
      model, optimizer: built under `strategy`.
      loss: a multi-label loss on logits, from `losses.get`.
      strategy: as devices.strategy makes it.
      mixup_alpha: above 0: batches are mixed with lambda from Beta(alpha, alpha), see training.mixing.
      seed: random seed of mixup.
      xla: compile the step with XLA, see devices.use_xla.
      watch: measure the gradients' norm in every step.

    Attributes:
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
        xla: bool = False,
        watch: bool = False,
    ):
        self.model = model
        self.loss = loss
        self.strategy = strategy
        self.mixup_alpha = mixup_alpha
        self.seed = seed
        self.watch = watch
        self.waiting = 0.0
        self._xla = xla
        self.stop_requested = False
        self.use(optimizer)

    def use(self, optimizer: keras.optimizers.Optimizer) -> None:
        """Goes on with another optimiser, which starts without a memory."""
        self.optimizer = optimizer
        self._step: Callable[..., Tensor] | None = None
        with self.strategy.scope():
            optimizer.build(self.model.trainable_variables)

    def train_epoch(
        self,
        batches: tf.data.Dataset,
        state: training_state.TrainingState,
        on_step: Callable[[int, dict[str, float]], None] = lambda step, logs: None,
    ) -> np.ndarray:
        """Trains on every batch, keeping `state` true to the step.

        Args:
          batches: as pipeline.training_batches makes them.
          state: where the run stands; draw, step and the loss's sum are moved on.
          on_step: called after each step with its number in the epoch and {"loss": mean so far}.

        Returns:
          the draws that were trained on, (num_draws,) int64.

        Raises:
          Interrupted: `stop_requested` was set; all steps so far are in the state.
          KerastagError: the loss is not finite any more.
        """
        distributed = self.strategy.experimental_distribute_dataset(batches)
        if self._step is None:  # traced once, for batches of any size
            mixing_spec = (tf.TensorSpec([], tf.float32), tf.TensorSpec([2], tf.int32))
            signature = [distributed.element_spec, *mixing_spec]
            self._step = tf.function(self._distributed_step, input_signature=signature)
        draws = [np.zeros(0, np.int64)]
        began, working = time.perf_counter(), 0.0
        for batch in distributed:
            if self.stop_requested:
                raise Interrupted
            started = time.perf_counter()
            loss, norm = self._step(batch, *self._mixing(state)).numpy()
            drawn = np.concatenate(self.strategy.experimental_local_results(batch["draw"]))
            draws.append(drawn)
            self._advance(state, float(loss), float(norm), int(drawn.max()) + 1, time.perf_counter() - started)
            on_step(state.loss_steps - 1, {"loss": state.loss_sum / state.loss_steps})
            working += time.perf_counter() - started
        self.waiting = 1 - working / (time.perf_counter() - began)
        if self.stop_requested:
            raise Interrupted
        return np.concatenate(draws)

    @property
    def loss_scale(self) -> float | None:
        """What losses are multiplied by in float16; None in other precisions."""
        if isinstance(self.optimizer, keras.optimizers.LossScaleOptimizer):
            return float(self.optimizer.dynamic_scale)
        return None

    def _mixing(self, state: training_state.TrainingState) -> tuple[np.float32, np.ndarray]:
        if not self.mixup_alpha:
            return np.float32(1), np.zeros(2, np.int32)
        return mixing.draw(self.mixup_alpha, self.seed, state.epoch, state.loss_steps)

    def _advance(
        self, state: training_state.TrainingState, loss: float, norm: float, draw: int, seconds: float
    ) -> None:
        if not np.isfinite(loss):
            raise errors.KerastagError(
                f"the loss became {loss} in step {state.step + 1}; try a lower learning rate", "learning_rate"
            )
        state.draw = draw
        state.step += 1
        state.loss_sum += loss
        state.loss_steps += 1
        if self.watch and np.isfinite(norm):  # in float16 a step that overflows is left out
            state.norm_sum += norm
            state.norm_steps += 1
        state.seconds += seconds

    def _distributed_step(self, batch: dict[str, Tensor], share: Tensor, seed: Tensor) -> Tensor:
        # the batch is drawn outside: a step that found none would still count, in the optimiser and in dropout's seeds
        step = tf.function(self._replica_step, jit_compile=True) if self._xla else self._replica_step
        of_replicas = self.strategy.run(step, (batch, share, seed))
        return self.strategy.reduce("SUM", of_replicas, axis=None)

    def _replica_step(self, batch: dict[str, Tensor], share: Tensor, seed: Tensor) -> Tensor:
        """Trains on a replica's share of a batch; its share of the loss and of the gradients' norm, float32 (2,)."""
        variables = self.model.trainable_variables
        waveform, labels = pipeline.to_float(batch["waveform"]), batch["labels"]
        partner = None
        if self.mixup_alpha:
            partner = mixing.partners(tf.shape(waveform)[0], seed)
            waveform = mixing.mix(waveform, partner, share)
        with tf.GradientTape() as tape:
            logits = self.model(waveform, training=True)
            loss = self.loss.call(labels, logits)  # (batch,)
            if partner is not None:  # of both labels: for focal losses that is not the loss of the mixed labels
                loss = share * loss + (1 - share) * self.loss.call(tf.gather(labels, partner), logits)
            loss = tf.reduce_sum(loss * batch["weight"])
            scaled = self.optimizer.scale_loss(loss)
        gradients = tape.gradient(scaled, variables)
        self.optimizer.apply(gradients, variables)
        return tf.stack([loss, self._share_of_norm(gradients)])

    def _share_of_norm(self, gradients: Tensor) -> Tensor:
        """The norm of the whole batch's gradients, without loss scaling, over the number of replicas; 0 unwatched."""
        if not self.watch:
            return tf.zeros(())
        num_replicas = self.strategy.num_replicas_in_sync
        if num_replicas > 1:
            gradients = tf.distribute.get_replica_context().all_reduce("SUM", gradients)
        return tf.linalg.global_norm(gradients) / self.optimizer.scale_loss(tf.ones(())) / num_replicas
