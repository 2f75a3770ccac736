"""The blocks of a network, from its input to its output: what is frozen, and at which rate each part learns."""

from collections.abc import Iterator, Sequence

import keras
import numpy as np


def of(model: keras.Model) -> list[list[keras.layers.Layer]]:
    """Its layers that have weights, block by block; the last block is the head.

    What stands before the first block, the normalisation of the spectrogram, belongs to it.

    Args:
      model: with `block_names`: for each block, how the names of its layers begin.
    """
    blocks: list[list[keras.layers.Layer]] = [[] for _ in model.block_names]
    for layer in model.layers:
        if layer.weights:
            blocks[_place(layer.name, model.block_names)].append(layer)
    return blocks


def freeze(model: keras.Model, num_blocks: int) -> None:
    """Keeps the first blocks as they are: no gradient, no update, and their batch normalisations do not move.

    Args:
      model: before its optimiser is built.
      num_blocks: from 0, which freezes nothing, to all but the head.
    """
    for block in of(model)[:num_blocks]:
        for layer in block:
            layer.trainable = False


def frozen(model: keras.Model) -> Iterator[keras.Variable]:
    """The variables of frozen layers, moving statistics too."""
    for layer in model.layers:
        if not layer.trainable:
            yield from layer.variables


def rate_factors(model: keras.Model, decay: float) -> list[float]:
    """What the learning rate of each trained variable is multiplied by, in the order of `trainable_variables`.

    Args:
      model: see `of`.
      decay: the factor from a block to the one before it, after Howard and Ruder 2018, arXiv:1801.06146; the head's
        rate is the learning rate itself.
    """
    by_variable: dict[int, float] = {}
    for depth, block in enumerate(reversed(of(model))):
        by_variable |= {id(variable): decay**depth for layer in block for variable in layer.variables}
    return [by_variable[id(variable)] for variable in model.trainable_variables]


def count_text(model: keras.Model) -> str:
    """How many parameters are trained and how many are frozen; moving statistics are neither."""
    trained = sum(int(np.prod(variable.shape)) for variable in model.trainable_variables)
    kept = {id(variable): variable for variable in frozen(model)}
    statistics = {id(variable) for layer in model.layers for variable in _statistics(layer)}
    num_frozen = sum(int(np.prod(variable.shape)) for key, variable in kept.items() if key not in statistics)
    return f"parameters: {trained:,} trained, {num_frozen:,} frozen"


def _statistics(layer: keras.layers.Layer) -> Sequence[keras.Variable]:
    names = ("moving_mean", "moving_variance")
    return [variable for variable in layer.variables if variable.name in names]


def _place(name: str, block_names: Sequence[Sequence[str]]) -> int:
    """The block of a layer; before the first one, the first."""
    for place, starts in enumerate(block_names):
        if any(name == start or name.startswith(f"{start}_") for start in starts):
            return place
    return 0
