"""A probe: a trained network that stays as it is, and a small head for other tags on its embeddings.

Features are standardised by batch normalisation; then comes a linear layer, or one hidden layer, the two probes of
Castellon et al. 2021, arXiv:2107.05677.
"""

import itertools
import json
from typing import Any

import keras
import numpy as np

from kerastag import errors
from kerastag.models import embedding, layers, norm, resnet
from kerastag.tensors import Config, Tensor


@keras.saving.register_keras_serializable(package="kerastag")
class Probe(keras.Model):
    """Waveform (batch, samples) to logits (batch, num_tags): a frozen base as far as its embedding, and a head.

    The head is float32 in every policy: it is small, and so it is the same whether its input comes from the base or
    was kept.

    Args:
      base: class and configuration of the base, see `on`.
      num_tags: outputs.
      units: width of the hidden layer; 0: the head is linear.
      dropout: rate before the output layer.
      precision: policy of the base; None: Keras' global one.
      folded: the base without the batch normalisations that models.folding folds into the layers before them.
    """

    def __init__(
        self,
        base: Config,
        num_tags: int = 56,
        units: int = 0,
        dropout: float = 0.5,
        precision: str | None = None,
        folded: bool = False,
        name: str = "probe",
        **kwargs: Any,
    ):
        precision = precision or keras.config.dtype_policy().name
        build = keras.saving.get_registered_object(base["class"]).from_config
        network = build({**base["config"], "precision": precision, "folded": folded})
        hidden = embedding.tensor_of(network)
        kept = keras.Model(network.input, hidden).layers
        for layer in kept:
            layer.trainable = False
        prefix = _free_prefix([layer.name for layer in kept])
        super().__init__(network.input, _head(hidden, num_tags, units, dropout, prefix), name=name, **kwargs)
        self.num_tags = num_tags
        self.units = units
        self.dropout = dropout
        self.precision = precision
        self.folded = folded
        self.chunk_samples = network.chunk_samples
        self.sample_rate = network.sample_rate
        self.centred = network.centred
        self.consecutive = network.consecutive
        self._prefix = prefix
        self._base = json.dumps(base)  # a dict would be tracked

    @property
    def output_layer(self) -> keras.layers.Layer:
        """The dense layer whose outputs are the logits."""
        return self.get_layer(f"{self._prefix}_output")

    def head(self) -> keras.Model:
        """Embedding (batch, width) to logits (batch, num_tags), with the layers of this network."""
        head = keras.Model(self.get_layer(f"{self._prefix}_norm").input, self.output, name=self._prefix)
        head.precision = "float32"
        return head

    def get_config(self) -> Config:
        names = ("num_tags", "units", "dropout", "precision", "folded", "name")
        return {"base": json.loads(self._base), **{name: getattr(self, name) for name in names}}

    @classmethod
    def from_config(cls, config: Config, custom_objects: Config | None = None) -> "Probe":
        return cls(**config)


def on(base: keras.Model, num_tags: int = 56, units: int = 0, **options: Any) -> Probe:
    """A probe with the weights of a base and a fresh head.

    Args:
      base: a network of this package; not one that is folded.
      num_tags, units: see Probe.
      **options: `dropout`, `precision`, `name`.

    Raises:
      KerastagError: the base has no embedding, as the popularity baseline.
    """
    if embedding.tensor_of(base) is None:
        raise errors.KerastagError(f"the network {base.name} has no embedding that a probe could stand on")
    described = {"class": keras.saving.get_registered_name(type(base)), "config": base.get_config()}
    probe = Probe(described, num_tags, units, **options)
    for layer in probe.layers:
        if layer.weights and not layer.trainable:
            layer.set_weights([np.asarray(weight) for weight in base.get_layer(layer.name).weights])
    return probe


def _head(x: Tensor, num_tags: int, units: int, dropout: float, prefix: str) -> Tensor:
    """Embedding (batch, width) to logits (batch, num_tags)."""
    x = norm.BatchNormalization(name=f"{prefix}_norm", dtype="float32")(x)
    if units:
        x = resnet.dense_layer(x, units, f"{prefix}_dense", "float32")
        x = keras.layers.ReLU(name=f"{prefix}_relu", dtype="float32")(x)
    x = layers.Dropout(dropout, name=f"{prefix}_dropout", dtype="float32")(x)
    return resnet.dense_layer(x, num_tags, f"{prefix}_output", "float32")


def _free_prefix(names: list[str]) -> str:
    """probe, or probe_2 and so on where the base is a probe itself."""
    candidates = itertools.chain(["probe"], (f"probe_{number}" for number in itertools.count(2)))
    return next(prefix for prefix in candidates if f"{prefix}_norm" not in names)
