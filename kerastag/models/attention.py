"""The short-chunk residual CNN over consecutive chunks, and self-attention over their embeddings.

After the Music Tagging Transformer, Won, Choi and Serra 2021, arXiv:2111.13457: a convolutional front end, learnt
positions, a token for the whole, Transformer layers. Theirs attends to frames of a small CNN; here a token is a whole
chunk of the recipe's network, so that weights trained on single chunks can be its start.
"""

import json
import math
from typing import Any

import keras

from kerastag import models
from kerastag.models import layers, norm, resnet, segments
from kerastag.models.variants import VARIANTS
from kerastag.tensors import Config, Tensor

INNER_DROPOUT = 0.1
MAX_HEADS = 8


@keras.saving.register_keras_serializable(package="kerastag")
class ShortChunkAttention(keras.Model):
    """Waveform (batch, samples) at 16 kHz to logits (batch, num_tags); all behind the chunks' embeddings is float32.

    Args:
      num_tags: outputs.
      num_channels: c of the residual CNN; tokens are 2c wide, 256 for the published width.
      num_blocks: of the residual CNN.
      variant: of the residual CNN; it says how long one chunk is.
      heard_chunks: consecutive chunks that are heard together: 6 of "4s6" are 27.6 s.
      num_layers: Transformer layers.
      dropout: rate before the output layer; between the others it is INNER_DROPOUT.
      precision, folded, front_end, augmentation: see resnet.ShortChunkResNet; each chunk is augmented alone.
    """

    centred = False
    consecutive = None

    def __init__(
        self,
        num_tags: int = 56,
        num_channels: int = 128,
        variant: str = "4s6",
        heard_chunks: int = models.HEARD_CHUNKS,
        num_layers: int = models.ATTENTION_LAYERS,
        dropout: float = 0.5,
        precision: str | None = None,
        folded: bool = False,
        name: str = "short_chunk_attention",
        front_end: Config | None = None,
        augmentation: Config | None = None,
        num_blocks: int = models.RESIDUAL_BLOCKS,
        **kwargs: Any,
    ):
        precision = precision or keras.config.dtype_policy().name
        options: dict[str, Any] = {"front_end": front_end, "augmentation": augmentation}
        how = (num_tags, num_channels, variant, dropout, precision, folded)
        chunk_network = resnet.ShortChunkResNet(*how, **options, num_chunks=heard_chunks, num_blocks=num_blocks)
        waveform, embeddings = segments.over(chunk_network, heard_chunks)
        x = keras.layers.Reshape((heard_chunks, -1), name="chunks", dtype="float32")(embeddings)
        heard = segments.Heard(num_before=1, name="heard")(x)
        x = resnet.dense_layer(x, 2 * num_channels, "attention_in", "float32")
        x = segments.Tokens(name="attention_tokens", dtype="float32")(x)
        for number in range(1, num_layers + 1):
            x = transformer_layer(x, heard, f"attention_{number}")
        x = keras.layers.Cropping1D((0, heard_chunks), name="whole", dtype="float32")(x)
        x = keras.layers.Flatten(name="whole_flat", dtype="float32")(x)  # (batch, 2c)
        x = _layer_norm("attention_norm")(x)
        x = layers.Dropout(dropout, name="dropout", dtype="float32")(x)
        logits = resnet.dense_layer(x, num_tags, "output", "float32")  # (batch, num_tags)
        super().__init__(waveform, logits, name=name, **kwargs)
        self.num_tags = num_tags
        self.num_channels = num_channels
        self.num_blocks = num_blocks
        self.variant = variant
        self.heard_chunks = heard_chunks
        self.num_layers = num_layers
        self.dropout = dropout
        self.precision = precision
        self.folded = folded
        self._options = json.dumps(options)  # dicts would be tracked

    @property
    def chunk_samples(self) -> int:
        """Samples that are heard at once, at `sample_rate`."""
        return self.heard_chunks * VARIANTS[self.variant].chunk_samples

    @property
    def sample_rate(self) -> int:
        """Of the waveform, in Hz."""
        return self.get_layer("log_mel").sample_rate

    @property
    def output_layer(self) -> keras.layers.Layer:
        """The dense layer whose outputs are the logits."""
        return self.get_layer("output")

    @property
    def block_names(self) -> list[tuple[str, ...]]:
        """How the names of each block's layers begin, see models.blocks."""
        variant = VARIANTS[self.variant]
        residual = [(block,) for block, _, _ in variant.blocks[: self.num_blocks]]
        return [*residual, variant.head[:2], ("attention", "output")]

    def get_config(self) -> Config:
        names = ("num_tags", "num_channels", "num_blocks", "variant", "heard_chunks", "num_layers", "dropout")
        kept = {name: getattr(self, name) for name in (*names, "precision", "folded", "name")}
        return {**kept, **json.loads(self._options)}

    @classmethod
    def from_config(cls, config: Config, custom_objects: Config | None = None) -> "ShortChunkAttention":
        return cls(**config)


def transformer_layer(x: Tensor, heard: Tensor, name: str) -> Tensor:
    """x + attention(norm(x)), then that + dense(relu(dense(norm(it)))), four times as wide inside.

    Args:
      x: tokens (batch, num_tokens, width).
      heard: which are attended to, (batch, num_tokens).
      name: how the names of its layers begin.
    """
    width = x.shape[2]
    normal = _layer_norm(f"{name}_norm_1")(x)
    parts = [resnet.dense_layer(normal, width, f"{name}_{part}", "float32") for part in ("query", "key", "value")]
    num_heads = math.gcd(MAX_HEADS, width)
    out = segments.SelfAttention(num_heads, name=f"{name}_attend", dtype="float32")(*parts, heard)
    out = _dropped(resnet.dense_layer(out, width, f"{name}_out", "float32"), f"{name}_dropout_1")
    x = keras.layers.Add(name=f"{name}_add_1", dtype="float32")([x, out])
    out = resnet.dense_layer(_layer_norm(f"{name}_norm_2")(x), 4 * width, f"{name}_dense_1", "float32")
    out = keras.layers.ReLU(name=f"{name}_relu", dtype="float32")(out)  # ONNX has no operation of TensorFlow's GELU
    out = _dropped(resnet.dense_layer(out, width, f"{name}_dense_2", "float32"), f"{name}_dropout_2")
    return keras.layers.Add(name=f"{name}_add_2", dtype="float32")([x, out])


def _layer_norm(name: str) -> keras.layers.Layer:
    return keras.layers.LayerNormalization(epsilon=norm.EPSILON, name=name, dtype="float32")


def _dropped(x: Tensor, name: str) -> Tensor:
    """Dropout of tokens laid out as one row of units, for which masks do not depend on who draws them."""
    shape = x.shape[1:]
    x = keras.layers.Reshape((shape[0] * shape[1],), name=f"{name}_flat", dtype="float32")(x)
    x = layers.Dropout(INNER_DROPOUT, name=name, dtype="float32")(x)
    return keras.layers.Reshape(shape, name=f"{name}_tokens", dtype="float32")(x)
