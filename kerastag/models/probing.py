"""A probe: a trained network that stays as it is, and a small head for other tags on its embeddings.

Features are standardised by batch normalisation; then comes a linear layer, or one hidden layer, the two probes of
Castellon et al. 2021, arXiv:2107.05677. Over several consecutive chunks the head first pools their embeddings by
attention, Ilse et al. 2018, arXiv:1802.04712.
"""

import itertools
import json
from typing import Any

import keras
import numpy as np

from kerastag import errors
from kerastag.models import embedding, layers, norm, resnet, segments
from kerastag.tensors import Config, Tensor

ATTENTION_UNITS = 128  # of the layer that weighs chunks, as in Ilse et al.


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
      heard_chunks: consecutive chunks of the base that are heard together; their embeddings are pooled.
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
        heard_chunks: int = 1,
        **kwargs: Any,
    ):
        precision = precision or keras.config.dtype_policy().name
        build = keras.saving.get_registered_object(base["class"]).from_config
        network = build({**base["config"], "precision": precision, "folded": folded})
        waveform, hidden = network.input, embedding.tensor_of(network)
        if heard_chunks > 1:
            waveform, hidden = segments.over(network, heard_chunks)
        kept = keras.Model(waveform, hidden).layers
        for layer in kept:
            layer.trainable = False
        prefix = _free_prefix([layer.name for layer in kept])
        if heard_chunks == 1:
            x = norm.BatchNormalization(name=f"{prefix}_norm", dtype="float32")(hidden)
        else:
            x = _pooled(hidden, heard_chunks, prefix)
        super().__init__(waveform, _head(x, num_tags, units, dropout, prefix), name=name, **kwargs)
        self.num_tags = num_tags
        self.units = units
        self.dropout = dropout
        self.precision = precision
        self.folded = folded
        self.heard_chunks = heard_chunks
        self.chunk_samples = heard_chunks * network.chunk_samples
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
        """Embedding (batch, width), or those of all chunks side by side, to logits (batch, num_tags)."""
        first = "norm" if self.heard_chunks == 1 else "chunks"
        head = keras.Model(self.get_layer(f"{self._prefix}_{first}").input, self.output, name=self._prefix)
        head.precision = "float32"
        return head

    def get_config(self) -> Config:
        names = ("num_tags", "units", "dropout", "precision", "folded", "name", "heard_chunks")
        return {"base": json.loads(self._base), **{name: getattr(self, name) for name in names}}

    @classmethod
    def from_config(cls, config: Config, custom_objects: Config | None = None) -> "Probe":
        return cls(**config)


def on(base: keras.Model, num_tags: int = 56, units: int = 0, **options: Any) -> Probe:
    """A probe with the weights of a base and a fresh head.

    Args:
      base: a network of this package; not one that is folded.
      num_tags, units: see Probe.
      **options: `dropout`, `precision`, `name`, `heard_chunks`.

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


def embedder(network: keras.Model, heard_chunks: int = 1) -> keras.Model:
    """Waveform (batch, samples) to what the head of a probe on `network` takes, float32; it has an embedding."""
    return embedding.model_of(network) if heard_chunks == 1 else keras.Model(*segments.over(network, heard_chunks))


def _pooled(embeddings: Tensor, heard_chunks: int, prefix: str) -> Tensor:
    """Embeddings side by side, (batch, heard_chunks * width), to their weighted, standardised mean (batch, width)."""
    x = keras.layers.Reshape((heard_chunks, -1), name=f"{prefix}_chunks", dtype="float32")(embeddings)
    heard = segments.Heard(name=f"{prefix}_heard")(x)
    x = norm.BatchNormalization(name=f"{prefix}_norm", dtype="float32")(x)
    weighing = resnet.dense_layer(x, ATTENTION_UNITS, f"{prefix}_attention", "float32")
    weighing = keras.layers.Activation("tanh", name=f"{prefix}_tanh", dtype="float32")(weighing)
    scores = resnet.dense_layer(weighing, 1, f"{prefix}_score", "float32")
    return segments.Pooling(name=f"{prefix}_pool", dtype="float32")(x, scores, heard)


def _head(x: Tensor, num_tags: int, units: int, dropout: float, prefix: str) -> Tensor:
    """Standardised features (batch, width) to logits (batch, num_tags)."""
    if units:
        x = resnet.dense_layer(x, units, f"{prefix}_dense", "float32")
        x = keras.layers.ReLU(name=f"{prefix}_relu", dtype="float32")(x)
    x = layers.Dropout(dropout, name=f"{prefix}_dropout", dtype="float32")(x)
    return resnet.dense_layer(x, num_tags, f"{prefix}_output", "float32")


def _free_prefix(names: list[str]) -> str:
    """probe, or probe_2 and so on where the base is a probe itself."""
    candidates = itertools.chain(["probe"], (f"probe_{number}" for number in itertools.count(2)))
    return next(prefix for prefix in candidates if f"{prefix}_norm" not in names)
