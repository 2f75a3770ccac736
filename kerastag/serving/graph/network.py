"""One network of a served model: the chunks it takes of waveforms of any length, run in mini-batches."""

from collections.abc import Callable

import keras
import tensorflow as tf

from kerastag.inference import scoring
from kerastag.models import embedding
from kerastag.models.foreign import network as foreign_network
from kerastag.tensors import Tensor

MINI_BATCH = 16  # chunks that run at a time: on a CPU few are slow, many take memory


class ServedNetwork(tf.Module):
    """One network's variables, and what it says of waveforms in plain TensorFlow operations.

    Waveforms are float32 (batch, samples) at the model's rate, of at least one sample; zeros are added to what is
    shorter than a chunk. Memory does not grow with their number and length, but for the results.

    Args:
      model: waveform to logits, in the precision to serve in.
      num_chunks: evenly spaced chunks whose scores are averaged.

    Attributes:
      chunk_samples: samples in one chunk.
      embedding_width: numbers in an embedding; 0: the model has none.
    """

    def __init__(self, model: keras.Model, num_chunks: int):
        super().__init__()
        self.chunk_samples = model.chunk_samples
        self.embedding_width = embedding.width_of(model)
        self._num_chunks = num_chunks
        self._num_tags = model.num_tags
        self._centred = model.centred
        forward = _traced_once(model)
        self._forward = lambda chunks: forward(chunks)  # as an attribute of its own it would be saved once more
        self.weights = [variable.value for variable in model.weights]  # the seeds of dropout are not among them
        # variables and tables of bases of other makers, which Keras does not know
        self.bases = [layer.opened.loaded for layer in foreign_network.layers_in(model)]

    def scores(self, waveform: Tensor) -> Tensor:
        """float32 (batch, num_tags), the mean over the chunks that `audio.read_chunks` takes of a file."""
        return _mean(self.chunk_scores(waveform, self._starts(waveform)))

    def embedding(self, waveform: Tensor) -> Tensor:
        """float32 (batch, embedding_width), the mean over the same chunks."""
        return _mean(self._of_chunks(lambda out: out[1], self.embedding_width, waveform, self._starts(waveform)))

    def chunk_scores(self, waveform: Tensor, starts: Tensor) -> Tensor:
        """float32 (batch, chunks, num_tags) of the chunks that begin at the samples `starts`, int32 (chunks,)."""
        return self._of_chunks(lambda out: out[0], self._num_tags, waveform, starts)

    def _starts(self, waveform: Tensor) -> Tensor:
        spare = tf.maximum(tf.shape(waveform)[1] - self.chunk_samples, 0)
        if self._centred:
            return [(spare + 1) // 2]
        step = spare // self._num_chunks
        return tf.range(tf.where(step > 0, self._num_chunks, 1)) * step  # without a step all would be the same

    def _of_chunks(self, output: Callable[[Tensor], Tensor], width: int, waveform: Tensor, starts: Tensor) -> Tensor:
        """float32 (batch, chunks, width): the `output`, (chunks, width), of what `_forward` gives."""
        batch, count = tf.shape(waveform)[0], tf.size(starts)
        total = batch * count
        part_size = -(-total // tf.maximum(-(-total // MINI_BATCH), 1))  # parts of nearly one size

        def step(begin: Tensor, done: Tensor) -> tuple[Tensor, Tensor]:
            positions = tf.range(begin, tf.minimum(begin + part_size, total))
            chunks = self._cut(waveform, positions // count, tf.gather(starts, positions % count))
            return begin + part_size, tf.tensor_scatter_nd_update(
                done, positions[:, tf.newaxis], output(self._forward(chunks))
            )

        begin = (tf.constant(0), tf.zeros([total, width]))
        # one part at a time, so that memory does not grow
        _, done = tf.while_loop(lambda begin, _: begin < total, step, begin, parallel_iterations=1)
        return tf.reshape(done, [batch, count, width])

    def _cut(self, waveform: Tensor, rows: Tensor, starts: Tensor) -> Tensor:
        """The chunks, float32 (chunks, chunk_samples), of those rows that begin there; zeros after the end."""
        num_samples = tf.shape(waveform, tf.int64)[1]
        length = tf.minimum(num_samples, self.chunk_samples)
        first = tf.cast(rows, tf.int64) * num_samples + tf.cast(starts, tf.int64)  # in all rows one after the other
        chunks = tf.gather(tf.reshape(waveform, [-1]), first[:, tf.newaxis] + tf.range(length))
        return tf.ensure_shape(tf.pad(chunks, [[0, 0], [0, self.chunk_samples - length]]), [None, self.chunk_samples])


def _traced_once(model: keras.Model) -> Callable[[Tensor], Tensor]:
    """chunks (b, chunk_samples) to scores and embedding, float32 (b, ...) each: one function, whoever calls it."""
    hidden = embedding.tensor_of(model)
    both = model if hidden is None else keras.Model(model.input, [model.output, hidden])

    def forward(chunks: Tensor) -> tuple[Tensor, ...]:
        if hidden is None:
            return (scoring.scores_of(both(chunks, training=False)),)
        logits, embedded = both(chunks, training=False)
        return scoring.scores_of(logits), tf.cast(embedded, tf.float32)

    spec = tf.TensorSpec([None, model.chunk_samples], tf.float32, name="chunks")
    return tf.function(forward, input_signature=[spec], autograph=False)


def _mean(chunks: Tensor) -> Tensor:
    """(batch, chunks, width) to float32 (batch, width)."""
    return tf.cast(tf.reduce_mean(tf.cast(chunks, tf.float64), axis=1), tf.float32)
