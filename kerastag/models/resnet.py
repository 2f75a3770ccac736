"""The short-chunk residual CNN: Won et al. 2020, arXiv:2006.00751, and its 4.6 s variant by Knox et al. 2020."""

import json
import math
from typing import Any

import keras

from kerastag import models
from kerastag.models import augmentation as augmenting
from kerastag.models import bias, convolution, layers, norm
from kerastag.models.variants import VARIANTS
from kerastag.tensors import Config, Tensor


@keras.saving.register_keras_serializable(package="kerastag")
class ShortChunkResNet(keras.Model):
    """Waveform (batch, samples) at 16 kHz to logits (batch, num_tags); the mel front end is inside.

    Args:
      num_tags: outputs.
      num_channels: c; the blocks have c c 2c 2c 2c 2c 4c channels.
      num_blocks: so many of the seven, from the input on; with fewer, each place of the last one hears less around it.
      variant: "4s6" for chunks of 73,600 samples, "3s69" for 59,049.
      dropout: rate before the output layer.
      precision: policy of the layers between front end and output; None: Keras' global one. Front end and output
        layer are float32 in every policy.
      folded: without the batch normalisations that models.folding folds into the layers before them.
      front_end: of a LogMelSpectrogram: num_mels, unit_area, compression; None: the recipe's.
      augmentation: fields of augmentation.Augmentation, in training alone; None: nothing.
      num_chunks: rows of this network for each of the batch, where it is a part of one that hears several chunks.
    """

    def __init__(
        self,
        num_tags: int = 56,
        num_channels: int = 128,
        variant: str = "4s6",
        dropout: float = 0.5,
        precision: str | None = None,
        folded: bool = False,
        name: str = "short_chunk_resnet",
        front_end: Config | None = None,
        augmentation: Config | None = None,
        num_chunks: int = 1,
        num_blocks: int = models.RESIDUAL_BLOCKS,
        **kwargs: Any,
    ):
        precision = precision or keras.config.dtype_policy().name
        policy = norm.inner_policy(precision, folded)
        waveform = keras.Input((None,), name="waveform", dtype="float32")
        augments = augmenting.Augmentation(**augmentation or {})
        x = augments.of_waveform(waveform, num_chunks)
        x = layers.LogMelSpectrogram(name="log_mel", **front_end or {})(x)  # (batch, num_mels, num_frames, 1)
        x = augments.of_spectrogram(x, num_chunks)
        x = norm.BatchNormalization(name="spec_bn", dtype=policy)(x)
        for block, multiple, stride in VARIANTS[variant].blocks[:num_blocks]:
            x = residual_block(x, multiple * num_channels, stride, block, policy, folded)
        x = keras.layers.GlobalMaxPooling2D(name="pool", dtype=policy)(x)  # (batch, channels of the last block)
        dense, dense_norm, output, multiple = VARIANTS[variant].head
        x = dense_layer(x, multiple * num_channels, dense, policy)
        x = norm.batch_norm(x, dense_norm, policy, folded)
        x = keras.layers.ReLU(name=f"{dense_norm}_relu", dtype=policy)(x)
        x = layers.Dropout(dropout, name="dropout", dtype=policy)(x)
        logits = dense_layer(x, num_tags, output, "float32")  # (batch, num_tags)
        super().__init__(waveform, logits, name=name, **kwargs)
        self.num_tags = num_tags
        self.num_channels = num_channels
        self.num_blocks = num_blocks
        self.variant = variant
        self.dropout = dropout
        self.precision = precision
        self.folded = folded
        self._options = json.dumps({"front_end": front_end, "augmentation": augmentation})  # dicts would be tracked

    centred = False  # a track's score is the mean over evenly spaced chunks
    consecutive = None

    @property
    def chunk_samples(self) -> int:
        """Samples of one chunk at `sample_rate`."""
        return VARIANTS[self.variant].chunk_samples

    @property
    def sample_rate(self) -> int:
        """Of the waveform, in Hz."""
        return self.get_layer("log_mel").sample_rate

    @property
    def output_layer(self) -> keras.layers.Layer:
        """The dense layer whose outputs are the logits."""
        return self.get_layer(VARIANTS[self.variant].head[2])

    @property
    def block_names(self) -> list[tuple[str, ...]]:
        """How the names of each block's layers begin, see models.blocks."""
        variant = VARIANTS[self.variant]
        return [*((block,) for block, _, _ in variant.blocks[: self.num_blocks]), variant.head[:3]]

    def get_config(self) -> Config:
        names = ("num_tags", "num_channels", "num_blocks", "variant", "dropout", "precision", "folded", "name")
        return {**{name: getattr(self, name) for name in names}, **json.loads(self._options)}

    @classmethod
    def from_config(cls, config: Config, custom_objects: Config | None = None) -> "ShortChunkResNet":
        return cls(**config)


def residual_block(
    x: Tensor, channels: int, stride: tuple[int, int], name: str, precision: str, folded: bool = False
) -> Tensor:
    """relu(bn_2(conv_2(relu(bn_1(conv_1(x))))) + bn_3(conv_3(x))); conv_1 and conv_3 carry the stride."""
    padded = keras.layers.ZeroPadding2D(1, name=f"{name}_pad_1", dtype=precision)(x)
    out = conv(padded, channels, stride, f"{name}_conv_1", precision)
    out = norm.batch_norm(out, f"{name}_bn_1", precision, folded)
    out = keras.layers.ReLU(name=f"{name}_relu_1", dtype=precision)(out)
    out = conv(out, channels, (1, 1), f"{name}_conv_2", precision, "same")  # at stride 1, 1 on every side
    out = norm.batch_norm(out, f"{name}_bn_2", precision, folded)
    shortcut = conv(padded, channels, stride, f"{name}_conv_3", precision)
    shortcut = norm.batch_norm(shortcut, f"{name}_bn_3", precision, folded)
    out = keras.layers.Add(name=f"{name}_add", dtype=precision)([out, shortcut])
    return keras.layers.ReLU(name=f"{name}_relu", dtype=precision)(out)


def conv(
    x: Tensor, channels: int, stride: tuple[int, int], name: str, precision: str, padding: str = "valid"
) -> Tensor:
    """A 3x3 convolution with bias, initialised as PyTorch does.

    Before a stride the input is padded by 1 on both sides already, which imported weights depend on and TensorFlow's
    "same" is not; by a layer, since a convolution with explicit padding falls off the fast path in bfloat16.
    """
    weights = fan_in_uniform(fan_in=9 * x.shape[-1])
    return convolution.Conv2D(channels, 3, stride, padding, name=name, dtype=precision, **weights)(x)


def dense_layer(x: Tensor, units: int, name: str, precision: str) -> Tensor:
    """A dense layer with bias, initialised as PyTorch does."""
    return bias.Dense(units, name=name, dtype=precision, **fan_in_uniform(fan_in=x.shape[-1]))(x)


def fan_in_uniform(fan_in: int) -> dict[str, keras.Initializer]:
    """Initialisers of kernel and bias, uniform in +-1/sqrt(fan_in); Glorot starts with logits 2.2 times larger."""
    limit = 1 / math.sqrt(fan_in)
    initializer = keras.initializers.RandomUniform
    return {
        "kernel_initializer": initializer(-limit, limit),
        "bias_initializer": initializer(-limit, limit),
    }
