"""One step of training on every device: gradients by each replica, then their sum and the update."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from kerastag import losses
from kerastag.data import feeding, pipeline
from kerastag.models import blocks, layers
from kerastag.tensors import Tensor
from kerastag.training import averaging, mixing, optimizers


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
      average: follows each step; None: none is kept.
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
        average: averaging.Average | None = None,
    ):
        self._model = model
        self._loss = loss
        self._optimizer = optimizer
        self._strategy = strategy
        self._mixes = mixes
        self._average = average
        # what replicas gather from each other in between cannot be compiled: then the network alone is
        self._gathers = loss.over_batch and strategy.num_replicas_in_sync > 1
        self._differentiate, self._forward = self._gradients, self._logits
        if compiled and self._gathers:
            self._forward = tf.function(self._logits, jit_compile=True, autograph=False)
        elif compiled:
            self._differentiate = tf.function(self._gradients, jit_compile=True, autograph=False)
        self._update = optimizers.Update(optimizer, model.trainable_variables, strategy, rate_factors)
        frozen = {id(variable) for variable in blocks.frozen(model)}
        others = model.non_trainable_variables
        self._moving = [place for place, variable in enumerate(others) if id(variable) not in frozen]

    def __call__(
        self, batch: dict[str, Tensor], share: Tensor, seed: Tensor, watched: Tensor, epoch: Tensor, stopping: Tensor
    ) -> Tensor:
        """Trains on a batch.

        Args:
          batch: waveform (b, samples), labels (b, num_tags), weight (b,) and first_row () of each replica's share, as
            feeding.feed gives them.
          share, seed: what mixing.draw gives.
          watched: bool (), whether the gradients' norm is wanted.
          epoch: int32 (), epochs trained in full before.
          stopping: float32 (), above 0 where this process was asked to stop.

        Returns:
          float32 (3,): the loss; the norm of the gradients before weight decay and without loss scaling, NaN unwatched,
          not finite where a step in float16 overflows; above 0 if any process was asked to stop.
        """
        results, gradients, moved = self._strategy.run(self._replica_step, (batch, share, seed, epoch, stopping))
        gradients = self._reduced("SUM", gradients, self._model.trainable_variables)
        with tf.device(self._strategy.extended.worker_devices[0]):
            norm = self._norm(gradients, watched)
            scale = self._optimizer.scale_loss(tf.ones(()))
            loss, stopped = tf.unstack(self._strategy.reduce("SUM", results, axis=None))
            told = tf.stack([loss, norm / scale, stopped])
            taken = self._update(gradients, norm)
        self._move(moved)
        if self._average is not None:
            with tf.device(self._strategy.extended.worker_devices[0]):
                self._average.after_step(taken)
        return told

    def _replica_step(
        self, batch: dict[str, Tensor], share: Tensor, seed: Tensor, epoch: Tensor, stopping: Tensor
    ) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        size = tf.shape(batch["waveform"])[0]
        partner = mixing.partners(size, seed) if self._mixes else tf.range(size)
        scale = self._optimizer.scale_loss(tf.ones(()))
        weights = feeding.values_of(self._model.trainable_variables)
        others = feeding.values_of(self._model.non_trainable_variables)
        loss, gradients, moved = self._differentiate(weights, others, batch, partner, share, scale, epoch)
        return tf.stack([loss, stopping]), gradients, moved

    def _gradients(
        self,
        weights: list[Tensor],
        others: list[Tensor],
        batch: dict[str, Tensor],
        partner: Tensor,
        share: Tensor,
        scale: Tensor,
        epoch: Tensor,
    ) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        """A replica's share of the loss, of the gradients of the scaled loss, and the variables that moved meanwhile.

        Args:
          weights, others: values of the trained variables, and of all others: moving statistics, the seeds of dropout,
            what is frozen.
          batch: the share.
          partner: the row that each is mixed with, (b,).
          share: of each row in its mixture, ().
          scale: that the loss is multiplied by, ().
          epoch: epochs trained in full before, ().
        """
        waveform, labels = pipeline.to_float(batch["waveform"]), [batch["labels"]]
        if self._mixes:
            waveform = mixing.mix(waveform, partner, share)
            labels.append(tf.gather(batch["labels"], partner))
        with tf.GradientTape() as tape:
            tape.watch(weights)
            logits, moved = self._forward(weights, others, waveform, batch["first_row"])
            every = (logits, batch["weight"], labels)
            if self._gathers:
                every = _of_all_replicas(*every, batch["first_row"])
            tracks = self._weighted_losses(*every, share, epoch)
            scaled = tf.reduce_sum(tracks) * scale
        if self._gathers:
            tracks = tf.slice(tracks, batch["first_row"][None], tf.shape(batch["weight"], tf.int64))
        return tf.reduce_sum(tracks), tape.gradient(scaled, weights), [moved[place] for place in self._moving]

    def _logits(
        self, weights: list[Tensor], others: list[Tensor], waveform: Tensor, first_row: Tensor
    ) -> tuple[Tensor, list[Tensor]]:
        """What the network gives in training, (b, num_tags), and what its other variables become."""
        with layers.rows_from(first_row):
            return self._model.stateless_call(weights, others, waveform, training=True)

    def _weighted_losses(
        self, logits: Tensor, weight: Tensor, labels: Sequence[Tensor], share: Tensor, epoch: Tensor
    ) -> Tensor:
        """Each track's loss by its weight, (b,), of its labels and, mixed, of its partner's."""
        loss = self._loss.in_training(labels[0], logits, weight, epoch)
        if self._mixes:  # of both labels: for focal losses that is not the loss of the mixed labels
            loss = share * loss + (1 - share) * self._loss.in_training(labels[1], logits, weight, epoch)
        return loss * weight

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


def _of_all_replicas(
    logits: Tensor, weight: Tensor, labels: Sequence[Tensor], first_row: Tensor
) -> tuple[Tensor, Tensor, list[Tensor]]:
    """The same of the whole batch, in its order.

    Rows of other replicas are constants: each replica takes the gradient of the whole loss by its own logits, and the
    sum over replicas is the gradient by all.
    """
    context = tf.distribute.get_replica_context()
    constant, weight, *all_labels = context.all_gather([tf.stop_gradient(logits), weight, *labels], axis=0)
    end = first_row + tf.shape(logits, tf.int64)[0]
    return tf.concat([constant[:first_row], logits, constant[end:]], axis=0), weight, all_labels


def _assign(variable: Tensor, value: Tensor) -> None:
    variable.assign(value)
