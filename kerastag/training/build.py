"""Puts network, loss and optimiser together under a strategy and a precision policy."""

import dataclasses

import keras
import tensorflow as tf

from kerastag import losses, models
from kerastag.training import loop, optimizers


@dataclasses.dataclass(frozen=True)
class Network:
    """Which network: see models.short_chunk_resnet."""

    num_tags: int
    num_channels: int
    variant: str
    dropout: float = 0.5


@dataclasses.dataclass(frozen=True)
class Optimization:
    """How it is trained: Adam's learning rate, and the weight decay added to every gradient."""

    learning_rate: float
    weight_decay: float


def trainer(
    strategy: tf.distribute.Strategy,
    network: Network,
    loss: "losses.classes.MultiLabelLoss",
    optimization: Optimization,
    precision: str,
    seed: int,
) -> loop.Trainer:
    """A trainer at its start: initial weights are a function of the seed."""
    keras.utils.set_random_seed(seed)
    with strategy.scope():
        model = models.short_chunk_resnet(
            network.num_tags,
            network.num_channels,
            network.variant,
            dropout=network.dropout,
            precision=precision,
        )
        bias = losses.output_bias(loss.name)
        if bias is not None:
            model.output_layer.bias.assign(tf.fill(model.output_layer.bias.shape, bias))
        optimizer: keras.optimizers.Optimizer = optimizers.Adam(
            optimization.learning_rate, coupled_weight_decay=optimization.weight_decay
        )
        if precision == "mixed_float16":
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    return loop.Trainer(model, loss, optimizer, strategy)
