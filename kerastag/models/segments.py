"""Networks that hear several consecutive chunks: the chunks one by one, and what is made of all their embeddings."""

from typing import Any

import keras
import tensorflow as tf

from kerastag import errors
from kerastag.models import embedding
from kerastag.tensors import Config, Tensor

FRONT_END = "log_mel"  # name of a network's LogMelSpectrogram
_NEVER = -1e9  # added to a score before a softmax; finite, so that a track of nothing but silence has scores too


@keras.saving.register_keras_serializable(package="kerastag")
class Segments(keras.layers.Layer):
    """Waveform (batch, samples) to consecutive chunks of it, (batch * num_chunks, samples / num_chunks)."""

    def __init__(self, num_chunks: int, **kwargs: Any):
        super().__init__(**{"trainable": False, **kwargs, "dtype": "float32"})
        self.num_chunks = num_chunks

    def call(self, waveform: Tensor) -> Tensor:
        return tf.reshape(waveform, [-1, tf.shape(waveform)[1] // self.num_chunks])

    def compute_output_spec(self, waveform: Tensor) -> Tensor:
        samples = waveform.shape[1]
        return keras.KerasTensor((None, samples and samples // self.num_chunks), dtype="float32")

    def get_config(self) -> Config:
        return {**super().get_config(), "num_chunks": self.num_chunks}


@keras.saving.register_keras_serializable(package="kerastag")
class Joined(keras.layers.Layer):
    """Embeddings (batch * num_chunks, width) beside each other, float32 (batch, num_chunks * width).

    Takes the chunks too, as spectrograms or as waveforms, (batch * num_chunks, ...): the embedding of one that is the
    same throughout, as the silence that is added behind a short track, becomes zero, by which `Heard` knows it.
    """

    def __init__(self, num_chunks: int, **kwargs: Any):
        super().__init__(**{"trainable": False, **kwargs, "dtype": "float32", "autocast": False})
        self.num_chunks = num_chunks

    def call(self, embeddings: Tensor, chunks: Tensor) -> Tensor:
        axes = list(range(1, len(chunks.shape)))
        sounds = tf.cast(tf.reduce_max(chunks, axes) > tf.reduce_min(chunks, axes), tf.float32)  # (batch * num_chunks,)
        values = tf.cast(embeddings, tf.float32) * sounds[:, None]
        return tf.reshape(values, [-1, self.num_chunks * embeddings.shape[1]])

    def compute_output_spec(self, embeddings: Tensor, chunks: Tensor) -> Tensor:
        return keras.KerasTensor((None, self.num_chunks * embeddings.shape[1]), dtype="float32")

    def get_config(self) -> Config:
        return {**super().get_config(), "num_chunks": self.num_chunks}


@keras.saving.register_keras_serializable(package="kerastag")
class Pooling(keras.layers.Layer):
    """The mean of values (batch, num_chunks, width), weighted by the softmax of scores (batch, num_chunks, 1).

    Attention over instances of a bag, Ilse et al. 2018, arXiv:1802.04712, eq. 7 and 8; chunks that are not `heard`,
    (batch, num_chunks), have no weight.
    """

    def call(self, values: Tensor, scores: Tensor, heard: Tensor) -> Tensor:
        weights = tf.nn.softmax(scores + (1 - heard[:, :, None]) * _NEVER, axis=1)
        return tf.reduce_sum(values * weights, axis=1)

    def compute_output_spec(self, values: Tensor, scores: Tensor, heard: Tensor) -> Tensor:
        return keras.KerasTensor((None, values.shape[2]), dtype="float32")


@keras.saving.register_keras_serializable(package="kerastag")
class SelfAttention(keras.layers.Layer):
    """Scaled dot-product attention in heads, Vaswani et al. 2017, arXiv:1706.03762, eq. 1; it has no weights.

    Takes queries, keys and values, (batch, num_tokens, width) each, and which tokens are heard, (batch, num_tokens),
    1 or 0: others are not attended to. Gives (batch, num_tokens, width).
    """

    def __init__(self, num_heads: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.num_heads = num_heads

    def call(self, queries: Tensor, keys: Tensor, values: Tensor, heard: Tensor) -> Tensor:
        num_tokens, width = queries.shape[1:]
        queries, keys, values = (self._in_heads(x, num_tokens, width) for x in (queries, keys, values))
        scores = tf.matmul(queries, keys, transpose_b=True) * (width // self.num_heads) ** -0.5
        weights = tf.nn.softmax(scores + (1 - heard[:, None, None, :]) * _NEVER, axis=-1)  # (batch, heads, to, from)
        return tf.reshape(tf.transpose(tf.matmul(weights, values), [0, 2, 1, 3]), [-1, num_tokens, width])

    def _in_heads(self, x: Tensor, num_tokens: int, width: int) -> Tensor:
        """(batch, heads, num_tokens, width / heads)."""
        heads = tf.reshape(x, [-1, num_tokens, self.num_heads, width // self.num_heads])
        return tf.transpose(heads, [0, 2, 1, 3])

    def compute_output_spec(self, queries: Tensor, keys: Tensor, values: Tensor, heard: Tensor) -> Tensor:
        return keras.KerasTensor(queries.shape, dtype="float32")

    def get_config(self) -> Config:
        return {**super().get_config(), "num_heads": self.num_heads}


@keras.saving.register_keras_serializable(package="kerastag")
class Tokens(keras.layers.Layer):
    """Vectors (batch, num_chunks, width) behind a learnt one for the whole, with learnt positions added to all.

    Gives (batch, 1 + num_chunks, width), as in BERT and the Vision Transformer, Dosovitskiy et al. 2021,
    arXiv:2010.11929, eq. 1.
    """

    def build(self, input_shape: tuple[int, ...]) -> None:
        _, num_chunks, width = input_shape
        normal = keras.initializers.RandomNormal(stddev=0.02)
        self.whole = self.add_weight(name="whole", shape=(width,), initializer=normal)
        self.positions = self.add_weight(name="positions", shape=(1 + num_chunks, width), initializer=normal)

    def call(self, x: Tensor) -> Tensor:
        whole = tf.zeros_like(x[:, :1]) + self.whole.value
        return tf.concat([whole, x], axis=1) + self.positions.value

    def compute_output_spec(self, x: Tensor) -> Tensor:
        return keras.KerasTensor((None, 1 + x.shape[1], x.shape[2]), dtype="float32")


@keras.saving.register_keras_serializable(package="kerastag")
class Heard(keras.layers.Layer):
    """Which of embeddings (batch, num_chunks, width) are of a chunk that sounds, 1 or 0, (batch, num_chunks).

    Args:
      num_before: ones before them, for tokens that are no chunks.
    """

    def __init__(self, num_before: int = 0, **kwargs: Any):
        super().__init__(**{"trainable": False, **kwargs, "dtype": "float32"})
        self.num_before = num_before

    def call(self, embeddings: Tensor) -> Tensor:
        heard = tf.cast(tf.reduce_max(tf.abs(embeddings), axis=2) > 0, tf.float32)
        return tf.pad(heard, [[0, 0], [self.num_before, 0]], constant_values=1.0)

    def compute_output_spec(self, embeddings: Tensor) -> Tensor:
        return keras.KerasTensor((None, self.num_before + embeddings.shape[1]), dtype="float32")

    def get_config(self) -> Config:
        return {**super().get_config(), "num_before": self.num_before}


def over(network: keras.Model, num_chunks: int) -> tuple[Tensor, Tensor]:
    """A network's embedding of each of several consecutive chunks, by its own layers.

    Args:
      network: with an embedding.
      num_chunks: how many chunks of the network are heard.

    Returns:
      Keras tensors: the waveform (batch, num_chunks * chunk) and the embeddings (batch, num_chunks * width), as
      `Joined` gives them.

    Raises:
      KerastagError: the network has no embedding, or hears several chunks itself.
    """
    hidden = embedding.tensor_of(network)
    if hidden is None:
        raise errors.KerastagError(f"the network {network.name} has no embedding")
    if _joined(network) is not None:
        raise errors.KerastagError(f"the network {network.name} hears several chunks itself", "pretrained")
    waveform = keras.Input((None,), name="waveform", dtype="float32")
    chunks = Segments(num_chunks, name="segments")(waveform)
    # its `call`, not itself, which would be one layer that holds the others: files and folding know layers by name
    spectrograms = [layer.output for layer in network.layers if layer.name == FRONT_END]
    each, *spectrograms = keras.Model(network.input, [hidden, *spectrograms]).call(chunks)
    return waveform, Joined(num_chunks, name="joined")(each, spectrograms[0] if spectrograms else chunks)


def behind_front_end(network: keras.Model) -> tuple[int, keras.Model]:
    """How many chunks a network hears together, and its part from their spectrograms on, one after the other."""
    joined = _joined(network)
    if joined is None:
        return 1, keras.Model(network.get_layer(FRONT_END).output, network.output)
    return joined.num_chunks, keras.Model(joined.input[1], network.output)


def _joined(network: keras.Model) -> Joined | None:
    return next((layer for layer in network.layers if isinstance(layer, Joined)), None)
