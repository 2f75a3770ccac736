"""Moving statistics of batch normalisation for weights that no step had: recomputed on batches of training.

Weights that are a mean have activations of their own; see Izmailov et al. 2018, arXiv:1803.05407, section 3.2.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf

from kerastag import errors
from kerastag.data import feeding, pipeline
from kerastag.models import layers, norm
from kerastag.tensors import Tensor
from kerastag.training import averaging, mixing

MOST_BATCHES = 200


class NormStatistics:
    """Recomputes the moving statistics of a network, which it leaves as it is.

    Args:
      model: built under `strategy`.
      strategy: each replica normalises by its own share of a batch, and their statistics are averaged, as in training.
      mixup_alpha, seed: above 0 batches are mixed, see training.mixing.
    """

    def __init__(self, model: keras.Model, strategy: tf.distribute.Strategy, mixup_alpha: float = 0.0, seed: int = 0):
        self._model = model
        self._strategy = strategy
        self._mixup_alpha = mixup_alpha
        self._seed = seed
        every = [layer for layer in model.layers if isinstance(layer, norm.BatchNormalization)]
        self._norms = [layer for layer in every if layer.trainable]
        moving = {id(variable) for variable in averaging.statistics_of(model)}
        others = model.non_trainable_variables
        self._places = [place for place, variable in enumerate(others) if id(variable) in moving]
        self._compute = tf.function(self._of_batch, autograph=False, reduce_retracing=True)

    @property
    def are_there(self) -> bool:
        """Whether the network has any that move."""
        return bool(self._norms)

    def __call__(
        self, batches: tf.data.Dataset, epoch: int, on_batch: Callable[[int], None] = lambda num_chunks: None
    ) -> list[np.ndarray]:
        """The statistics of batches in training mode, mean over batches by their numbers of chunks.

        Args:
          batches: as pipeline.training_batches makes them; the first MOST_BATCHES are taken.
          epoch: epochs trained in full before, for mixup.
          on_batch: called after each batch with its number of chunks; it may raise to stop.

        Returns:
          a value, float64, for each variable of averaging.statistics_of.

        Raises:
          KerastagError: there is no batch.
        """
        shapes = [tuple(variable.shape) for variable in averaging.statistics_of(self._model)]
        ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
        sums, total = np.zeros(ends[-1]), 0
        fed = feeding.feed(batches.take(MOST_BATCHES), self._strategy, ["draw", "labels", "weight"])
        for number, (host, batch) in enumerate(fed):
            share, seed = np.float32(1), np.zeros(2, np.int32)
            if self._mixup_alpha:
                share, seed = mixing.draw(self._mixup_alpha, self._seed, epoch, number)
            given = (tf.constant(share), tf.constant(seed), tf.constant(number, tf.int64))
            num_chunks = int(np.count_nonzero(host["weight"]))
            sums += num_chunks * self._compute(batch, *given).numpy().astype(np.float64)
            total += num_chunks
            on_batch(num_chunks)
        if not total:
            raise errors.KerastagError("no track of the training split can be read any more")
        parts = np.split(sums / total, ends[:-1])
        return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]

    def _of_batch(self, batch: dict[str, Tensor], share: Tensor, seed: Tensor, number: Tensor) -> Tensor:
        """All statistics of a batch, one after the other, (num_values,)."""
        return self._strategy.reduce(
            "MEAN", self._strategy.run(self._of_share, (batch, share, seed, number)), axis=None
        )

    def _of_share(self, batch: dict[str, Tensor], share: Tensor, seed: Tensor, number: Tensor) -> Tensor:
        waveform = pipeline.to_float(batch["waveform"])
        if self._mixup_alpha:
            waveform = mixing.mix(waveform, mixing.partners(tf.shape(waveform)[0], seed), share)
        weights = feeding.values_of(self._model.trainable_variables)
        others = [_later(value, number) for value in feeding.values_of(self._model.non_trainable_variables)]
        with _without_memory(self._norms), layers.rows_from(batch["first_row"]):
            _, moved = self._model.stateless_call(weights, others, waveform, training=True)
        return tf.concat([tf.reshape(moved[place], [-1]) for place in self._places], axis=0)


def _later(value: Tensor, number: Tensor) -> Tensor:
    """A seed of dropout so many steps later; another value as it is."""
    return value if value.dtype.is_floating else value + tf.cast(tf.stack([0, number]), value.dtype)


@contextlib.contextmanager
def _without_memory(norms: Sequence[norm.BatchNormalization]) -> Iterator[None]:
    """While a network is traced: moving statistics become those of the batch."""
    before = [layer.momentum for layer in norms]
    try:
        for layer in norms:
            layer.momentum = 0.0
        yield
    finally:
        for layer, momentum in zip(norms, before, strict=True):
            layer.momentum = momentum
