"""Networks from waveform to logits. The names are readable without importing Keras."""

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras
    import numpy as np

MUSICNN = ("musicnn", "musicnn_msd_vgg", "musicnn_mtt_vgg")
PROBES = ("probe", "pool")  # small heads on a network that stays as it is
NAMES = ("short_chunk_resnet", "short_chunk_attention", "vggish", *MUSICNN, *PROBES, "popular")
RESIDUAL_BLOCKS = 7  # of the published short-chunk networks
# before the head, see models.blocks
NUM_BLOCKS = {
    "short_chunk_resnet": RESIDUAL_BLOCKS,
    "short_chunk_attention": RESIDUAL_BLOCKS + 1,
    "vggish": 5,
    "musicnn": 4,
    "musicnn_msd_vgg": 5,
    "musicnn_mtt_vgg": 5,
}
HEARD_CHUNKS = 6  # consecutive ones, by short_chunk_attention and pool: 27.6 s of the paper's network
ATTENTION_LAYERS = 4  # of short_chunk_attention
VARIANTS = ("4s6", "3s69")


def short_chunk_resnet(
    num_tags: int = 56, num_channels: int = 128, variant: str = "4s6", **options: Any
) -> "keras.Model":
    """The short-chunk residual CNN: waveform (batch, samples) at 16 kHz to logits (batch, num_tags).

    Args:
      num_tags: outputs.
      num_channels: c of the blocks' c c 2c 2c 2c 2c 4c channels; the paper's network has 128.
      variant: "4s6" for chunks of 73,600 samples, "3s69" for 59,049.
      **options: `num_blocks`, `dropout`, `precision`, `name`, `front_end`, `augmentation`; see
        resnet.ShortChunkResNet.
    """
    from kerastag.models import resnet

    return resnet.ShortChunkResNet(num_tags, num_channels, variant, **options)


def short_chunk_attention(
    num_tags: int = 56,
    num_channels: int = 128,
    variant: str = "4s6",
    heard_chunks: int = HEARD_CHUNKS,
    num_layers: int = ATTENTION_LAYERS,
    **options: Any,
) -> "keras.Model":
    """The short-chunk residual CNN over consecutive chunks, and self-attention over their embeddings.

    Args:
      num_tags, num_channels, variant: see short_chunk_resnet.
      heard_chunks: how many chunks; the waveform is as many times as long.
      num_layers: Transformer layers.
      **options: see short_chunk_resnet.
    """
    from kerastag.models import attention

    return attention.ShortChunkAttention(num_tags, num_channels, variant, heard_chunks, num_layers, **options)


def vggish(num_tags: int = 56, num_channels: int = 64, **options: Any) -> "keras.Model":
    """The VGG-ish baseline: waveform (batch, samples) at 12 kHz to logits (batch, num_tags).

    Args:
      num_tags: outputs.
      num_channels: c of the blocks' c 2c 2c 2c c channels; the published network has 64.
      **options: `dropout`, `precision`, `name`.
    """
    from kerastag.models import vgg  # a module called vggish would take this function's place

    return vgg.VGGish(num_tags, num_channels, **options)


def probe(base: "keras.Model", num_tags: int = 56, units: int = 0, **options: Any) -> "keras.Model":
    """A head for other tags on the embeddings of a trained network, which stays as it is.

    Args:
      base: a network of this package; its weights are copied.
      num_tags: outputs.
      units: width of the head's hidden layer; 0: the head is linear.
      **options: `dropout`, `precision`, `name`; `heard_chunks`, above 1: consecutive chunks, pooled by attention.
    """
    from kerastag.models import probing  # a module called probe would take this function's place

    return probing.on(base, num_tags, units, **options)


def popular(frequencies: Sequence[float], **options: Any) -> "keras.Model":
    """The popularity baseline: the same scores for every track, the share of training tracks with each tag.

    Args:
      frequencies: (num_tags,) in [0, 1].
      **options: `precision`, `name`.
    """
    from kerastag.models import popularity

    return popularity.Popular(frequencies, **options)


def musicnn_net(num_tags: int = 50, **options: Any) -> "keras.Model":
    """musicnn: waveform (batch, 48,128 samples) at 16 kHz to logits (batch, num_tags).

    Args:
      num_tags: outputs.
      **options: `dropout`, `precision`, `name`.
    """
    from kerastag.models import musicnn  # a module called as this function would take its place

    return musicnn.Musicnn(num_tags, **options)


def musicnn_vgg(num_tags: int = 50, **options: Any) -> "keras.Model":
    """musicnn's VGG; arguments as of `musicnn_net`, and `poolings`, "msd" or "mtt": the dataset it was trained on."""
    from kerastag.models import musicnn

    return musicnn.MusicnnVGG(num_tags, **options)


def load_tf_checkpoint(model: "keras.Model", prefix: "str | os.PathLike[str]") -> None:
    """Fills one of musicnn's networks from its published checkpoint; see `musicnn.load_checkpoint`."""
    from kerastag.models import musicnn

    musicnn.load_checkpoint(model, prefix)


def load_torch_state(model: "keras.Model", state: Mapping[str, "np.ndarray"]) -> None:
    """Fills `model` from a dict of NumPy arrays under the PyTorch names; see `torch_state.load`."""
    from kerastag.models.torch import state_dict

    state_dict.load(model, state)


def __getattr__(name: str) -> Any:
    if name == "LogMelSpectrogram":  # a class, so it cannot be a function that imports Keras when called
        from kerastag.models import layers

        return layers.LogMelSpectrogram
    raise AttributeError(f"module 'kerastag.models' has no attribute '{name}'")
