"""One step of training on every device: gradients by each replica, then their sum and the update."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from kerastag import losses
from kerastag.data import feeding, pipeline
from kerastag.models import blocks, layers
from kerastag.tensors import Tensor
from kerastag.training import mixing, optimizers


class Step:
    """A step, in the cross-replica context of a strategy; to be traced by tf.function.

    What a replica computes is a function of its share and of all variables, without side effects. So XLA can compile
    it under any strategy, while what replicas have in common, the sum of their gradients and the update, stays outside.
    All that is random is drawn outside or in integers, so that a compiled step and a plain one are the same step.

    Args:
      model, optimizer: built under `strategy`; the optimiser as optimizers.Update takes it.
      loss: a multi-label loss on logits, from `losses.get`.
      strategy: as devices.strategy makes it.
      mixes: whether batches are mixed, see training.mixing.
      compiled: whether XLA compiles what a replica computes.
      rate_factors: see optimizers.Update.
    """

    def __init__(
        self,
        model: keras.Model,
        loss: "losses.classes.MultiLabelLoss",
        optimizer: keras.optimizers.Optimizer,
        strategy: tf.distribute.Strategy,
        mixes: bool = False,
        compiled: bool = False,
        rate_factors: Sequence[float] | None = None,
    ):
        self._model = model
        self._loss = loss
        self._optimizer = optimizer
        self._strategy = strategy
        self._mixes = mixes
        self._differentiate = (
            tf.function(self._gradients, jit_compile=True, autograph=False) if compiled else self._gradients
        )
        self._update = optimizers.Update(optimizer, model.trainable_variables, strategy, rate_factors)
        frozen = {id(variable) for variable in blocks.frozen(model)}
        others = model.non_trainable_variables
        self._moving = [place for place, variable in enumerate(others) if id(variable) not in frozen]

    def __call__(self, batch: dict[str, Tensor], share: Tensor, seed: Tensor, watched: Tensor) -> Tensor:
        """Trains on a batch.

        Args:
          batch: waveform (b, samples), labels (b, num_tags), weight (b,) and first_row () of each replica's share, as
            feeding.feed gives them.
          share, seed: what mixing.draw gives.
          watched: bool (), whether the gradients' norm is wanted.

        Returns:
          float32 (2,): the loss, and the norm of the gradients before weight decay and without loss scaling; NaN
          unwatched, not finite where a step in float16 overflows.
        """
        loss, gradients, moved = self._strategy.run(self._replica_step, (batch, share, seed))
        gradients = self._reduced("SUM", gradients, self._model.trainable_variables)
        with tf.device(self._strategy.extended.worker_devices[0]):
            norm = self._norm(gradients, watched)
            scale = self._optimizer.scale_loss(tf.ones(()))
            results = tf.stack([self._strategy.reduce("SUM", loss, axis=None), norm / scale])
            self._update(gradients, norm)
        self._move(moved)
        return results

    def _replica_step(
        self, batch: dict[str, Tensor], share: Tensor, seed: Tensor
    ) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        size = tf.shape(batch["waveform"])[0]
        partner = mixing.partners(size, seed) if self._mixes else tf.range(size)
        scale = self._optimizer.scale_loss(tf.ones(()))
        weights = feeding.values_of(self._model.trainable_variables)
        others = feeding.values_of(self._model.non_trainable_variables)
        return self._differentiate(weights, others, batch, partner, share, scale)

    def _gradients(
        self,
        weights: list[Tensor],
        others: list[Tensor],
        batch: dict[str, Tensor],
        partner: Tensor,
        share: Tensor,
        scale: Tensor,
    ) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        """A replica's share of the loss, of the gradients of the scaled loss, and the variables that moved meanwhile.

        Args:
          weights, others: values of the trained variables, and of all others: moving statistics, the seeds of dropout,
            what is frozen.
          batch: the share.
          partner: the row that each is mixed with, (b,).
          share: of each row in its mixture, ().
          scale: that the loss is multiplied by, ().
        """
        waveform, labels = pipeline.to_float(batch["waveform"]), batch["labels"]
        if self._mixes:
            waveform = mixing.mix(waveform, partner, share)
        with tf.GradientTape() as tape, layers.rows_from(batch["first_row"]):
            tape.watch(weights)
            logits, moved = self._model.stateless_call(weights, others, waveform, training=True)
            loss = self._loss.call(labels, logits)  # (b,)
            if self._mixes:  # of both labels: for focal losses that is not the loss of the mixed labels
                loss = share * loss + (1 - share) * self._loss.call(tf.gather(labels, partner), logits)
            loss = tf.reduce_sum(loss * batch["weight"])
            scaled = loss * scale
        return loss, tape.gradient(scaled, weights), [moved[place] for place in self._moving]

    def _norm(self, gradients: Sequence[Tensor], watched: Tensor) -> Tensor:
        """The norm of the scaled loss's gradients, on the first device; NaN if nobody needs it."""
        first = [self._strategy.experimental_local_results(gradient)[0] for gradient in gradients]
        if self._update.scales_loss:
            return _global_norm(first)
        return tf.cond(watched, lambda: _global_norm(first), lambda: tf.constant(float("nan")))

    def _move(self, moved: Sequence[Tensor]) -> None:
        """Gives moving statistics the mean over the replicas; seeds are the same on all."""
        variables = [self._model.non_trainable_variables[place] for place in self._moving]
        floats = [place for place, variable in enumerate(variables) if variable.value.dtype.is_floating]
        means = self._reduced("MEAN", [moved[place] for place in floats], [variables[place] for place in floats])
        values = {**dict(enumerate(moved)), **dict(zip(floats, means, strict=True))}
        for place, variable in enumerate(variables):
            self._strategy.extended.update(variable.value, _assign, (values[place],), group=False)

    def _reduced(
        self, operation: str, values: Sequence[Tensor], variables: Sequence[keras.Variable]
    ) -> Sequence[Tensor]:
        """Values of replicas, summed or averaged to where the variables are."""
        if self._strategy.num_replicas_in_sync == 1 or not values:
            return values
        pairs = [(value, variable.value) for value, variable in zip(values, variables, strict=True)]
        return self._strategy.extended.batch_reduce_to(tf.distribute.ReduceOp[operation], pairs)


def _global_norm(gradients: Sequence[Tensor]) -> Tensor:
    """The norm of all gradients together; the many short ones are one, for which a GPU is started once."""
    short = [gradient for gradient in gradients if len(gradient.shape) < 2]
    long = [gradient for gradient in gradients if len(gradient.shape) >= 2]
    return tf.linalg.global_norm([*long, tf.concat(short, axis=0)] if short else long)


def _assign(variable: Tensor, value: Tensor) -> None:
    variable.assign(value)
