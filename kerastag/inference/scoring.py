"""Logits of chunks to scores of tracks: the mean of the chunks' sigmoids."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from kerastag import precisions
from kerastag.data import pipeline
from kerastag.tensors import Tensor

GPU = "/gpu:0"


def scores_of(logits: Tensor) -> Tensor:
    """The sigmoid, rounded once from float64: equal logits give equal scores.

    In float32 the last digit depends on where in the batch a row stands, and tracks that tie are ranked by that.
    """
    return tf.cast(tf.sigmoid(tf.cast(logits, tf.float64)), tf.float32)


class Scorer:
    """Scores batches of chunks, on every device of a strategy.

    Args:
      forward: waveform (batch, samples) float32 to scores (batch, num_tags) in [0, 1].
      num_tags: number of tags.
      strategy: None: the first GPU, on which the next batch waits already, else the CPU.
    """

    def __init__(
        self, forward: Callable[[Tensor], Tensor], num_tags: int, strategy: tf.distribute.Strategy | None = None
    ):
        self._forward = forward
        self._num_tags = num_tags
        self.strategy = strategy or _one_device()
        self._score: Callable[[dict[str, Tensor]], tuple[Tensor, Tensor, Tensor]] | None = None

    @classmethod
    def of_model(cls, model: keras.Model, strategy: tf.distribute.Strategy | None = None) -> "Scorer":
        """A scorer with a model that gives logits."""
        return cls(lambda waveform: scores_of(model(waveform, training=False)), model.output_shape[-1], strategy)

    def score_tracks(
        self,
        batches: tf.data.Dataset,
        num_tracks: int,
        on_batch: Callable[[int], None] = lambda num_chunks: None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Mean scores of tracks from batches of `waveform` and `row`, as pipeline.evaluation_batches makes them.

        Args:
          batches: chunks of all tracks.
          num_tracks: rows of the result.
          on_batch: called after each batch with its number of chunks; it may raise to stop.

        Returns:
          scores, (num_tracks, num_tags) float32, NaN where no chunk came; number of chunks, (num_tracks,) int64.
        """
        totals = np.zeros((num_tracks, self._num_tags), np.float64)
        counts = np.zeros(num_tracks, np.int64)
        distributed = self.strategy.experimental_distribute_dataset(batches)
        if self._score is None:  # traced once, for batches of any size
            self._score = tf.function(self._score_batch, [distributed.element_spec], autograph=False)
        for batch in distributed:
            scores, rows, weights = (self._on_host(values) for values in self._score(batch))
            scores, rows = scores[weights > 0], rows[weights > 0]
            np.add.at(totals, rows, scores)
            np.add.at(counts, rows, 1)
            on_batch(len(rows))
        with np.errstate(invalid="ignore"):
            return (totals / counts[:, None]).astype(np.float32), counts

    def _score_batch(self, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        return self.strategy.run(self._score_waveform, (batch["waveform"],)), batch["row"], batch["weight"]

    def _on_host(self, values: Tensor) -> np.ndarray:
        return np.concatenate([part.numpy() for part in self.strategy.experimental_local_results(values)])

    def _score_waveform(self, waveform: Tensor) -> Tensor:
        return self._forward(pipeline.to_float(waveform))


def _one_device() -> tf.distribute.Strategy:
    """A strategy on the first GPU, which copies batches there ahead; TensorFlow's default one without GPUs."""
    if precisions.has_gpu():
        return tf.distribute.OneDeviceStrategy(GPU)
    return tf.distribute.get_strategy()
