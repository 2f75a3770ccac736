"""A saved model back from its file, in any precision; or what the file holds, without building the model."""

import contextlib
import dataclasses
import io
import json
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import h5py
import keras
import numpy as np
import tensorflow as tf

from kerastag import errors
from kerastag.models import attention, hdf5, layers, musicnn, popularity, probing, resnet, saved, vgg
from kerastag.models.foreign import attaching
from kerastag.models.foreign import network as foreign_network

# importing them registers their classes with Keras
_KNOWN = (attention, foreign_network, layers, musicnn, popularity, probing, resnet, vgg)

DAMAGED = (  # what readers raise of a file that is none of this package's
    *(ValueError, TypeError, KeyError, AttributeError, IndexError, ArithmeticError, AssertionError, RuntimeError),
    *(OSError, EOFError, zipfile.BadZipFile, zlib.error, tf.errors.OpError),
)
Weights: TypeAlias = dict[str, list[np.ndarray]]  # of each layer, in Keras' order, by its name


@dataclasses.dataclass(frozen=True)
class Saved:
    """What a .keras file holds.

    Attributes:
      build: makes a model of the file's class from a configuration.
      config: the file's.
      weights: weights of its layers.
    """

    build: Callable[[dict[str, Any]], keras.Model]
    config: dict[str, Any]
    weights: Weights


def load(
    path: str | os.PathLike[str], precision: str | None = None, base_folder: str | os.PathLike[str] | None = None
) -> keras.Model:
    """Reads a .keras file.

    Args:
      path: that training wrote.
      precision: the policy to compute in; None: the one it was trained in. Weights are float32 in all.
      base_folder: where the base of another maker lies that it stands on, if any; None: beside the file.

    Raises:
      KerastagError: the file cannot be read as a model of this package, or such a base is missing.
    """
    with told_of(path):
        _class(saved.check(path))
        _check_weights(path)
        with attaching.files_in(os.path.dirname(path) if base_folder is None else base_folder):
            model = keras.saving.load_model(path, compile=False)
    if precision is None or precision == model.precision:
        return model
    other = model.__class__.from_config({**model.get_config(), "precision": precision})
    other.set_weights(model.get_weights())
    return other


def read(path: str | os.PathLike[str]) -> Saved | None:
    """What a .keras file holds; None if it is not as Keras writes models of this package, which `load` can tell."""
    try:
        build = _class(saved.check(path))
        with zipfile.ZipFile(path) as archive:
            config = json.loads(archive.read("config.json"))["config"]
            weights = read_weights(io.BytesIO(archive.read("model.weights.h5")))
    except DAMAGED:
        return None
    if not weights or not isinstance(config, dict):
        return None

    def build_beside(config: dict[str, Any]) -> keras.Model:
        with attaching.files_in(os.path.dirname(path)):
            return build.from_config(config)

    return Saved(build_beside, config, weights)


def _class(name: str) -> type[keras.Model]:
    """The network of this package that is registered under a name.

    Raises:
      ValueError: none is.
    """
    found = keras.saving.get_registered_object(name)
    if not (isinstance(found, type) and issubclass(found, keras.Model)):
        raise ValueError(f"it holds {name}, no network of kerastag")
    return found


@contextlib.contextmanager
def told_of(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turns what a file makes its readers raise into a KerastagError that names it."""
    try:
        yield
    except tf.errors.ResourceExhaustedError:
        raise
    except DAMAGED as error:
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise errors.KerastagError(f"{path}: not a model of kerastag ({reason})") from error


def _check_weights(path: str | os.PathLike[str]) -> None:
    """Raises ValueError, OSError, KeyError, RuntimeError: Keras should not be given the file's weights."""
    with zipfile.ZipFile(path) as archive:
        content = archive.read("model.weights.h5")
    with h5py.File(io.BytesIO(content), "r") as opened:
        hdf5.check(opened, len(content))


def read_weights(file: str | os.PathLike[str] | io.BytesIO) -> Weights:
    """The weights in a .weights.h5 file: Keras numbers those of a layer in the group "vars" and notes its name there.

    Raises:
      OSError, KeyError, TypeError, ValueError, RuntimeError: it is not such a file.
    """
    weights: Weights = {}

    def visit(name: str, group: h5py.Group | h5py.Dataset) -> None:
        if isinstance(group, h5py.Group) and "name" in group.attrs and len(group):
            weights[str(group.attrs["name"])] = [np.asarray(group[str(number)]) for number in range(len(group))]

    num_bytes = file.seek(0, os.SEEK_END) if isinstance(file, io.IOBase) else os.path.getsize(file)
    with h5py.File(file, "r") as opened:
        hdf5.check(opened, num_bytes)
        opened.visititems(visit)
    return weights
