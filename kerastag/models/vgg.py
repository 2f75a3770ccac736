"""The VGG-ish baseline of MTG-Jamendo: Choi et al. 2016, arXiv:1606.00298, as Bogdanov et al. 2019 trained it."""

from typing import Any

import keras

from kerastag.models import convolution, layers, norm, resnet
from kerastag.tensors import Config, Tensor

CHUNK_SAMPLES = 349_440  # 29.12 s, all that 1,366 frames are centred on

# per block: its channels as a multiple of num_channels, the pooling's size and stride (frequency, time)
BLOCKS = ((1, (2, 4)), (2, (2, 4)), (2, (2, 4)), (2, (3, 5)), (1, (4, 4)))


@keras.saving.register_keras_serializable(package="kerastag")
class VGGish(keras.Model):
    """Waveform (batch, samples) at 12 kHz to logits (batch, num_tags); the mel front end is inside.

    The front end is that of MTG's published spectrograms: 96 Slaney bands of unit area, a symmetric Hann window, frames
    centred with zeros around the waveform, decibels times two. A chunk has the 1,366 frames that MTG takes from the
    middle of a track. Of a longer waveform the blocks may leave several time steps, whose largest values count; one of
    less than 1,360 frames leaves none.

    Args:
      num_tags: outputs.
      num_channels: c; the blocks have c 2c 2c 2c c channels; the published network has 64.
      dropout: rate before the output layer.
      precision: policy of the layers between front end and output; None: Keras' global one. Front end and output
        layer are float32 in every policy.
      folded: without the batch normalisations that models.folding folds into the layers before them.
    """

    def __init__(
        self,
        num_tags: int = 56,
        num_channels: int = 64,
        dropout: float = 0.5,
        precision: str | None = None,
        folded: bool = False,
        name: str = "vggish",
        **kwargs: Any,
    ):
        precision = precision or keras.config.dtype_policy().name
        policy = norm.inner_policy(precision, folded)
        waveform = keras.Input((None,), name="waveform", dtype="float32")
        x = log_mel(name="log_mel")(waveform)  # (batch, 96, num_frames, 1)
        x = norm.BatchNormalization(name="bn_init", dtype=policy)(x)
        for number, (multiple, pooling) in enumerate(BLOCKS, 1):
            x = block(x, multiple * num_channels, pooling, number, policy, folded)
        x = keras.layers.GlobalMaxPooling2D(name="pool", dtype=policy)(x)  # (batch, num_channels)
        x = layers.Dropout(dropout, name="dropout", dtype=policy)(x)
        logits = resnet.dense_layer(x, num_tags, "dense", "float32")  # (batch, num_tags)
        super().__init__(waveform, logits, name=name, **kwargs)
        self.num_tags = num_tags
        self.num_channels = num_channels
        self.dropout = dropout
        self.precision = precision
        self.folded = folded

    centred = True  # MTG scores a track by its middle
    consecutive = None

    @property
    def chunk_samples(self) -> int:
        """Samples of one chunk at `sample_rate`."""
        return CHUNK_SAMPLES

    @property
    def sample_rate(self) -> int:
        """Of the waveform, in Hz."""
        return self.get_layer("log_mel").sample_rate

    @property
    def output_layer(self) -> keras.layers.Layer:
        """The dense layer whose outputs are the logits."""
        return self.get_layer("dense")

    @property
    def block_names(self) -> list[tuple[str, ...]]:
        """The names of each block's layers, see models.blocks."""
        return [*((f"conv_{number}", f"bn_{number}") for number in range(1, len(BLOCKS) + 1)), ("dense",)]

    def get_config(self) -> Config:
        names = ("num_tags", "num_channels", "dropout", "precision", "folded", "name")
        return {name: getattr(self, name) for name in names}

    @classmethod
    def from_config(cls, config: Config, custom_objects: Config | None = None) -> "VGGish":
        return cls(**config)


def log_mel(**options: Any) -> layers.LogMelSpectrogram:
    """The front end that MTG-Jamendo's spectrograms were made with; Essentia's lin2db stops at 1e-10."""
    return layers.LogMelSpectrogram(
        sample_rate=12_000,
        fft_size=512,
        hop_size=256,
        num_mels=96,
        floor_db=-200.0,
        mel_scale="slaney",
        unit_area=True,
        symmetric_window=True,
        padding="zeros",
        db_per_decade=20.0,
        **options,
    )


def block(
    x: Tensor, channels: int, pooling: tuple[int, int], number: int, precision: str, folded: bool = False
) -> Tensor:
    """Max pooling of elu(bn(conv(x))); the convolution is 3x3 with bias, the pooling drops what does not fill it."""
    weights = resnet.fan_in_uniform(fan_in=9 * x.shape[-1])
    x = convolution.Conv2D(channels, 3, padding="same", name=f"conv_{number}", dtype=precision, **weights)(x)
    x = norm.batch_norm(x, f"bn_{number}", precision, folded)
    x = keras.layers.ELU(name=f"elu_{number}", dtype=precision)(x)
    return keras.layers.MaxPooling2D(pooling, name=f"mp_{number}", dtype=precision)(x)
