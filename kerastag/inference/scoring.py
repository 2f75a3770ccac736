"""Logits of chunks to scores of tracks: the mean of the chunks' sigmoids."""

from collections.abc import Callable, Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf

from kerastag import precisions
from kerastag.data import feeding, pipeline
from kerastag.tensors import Tensor

GPU = "/gpu:0"


def scores_of(logits: Tensor) -> Tensor:
    """The sigmoid, rounded once from float64: equal logits give equal scores.

    In float32 the last digit depends on where in the batch a row stands, and tracks that tie are ranked by that.
    """
    return tf.cast(tf.sigmoid(tf.cast(logits, tf.float64)), tf.float32)


class Scorer:
    """Scores batches of chunks, on every device of a strategy.

    A batch is sent to its device before the one ahead of it is read back, and what the host knows of a batch, its
    tracks, stays on the host: a GPU is never waited for while it has nothing to do.

    Args:
      forward: waveform (batch, samples) float32, and the values of each of `variables`, to scores (batch, num_tags) in
        [0, 1].
      num_tags: number of tags.
      strategy: None: the first GPU, else the CPU.
      compiled_size: compile `forward` with XLA for batches of that many chunks, to which smaller ones are filled up;
        None: do not compile, and take batches of any size.
      variables: lists of those whose values are handed to `forward`, each replica's own; a compiled function cannot
        look for them on one of several devices.
    """

    def __init__(
        self,
        forward: Callable[..., Tensor],
        num_tags: int,
        strategy: tf.distribute.Strategy | None = None,
        compiled_size: int | None = None,
        variables: Sequence[Sequence[keras.Variable]] = (),
    ):
        self._num_tags = num_tags
        self._compiled_size = compiled_size
        self.strategy = strategy or _one_device()
        self._variables = variables

        def score(waveform: Tensor, *values: list[Tensor]) -> Tensor:
            return forward(pipeline.to_float(waveform), *values)

        self._forward = tf.function(score, jit_compile=True, autograph=False) if compiled_size else score
        self._score: Callable[[Tensor], Tensor] | None = None

    @classmethod
    def of_model(
        cls,
        model: keras.Model,
        strategy: tf.distribute.Strategy | None = None,
        compiled_size: int | None = None,
        scores: Callable[[Tensor], Tensor] = scores_of,
    ) -> "Scorer":
        """A scorer with a model that gives logits, or whatever `scores` makes scores of."""

        def forward(waveform: Tensor, weights: list[Tensor], others: list[Tensor]) -> Tensor:
            return scores(model.stateless_call(weights, others, waveform, training=False)[0])

        variables = (model.trainable_variables, model.non_trainable_variables)
        return cls(forward, model.output_shape[-1], strategy, compiled_size, variables)

    def score_tracks(
        self,
        batches: tf.data.Dataset,
        num_tracks: int,
        on_batch: Callable[[np.ndarray], None] = lambda rows: None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Mean scores of tracks from batches of `waveform` and `row`, as pipeline.evaluation_batches makes them.

        Args:
          batches: chunks of all tracks.
          num_tracks: rows of the result.
          on_batch: called after each batch with the track of each of its chunks; it may raise to stop.

        Returns:
          scores, (num_tracks, num_tags) float32, NaN where no chunk came; number of chunks, (num_tracks,) int64.
        """
        totals, counts = np.zeros((num_tracks, self._num_tags), np.float64), np.zeros(num_tracks, np.int64)
        for rows, values in self.batches(batches):
            np.add.at(totals, rows, values)
            np.add.at(counts, rows, 1)
            on_batch(rows)
        with np.errstate(invalid="ignore"):
            return (totals / counts[:, None]).astype(np.float32), counts

    def batches(self, batches: tf.data.Dataset) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Scores of chunks, for batches as `score_tracks` takes them.

        Yields:
          of each batch, the track of each chunk, int64 (b,), and its scores, (b, num_tags).
        """
        size = self._compiled_size
        if size is not None:
            batches = batches.map(lambda batch: pipeline.fixed(batch, size))
        waiting: tuple[np.ndarray, Tensor] | None = None
        for host, batch in feeding.feed(batches, self.strategy, ["row", "weight"]):
            rows = np.where(host["weight"] > 0, host["row"], -1)  # -1: only fills up
            before, waiting = waiting, (rows, self._launch(batch["waveform"], batches))
            if before is not None:
                yield self._read(*before)
        if waiting is not None:
            yield self._read(*waiting)

    def _launch(self, waveform: Tensor, batches: tf.data.Dataset) -> Tensor:
        """Starts scoring a batch; its scores, which can be waited for."""
        if self._score is None:  # traced once, for batches of any size; on several devices all are of one size
            one = self.strategy.num_replicas_in_sync == 1
            signature = [batches.element_spec["waveform"]] if one else None
            self._score = tf.function(self._score_batch, signature, autograph=False)
        return self._score(waveform)

    def _score_batch(self, waveform: Tensor) -> Tensor:
        return self.strategy.run(self._score_share, (waveform,))

    def _score_share(self, waveform: Tensor) -> Tensor:
        return self._forward(waveform, *(feeding.values_of(variables) for variables in self._variables))

    def _read(self, rows: np.ndarray, scores: Tensor) -> tuple[np.ndarray, np.ndarray]:
        """Waits for the scores of a batch; its tracks and scores, without what fills up."""
        values = np.concatenate([part.numpy() for part in self.strategy.experimental_local_results(scores)])
        return rows[rows >= 0], values[rows >= 0]


def _one_device() -> tf.distribute.Strategy:
    """A strategy on the first GPU, or on the CPU."""
    return tf.distribute.OneDeviceStrategy(GPU if precisions.has_gpu() else "/cpu:0")
