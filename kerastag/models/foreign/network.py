"""A base of another maker as a network of this package: waveform to embedding, without weights that Keras knows."""

import dataclasses
import pathlib
from typing import Any

import keras

from kerastag.models import layers
from kerastag.models.foreign import attaching
from kerastag.models.foreign.attaching import Description
from kerastag.tensors import Config, Tensor


@keras.saving.register_keras_serializable(package="kerastag")
class ForeignEmbedding(keras.layers.Layer):
    """Waveform (batch, samples) to the embedding (batch, width) that a base of another maker gives, float32.

    Args:
      base: fields of attaching.Description.

    Attributes:
      opened: the base.

    Raises:
      KerastagError: the base is not there, see attaching.Description.opened.
    """

    def __init__(self, base: Config, **kwargs: Any):
        super().__init__(**{"trainable": False, **kwargs, "dtype": "float32"})
        self.description = Description(**base)
        self.opened = self.description.opened()

    def call(self, waveform: Tensor) -> Tensor:
        return self.opened.embed(waveform, self.description.width)

    def compute_output_spec(self, waveform: Tensor) -> Tensor:
        return keras.KerasTensor((waveform.shape[0], self.description.width), dtype="float32")

    def get_config(self) -> Config:
        return {**super().get_config(), "base": dataclasses.asdict(self.description)}


@keras.saving.register_keras_serializable(package="kerastag")
class ForeignBase(keras.Model):
    """Waveform (batch, samples) to embedding (batch, width); for models.probing to stand on.

    It computes as its maker wrote it, in every policy, and XLA never compiles it.

    Args:
      base: fields of attaching.Description.
      precision, folded: as of other networks; without effect.

    Raises:
      KerastagError: the base is not there, see attaching.Description.opened.
    """

    centred = False
    consecutive = None

    def __init__(
        self,
        base: Config,
        precision: str | None = None,
        folded: bool = False,
        name: str = "foreign_base",
        **kwargs: Any,
    ):
        description = Description(**base)
        waveform = keras.Input((description.chunk_samples,), dtype="float32", name="waveform")
        hidden = ForeignEmbedding(base, name="foreign_embedding")(waveform)
        # models.embedding takes what stands before the last dropout
        super().__init__(waveform, layers.Dropout(0.0, name="dropout", dtype="float32")(hidden), name=name, **kwargs)
        self.description = description
        self.precision = precision or "float32"
        self.folded = folded
        self.chunk_samples = description.chunk_samples
        self.sample_rate = description.sample_rate

    def get_config(self) -> Config:
        names = ("precision", "folded", "name")
        return {"base": dataclasses.asdict(self.description), **{name: getattr(self, name) for name in names}}

    @classmethod
    def from_config(cls, config: Config, custom_objects: Config | None = None) -> "ForeignBase":
        return cls(**config)


def layers_in(model: keras.Model) -> list[ForeignEmbedding]:
    """The layers of a network that call a base of another maker; most have none."""
    return [layer for layer in model.layers if isinstance(layer, ForeignEmbedding)]


def keep(model: keras.Model, folder: pathlib.Path) -> None:
    """Copies what a network stands on, if it is of another maker, to where its file will look for it."""
    for layer in layers_in(model):
        attaching.keep(layer.opened, folder)
