"""Weights of an earlier model into a new one: every layer whose name and shape match, the rest stays fresh."""

import collections
import dataclasses
import os
import pathlib
import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import keras
import numpy as np

from kerastag import errors, published, tags
from kerastag.models import loading, saved, vgg
from kerastag.models.torch import checkpoint_file, state_dict
from kerastag.runs import run_folder

_KNOWN = (vgg,)  # importing it registers its class with Keras
_TORCH_SUFFIXES = (".pth", ".pt")
_KINDS = "a run folder, a .keras, a .weights.h5 or a .pth file"

NO_SUCH_LAYER = "no such layer in the file"
INCOMPLETE = "only a part of the layer in the file"
OTHER_SHAPE = "another shape"
OTHER_TAGS = "head of other tags"
UNKNOWN_TAGS = "head of unknown tags, the file has no tags.txt beside it"

# the weights of each layer in Keras' order; None for one that is missing
Layers: TypeAlias = dict[str, list[np.ndarray | None]]


@dataclasses.dataclass(frozen=True)
class Report:
    """What `load` did.

    Attributes:
      path: where the weights are from.
      loaded: names of the layers that were loaded.
      fresh: why each other layer with weights was not.
    """

    path: str
    loaded: tuple[str, ...]
    fresh: Mapping[str, str]

    def text(self) -> str:
        """A line for what was loaded and one for each reason why not; a residual block stands for its layers."""
        groups = {f"{self.path}: {len(self.loaded)} of {len(self.loaded) + len(self.fresh)} layers loaded": self.loaded}
        for why in dict.fromkeys(self.fresh.values()):
            groups[f"fresh ({why})"] = tuple(name for name in self.fresh if self.fresh[name] == why)
        sizes = collections.Counter(map(_block, (*self.loaded, *self.fresh)))
        lines = (f"{title}: {', '.join(_compact(names, sizes))}" for title, names in groups.items())
        return "\n".join(textwrap.fill(line, width=120, subsequent_indent="  ") for line in lines)


def load(model: keras.Model, path: str | os.PathLike[str], tag_names: Sequence[str]) -> Report:
    """Fills the layers of `model` that `path` has under the same name and in the same shape.

    Args:
      model: built, of this package.
      path: a run folder, a .keras, .weights.h5 or .pth file, or the name of a published model that is here. A
        tags.txt beside a file is taken for its tags.
      tag_names: full names of the outputs; the head is loaded only if the tags of `path` are the same ones.

    Raises:
      KerastagError: `path` cannot be read, its network hears another spectrogram, or no layer fits; the model is then
        unchanged.
    """
    path = published.resolve(path)
    _check_front_end(model, path)
    source, source_tags = _read(path)
    fitting: list[tuple[str, Sequence[keras.Variable]]] = []
    fresh: dict[str, str] = {}
    for layer in model.layers:
        if not layer.weights:
            continue
        why = _mismatch(layer, source)
        if layer is model.output_layer and layer.name in source and source_tags != tuple(tag_names):
            why = UNKNOWN_TAGS if source_tags is None else OTHER_TAGS
        if why:
            fresh[layer.name] = why
        else:
            fitting.append((layer.name, layer.weights))
    if not fitting:
        reasons = ", ".join(dict.fromkeys(fresh.values()))
        raise errors.KerastagError(f"{path}: none of its layers fits the network {model.name} ({reasons})")
    for name, weights in fitting:
        for weight, value in zip(weights, source[name], strict=True):
            weight.assign(value)
    return Report(str(path), tuple(name for name, _ in fitting), fresh)


def _check_front_end(model: keras.Model, path: pathlib.Path) -> None:
    """Raises KerastagError: the weights in `path` were trained on another kind of spectrogram."""
    own = model.get_config().get("front_end") or {}
    file = run_folder.RunFolder(path).model_path if path.is_dir() else path
    theirs = saved.front_end_of(file)  # of what is no .keras file: the recipe's, which published weights are of
    if own != theirs:
        shown = (", ".join(f"{name}={value}" for name, value in of.items()) or "the recipe's" for of in (theirs, own))
        heard, hears = shown
        raise errors.KerastagError(
            f"{path}: trained on another spectrogram ({heard}) than this network hears ({hears})", "num_mels"
        )


def _mismatch(layer: keras.layers.Layer, source: Layers) -> str | None:
    """Why `layer` cannot be loaded; None if it can."""
    values = source.get(layer.name)
    if values is None:
        return NO_SUCH_LAYER
    if len(values) != len(layer.weights) or any(value is None for value in values):
        return INCOMPLETE
    shapes = [value.shape for value in values if value is not None]
    return None if shapes == [tuple(weight.shape) for weight in layer.weights] else OTHER_SHAPE


def _read(path: pathlib.Path) -> tuple[Layers, tuple[str, ...] | None]:
    """The layers in `path`, and its tags if they are known."""
    if path.is_dir():
        run = run_folder.RunFolder.existing(path)
        return _of_model(run.trained_model_path()), tuple(run.vocabulary().names)
    if not path.is_file():
        raise errors.KerastagError(f"{path}: no such file or folder")
    beside = path.parent / run_folder.TAGS
    names = tuple(tags.Vocabulary.read(beside).names) if beside.is_file() else None
    if path.suffix == ".keras":
        return _of_model(path), names
    if path.name.endswith(".weights.h5"):
        return _of_weights(path), names
    if path.suffix in _TORCH_SUFFIXES:
        return _of_torch(checkpoint_file.read(path)), names
    raise errors.KerastagError(f"{path}: not {_KINDS}")


def _of_model(path: pathlib.Path) -> Layers:
    layers = loading.load(path).layers
    return {layer.name: [np.asarray(weight) for weight in layer.weights] for layer in layers if layer.weights}


def _of_weights(path: pathlib.Path) -> Layers:
    try:
        layers: Layers = {name: list(weights) for name, weights in loading.read_weights(path).items()}
    except loading.DAMAGED as error:
        raise errors.KerastagError(f"{path}: no weights of Keras ({' '.join(str(error).split())})") from None
    if not layers:
        raise errors.KerastagError(f"{path}: names no layers, as files of older Keras; take the .keras file")
    return layers


def _of_torch(state: Mapping[str, np.ndarray]) -> Layers:
    """A PyTorch state by Keras' layers: layer1.conv_1.weight is the first weight of layer1_conv_1."""
    grouped: dict[str, dict[str, np.ndarray]] = collections.defaultdict(dict)
    for name, array in state.items():
        module, _, parameter = name.rpartition(".")
        grouped[module.replace(".", "_")][parameter] = state_dict.to_keras(array)
    layers: Layers = {}
    for layer, parameters in grouped.items():
        moving = ("running_mean", "running_var") if parameters.keys() & {"running_mean", "running_var"} else ()
        layers[layer] = [parameters.get(name) for name in ("weight", "bias", *moving)]
    return layers


def _block(layer: str) -> str:
    """layer1 of layer1_conv_1 and layer1_bn_1; other layers stand for themselves."""
    return re.sub(r"_(conv|bn)_\d+$", "", layer)


def _compact(names: Sequence[str], sizes: Mapping[str, int]) -> list[str]:
    """Names in order, with a block's name in place of its layers' where all of them are among the names."""
    whole = {block for block, count in collections.Counter(map(_block, names)).items() if count == sizes[block]}
    return list(dict.fromkeys(_block(name) if _block(name) in whole else name for name in names))
