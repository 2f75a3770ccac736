"""musicnn and its VGG: Pons and Serra 2019, arXiv:1909.06654; trained on the Million Song Dataset and MagnaTagATune."""

import os
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerastag import audio, errors
from kerastag.models import layers, norm
from kerastag.tensors import Config, Tensor

NUM_FRAMES = 187  # 3 s
HOP_SIZE, FFT_SIZE, NUM_MELS = 256, 512, 96
CHUNK_SAMPLES = (NUM_FRAMES - 1) * HOP_SIZE + FFT_SIZE  # all that the frames of one chunk see
EPSILON, MOMENTUM = 1e-3, 0.99  # of every batch normalisation
FRONT_FILTERS = {"timbral": 204, "temporal": 51}
TIMBRAL_HEIGHTS = (38, 67)  # bands that a timbral filter spans
TEMPORAL_FRAMES = (128, 64, 32)  # frames that a temporal filter spans
# size and stride (time, frequency) of the VGG's poolings, by what it was trained on: those in the published graphs, of
# which musicnn's own code builds the first for both
VGG_POOLINGS = {
    "mtt": (((4, 1), (2, 2)), *[((2, 2), (2, 2))] * 3, ((4, 4), (4, 4))),
    "msd": (((4, 1), (4, 1)), ((1, 4), (1, 4)), *[((2, 2), (2, 2))] * 2, ((4, 4), (4, 4))),
}


class _Tagger(keras.Model):
    """What both networks have in common: three seconds of a waveform at 16 kHz to logits (batch, num_tags).

    A track's score is the mean over chunks that follow each other without a gap: the frames of all chunks together are
    those of the whole track, so a chunk begins with half an FFT before its first frame's centre.
    """

    centred = False
    consecutive = audio.Consecutive(hop_samples=NUM_FRAMES * HOP_SIZE, lead_samples=FFT_SIZE // 2)
    chunk_samples = CHUNK_SAMPLES

    def _keep(self, num_tags: int, dropout: float, precision: str, folded: bool) -> None:
        self.num_tags = num_tags
        self.dropout = dropout
        self.precision = precision
        self.folded = folded

    @property
    def sample_rate(self) -> int:
        """Of the waveform, in Hz."""
        return self.get_layer("log_mel").sample_rate

    @property
    def output_layer(self) -> keras.layers.Layer:
        """The dense layer whose outputs are the logits."""
        return self.get_layer("output")

    def get_config(self) -> Config:
        names = ("num_tags", "dropout", "precision", "folded", "name")
        return {name: getattr(self, name) for name in names}

    @classmethod
    def from_config(cls, config: Config, custom_objects: Config | None = None) -> "_Tagger":
        return cls(**config)


@keras.saving.register_keras_serializable(package="kerastag")
class Musicnn(_Tagger):
    """The musically motivated CNN: filters as high as timbres and as long as rhythms, then dense layers.

    Args:
      num_tags: outputs.
      dropout: before both dense layers.
      precision: policy of the layers between front end and output; None: Keras' global one. Front end and output
        layer are float32 in every policy.
      folded: for inference alone, see norm.inner_policy; here batch normalisations follow activations, and stay.
    """

    def __init__(
        self,
        num_tags: int = 50,
        dropout: float = 0.5,
        precision: str | None = None,
        folded: bool = False,
        name: str = "musicnn",
        **kwargs: Any,
    ):
        precision = precision or keras.config.dtype_policy().name
        policy = norm.inner_policy(precision, folded)
        waveform = keras.Input((None,), name="waveform", dtype="float32")
        x = _normalised(_log_mel(waveform), "norm_input", policy)  # (batch, num_frames, 96, 1)
        features = [_timbral(x, height, policy, folded) for height in TIMBRAL_HEIGHTS]
        features += [_temporal(x, frames, policy, folded) for frames in TEMPORAL_FRAMES]
        front = keras.layers.Concatenate(name="front", dtype=policy)(features)  # (batch, num_frames, 561)
        middle = [front]
        for number in (1, 2, 3):
            y = keras.layers.Conv1D(64, 7, padding="same", activation="relu", name=f"middle_{number}", dtype=policy)(
                middle[-1]
            )
            y = _normalised(y, f"norm_middle_{number}", policy)  # (batch, num_frames, 64)
            if number > 1:
                y = keras.layers.Add(name=f"residual_{number}", dtype=policy)([y, middle[-1]])
            middle.append(y)
        dense = keras.layers.Concatenate(name="dense_connections", dtype=policy)(middle)  # (batch, num_frames, 753)
        x = MaxAndMean(name="pool", dtype=policy)(dense)  # (batch, 1506)
        x = layers.Dropout(dropout, name="dropout_pool", dtype=policy)(_normalised(x, "norm_pool", policy))
        x = keras.layers.Dense(200, activation="relu", name="dense", dtype=policy)(x)
        x = layers.Dropout(dropout, name="dropout", dtype=policy)(_normalised(x, "norm_dense", policy))
        super().__init__(waveform, _output(x, num_tags), name=name, **kwargs)
        self._keep(num_tags, dropout, precision, folded)

    @property
    def block_names(self) -> list[tuple[str, ...]]:
        """How the names of each block's layers begin, see models.blocks: the front, three in the middle, the head."""
        front = ("timbral", "temporal", "norm_timbral", "norm_temporal")
        middle = ((f"middle_{number}", f"norm_middle_{number}") for number in (1, 2, 3))
        return [front, *middle, ("norm_pool", "dense", "norm_dense", "output")]


@keras.saving.register_keras_serializable(package="kerastag")
class MusicnnVGG(_Tagger):
    """The VGG that musicnn is compared with: five blocks of 128 channels.

    Args:
      num_tags, dropout, precision, folded: as of Musicnn; dropout is before the output, half of it between blocks.
      poolings: one of VGG_POOLINGS.
    """

    def __init__(
        self,
        num_tags: int = 50,
        poolings: str = "msd",
        dropout: float = 0.5,
        precision: str | None = None,
        folded: bool = False,
        name: str = "musicnn_vgg",
        **kwargs: Any,
    ):
        precision = precision or keras.config.dtype_policy().name
        policy = norm.inner_policy(precision, folded)
        waveform = keras.Input((None,), name="waveform", dtype="float32")
        x = _normalised(_log_mel(waveform), "norm_input", policy)  # (batch, num_frames, 96, 1)
        for number, (size, stride) in enumerate(VGG_POOLINGS[poolings], 1):
            if number > 1:
                x = layers.Dropout(dropout / 2, name=f"dropout_{number}", dtype=policy)(x)
            convolution = keras.layers.Conv2D(
                128, 3, padding="same", activation="relu", name=f"conv_{number}", dtype=policy
            )
            x = _normalised(convolution(x), f"norm_{number}", policy)
            x = keras.layers.MaxPooling2D(size, stride, name=f"pool_{number}", dtype=policy)(x)
        x = keras.layers.Reshape((256,), name="flatten", dtype=policy)(x)  # of chunks of 187 frames alone
        x = layers.Dropout(dropout, name="dropout", dtype=policy)(x)
        super().__init__(waveform, _output(x, num_tags), name=name, **kwargs)
        self._keep(num_tags, dropout, precision, folded)
        self.poolings = poolings

    @property
    def block_names(self) -> list[tuple[str, ...]]:
        """The names of each block's layers, see models.blocks."""
        return [*((f"conv_{number}", f"norm_{number}") for number in range(1, 6)), ("output",)]

    def get_config(self) -> Config:
        return {**super().get_config(), "poolings": self.poolings}


@keras.saving.register_keras_serializable(package="kerastag")
class Ends(keras.layers.Layer):
    """(batch, time, bands, channels) to (batch, time, channels): the greatest value over bands, or the least.

    Args:
      end: "max" or "min".
    """

    def __init__(self, end: str = "max", **kwargs: Any):
        super().__init__(**kwargs)
        self.end = end

    def call(self, inputs: Tensor) -> Tensor:
        return (tf.reduce_max if self.end == "max" else tf.reduce_min)(inputs, axis=2)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape[0], input_shape[1], input_shape[3]

    def get_config(self) -> Config:
        return {**super().get_config(), "end": self.end}


@keras.saving.register_keras_serializable(package="kerastag")
class MaxAndMean(keras.layers.Layer):
    """(batch, time, width) to (batch, 2 * width): of each feature its greatest value and its mean, side by side."""

    def call(self, inputs: Tensor) -> Tensor:
        pooled = tf.stack([tf.reduce_max(inputs, axis=1), tf.reduce_mean(inputs, axis=1)], axis=2)  # (batch, width, 2)
        return tf.reshape(pooled, [-1, 2 * inputs.shape[2]])

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape[0], 2 * (input_shape[2] or 0)


# by the names of the published checkpoints: the layer of Musicnn, and of MusicnnVGG, in the order they were numbered
_NORMS = {
    Musicnn: (
        *("norm_input", "norm_timbral_38", "norm_timbral_67", "norm_temporal_128", "norm_temporal_64"),
        *("norm_temporal_32", "norm_middle_1", "norm_middle_2", "norm_middle_3", "norm_pool", "norm_dense"),
    ),
    MusicnnVGG: ("norm_input", *(f"norm_{number}" for number in range(1, 6))),
}
_KERNELS = {
    Musicnn: {
        **dict(zip(("timbral_38", "timbral_67"), ("conv2d", "conv2d_1"), strict=True)),
        **{f"temporal_{frames}": f"conv2d_{number}" for number, frames in enumerate(TEMPORAL_FRAMES, 2)},
        **{f"middle_{number}": f"conv2d_{number + 4}" for number in (1, 2, 3)},
        **{"dense": "dense", "output": "dense_1"},
    },
    MusicnnVGG: {**{f"conv_{number}": f"{number}CNN" for number in range(1, 6)}, "output": "dense"},
}


def load_checkpoint(model: _Tagger, prefix: str | os.PathLike[str]) -> None:
    """Fills a network from a checkpoint as musicnn's authors publish them.

    Args:
      model: a Musicnn or a MusicnnVGG.
      prefix: of the checkpoint's files, as tf.train.load_checkpoint takes it.

    Raises:
      KerastagError: it cannot be read, or is of another network.
    """
    try:
        reader = tf.train.load_checkpoint(os.fspath(prefix))
        shapes = reader.get_variable_to_shape_map()
        sources = {name: [f"{source}/kernel", f"{source}/bias"] for name, source in _KERNELS[type(model)].items()}
        for number, name in enumerate(_NORMS[type(model)]):
            source = f"batch_normalization_{number}" if number else "batch_normalization"
            sources[name] = [f"{source}/{part}" for part in ("gamma", "beta", "moving_mean", "moving_variance")]
        missing = [name for names in sources.values() for name in names if name not in shapes]
        if missing:
            raise errors.KerastagError(f"{prefix}: has no {missing[0]}; a checkpoint of another network")
        for name, names in sources.items():
            layer = model.get_layer(name)
            values = [np.asarray(reader.get_tensor(source)) for source in names]
            # a filter over all features at once is theirs in two dimensions and ours in one
            layer.set_weights([v.reshape(w.shape) for v, w in zip(values, layer.get_weights(), strict=True)])
    except (ValueError, tf.errors.OpError) as error:
        raise errors.KerastagError(f"{prefix}: not a checkpoint of {model.name} ({error})") from error


def log_mel(**options: Any) -> layers.LogMelSpectrogram:
    """The front end: log10(10000 x + 1) of 96 Slaney bands; frames lie in the waveform as it is."""
    scale: dict[str, Any] = {
        "num_mels": NUM_MELS,
        "mel_scale": "slaney",
        "unit_area": True,
        "compression": "log10_10000",
    }
    return layers.LogMelSpectrogram(padding="none", **scale, **options)


def _log_mel(waveform: Tensor) -> Tensor:
    """The mel spectrogram with its frames first, (batch, num_frames, 96, 1)."""
    mel = log_mel(name="log_mel")(waveform)
    return keras.layers.Permute((2, 1, 3), name="frames_first", dtype="float32")(mel)


def _normalised(x: Tensor, name: str, policy: str) -> Tensor:
    return norm.BatchNormalization(MOMENTUM, EPSILON, name=name, dtype=policy)(x)


def _timbral(x: Tensor, height: int, policy: str, folded: bool) -> Tensor:
    """Filters of 7 frames and so many bands, wherever in frequency they fit best: (batch, num_frames, 204)."""
    name = f"timbral_{height}"
    padded = keras.layers.ZeroPadding2D((3, 0), name=f"{name}_pad", dtype=policy)(x)
    filters = FRONT_FILTERS["timbral"]
    return _highest(keras.layers.Conv2D(filters, (7, height), name=name, dtype=policy)(padded), name, policy, folded)


def _temporal(x: Tensor, frames: int, policy: str, folded: bool) -> Tensor:
    """Filters of so many frames and one band: (batch, num_frames, 51)."""
    name, filters = f"temporal_{frames}", FRONT_FILTERS["temporal"]
    y = keras.layers.Conv2D(filters, (frames, 1), padding="same", name=name, dtype=policy)(x)
    return _highest(y, name, policy, folded)


def _highest(x: Tensor, name: str, policy: str, folded: bool) -> Tensor:
    """The greatest value of the normalised and rectified filters over all bands, (batch, num_frames, channels).

    By moving statistics, normalisation is a straight line: the greatest value is that at one of the ends, so that
    inference need not normalise all bands, which takes half of its time.
    """
    relu = keras.layers.ReLU(name=f"{name}_relu", dtype=policy)
    normalise = norm.BatchNormalization(MOMENTUM, EPSILON, name=f"norm_{name}", dtype=policy)
    if folded:
        ends = [Ends(name=f"{name}_{end}", end=end, dtype=policy)(x) for end in ("max", "min")]
        return keras.layers.Maximum(name=f"{name}_pool", dtype=policy)([normalise(relu(end)) for end in ends])
    return Ends(name=f"{name}_pool", dtype=policy)(normalise(relu(x)))


def _output(x: Tensor, num_tags: int) -> Tensor:
    return keras.layers.Dense(num_tags, name="output", dtype="float32")(x)
