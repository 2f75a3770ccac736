"""Puts network, loss and optimisers together under a strategy and a precision policy."""

import dataclasses
import sys
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerastag import errors, losses, models
from kerastag.models import blocks
from kerastag.models.foreign import source
from kerastag.training import averaging, loop, optimizers, pretrained, schedules


@dataclasses.dataclass(frozen=True)
class Network:
    """Which network, and what it starts from.

    Attributes:
      tag_names: tags of its outputs, (num_tags,).
      model: one of models.NAMES; a probe is built by training.probing.
      num_channels: its width; None: the published one.
      num_blocks, variant: of the short-chunk residual CNN.
      dropout: before the output layer.
      pretrained: weights to start from, see training.pretrained; None: fresh ones.
      frozen_blocks: how many of its first blocks stay as they are, see models.blocks.
      probe_units: width of a probe's hidden layer; 0: it is linear.
      front_end, augmentation: of the short-chunk networks, see resnet.ShortChunkResNet; empty: the recipe's.
      heard_chunks: consecutive chunks that short_chunk_attention and pool hear together.
      attention_layers: Transformer layers of short_chunk_attention.
      foreign: what a probe stands on if not on `pretrained`.
    """

    tag_names: tuple[str, ...]
    model: str = "short_chunk_resnet"
    num_channels: int | None = None
    num_blocks: int = models.RESIDUAL_BLOCKS
    variant: str = "4s6"
    dropout: float = 0.5
    pretrained: str | None = None
    frozen_blocks: int = 0
    probe_units: int = 0
    front_end: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    augmentation: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    heard_chunks: int = models.HEARD_CHUNKS
    attention_layers: int = models.ATTENTION_LAYERS
    foreign: source.Source | None = None

    @property
    def probe_chunks(self) -> int:
        """How many consecutive chunks a probe hears together."""
        return self.heard_chunks if self.model == "pool" else 1

    def build(self, precision: str) -> keras.Model:
        """The fresh model in a precision policy."""
        options: dict[str, Any] = {"dropout": self.dropout, "precision": precision}
        if self.model == "musicnn":
            return models.musicnn_net(len(self.tag_names), **options)
        if self.model in models.MUSICNN:
            return models.musicnn_vgg(len(self.tag_names), poolings=self.model.split("_")[1], **options)
        if self.num_channels is not None:
            options["num_channels"] = self.num_channels
        if self.model == "vggish":
            return models.vggish(len(self.tag_names), **options)
        options |= {"num_blocks": self.num_blocks, "variant": self.variant}
        options |= {"front_end": dict(self.front_end) or None, "augmentation": dict(self.augmentation) or None}
        if self.model == "short_chunk_attention":
            options |= {"heard_chunks": self.heard_chunks, "num_layers": self.attention_layers}
            return models.short_chunk_attention(len(self.tag_names), **options)
        return models.short_chunk_resnet(len(self.tag_names), **options)


@dataclasses.dataclass(frozen=True)
class Optimization:
    """How it is trained.

    Attributes:
      schedule: optimiser and learning rate by epoch.
      weight_decay: added to every gradient under Adam.
      sgd_weight_decay: the same under SGD.
      mixup_alpha: see loop.Trainer.
      layer_decay: from each block's learning rate to that of the block before it, see models.blocks.
      average: which average of the weights is kept beside them.
    """

    schedule: schedules.Schedule
    weight_decay: float = 1e-4
    sgd_weight_decay: float = 1e-4
    mixup_alpha: float = 0.0
    layer_decay: float = 1.0
    average: averaging.Averaging = averaging.NO_AVERAGE

    def optimizer(self, name: str, precision: str) -> keras.optimizers.Optimizer:
        """A fresh optimiser, with loss scaling in float16."""
        optimizer: keras.optimizers.Optimizer
        if name == "adam":
            optimizer = optimizers.Adam(coupled_weight_decay=self.weight_decay)
        else:
            optimizer = optimizers.SGD(coupled_weight_decay=self.sgd_weight_decay)
        return keras.optimizers.LossScaleOptimizer(optimizer) if precision == "mixed_float16" else optimizer


def trainer(
    strategy: tf.distribute.Strategy,
    network: Network,
    loss: "losses.classes.MultiLabelLoss",
    optimization: Optimization,
    precision: str,
    seed: int,
    stage: int = 0,
    compiled_size: int | None = None,
    watch: bool = False,
) -> loop.Trainer:
    """A trainer at its start: initial weights are a function of the seed.

    Args:
      stage: stage of the schedule, whose optimiser is built.
      compiled_size, watch: see loop.Trainer.
    """
    keras.utils.set_random_seed(seed)
    with strategy.scope():
        model = network.build(precision)
        blocks.freeze(model, network.frozen_blocks)
        if network.pretrained is not None:
            report = pretrained.load(model, network.pretrained, network.tag_names)
            print(report.text(), file=sys.stderr)
            _check_frozen(model, report)
        start_output(model, loss)
        optimizer = optimization.optimizer("adam" if stage == 0 else "sgd", precision)
    factors = blocks.rate_factors(model, optimization.layer_decay)
    average = optimization.average.start(model, strategy)
    how = (optimization.mixup_alpha, seed, compiled_size, watch, factors, average)
    return loop.Trainer(model, loss, optimizer, strategy, *how)


def start_output(model: keras.Model, loss: "losses.classes.MultiLabelLoss") -> None:
    """Gives the output layer the bias that a loss starts from; most losses leave it as it is."""
    bias = losses.output_bias(loss.name)
    if bias is not None:
        model.output_layer.bias.assign(np.full(model.num_tags, bias, np.float32))


def _check_frozen(model: keras.Model, report: pretrained.Report) -> None:
    """Raises KerastagError: a layer would be kept as it is that was not loaded."""
    fresh = [layer.name for layer in model.layers if not layer.trainable and layer.name in report.fresh]
    if fresh:
        why = report.fresh[fresh[0]]
        raise errors.KerastagError(f"{report.path}: {fresh[0]} cannot stay as it is, it is fresh ({why})", "freeze")
