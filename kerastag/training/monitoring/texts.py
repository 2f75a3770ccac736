"""What a run is: configuration, dataset, network and versions as tables."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerastag import tags
from kerastag.training.monitoring import callback


class Texts(callback.Panel):
    """Tables for TensorBoard's page of texts.

    Args:
      record: what run.json says.
      class_counts: training tracks with each tag, (num_tags,); base_rates: shares of the validation tracks.
      tag_names: full names.
      model: in training.
    """

    def __init__(
        self,
        record: Mapping[str, Any],
        class_counts: np.ndarray,
        base_rates: np.ndarray,
        tag_names: Sequence[str],
        model: keras.Model,
    ):
        self._record = record
        self._class_counts = class_counts
        self._base_rates = base_rates
        self._tag_names = tag_names
        self._model = model

    def begin(self) -> None:
        record = self._record
        tf.summary.text("run/configuration", table(("flag", "value"), record["flags"].items()))
        tf.summary.text("run/dataset", self._dataset())
        tf.summary.text("run/network", network(self._model))
        versions = {**record["versions"], "git commit": record["git_commit"], "command": f"`{record['command']}`"}
        tf.summary.text("run/versions", table(("package", "version"), versions.items()))

    def _dataset(self) -> str:
        counts = self._record["num_tracks"]
        head = f"{counts['train']} training and {counts['validation']} validation tracks, {len(self._tag_names)} tags"
        rows = [
            (tags.short_name(self._tag_names[column]), self._class_counts[column], f"{self._base_rates[column]:.1%}")
            for column in np.argsort(-self._class_counts, kind="stable")
        ]
        return f"{head}\n\n{table(('tag', 'training tracks', 'of validation'), rows)}"


def network(model: keras.Model) -> str:
    """A Markdown table of a network's layers: type, output shape, parameters."""
    rows = [
        (layer.name, type(layer).__name__, _shape(layer.output.shape), f"{layer.count_params():,}")
        for layer in model.layers
    ]
    total = f"{model.name}: {model.count_params():,} parameters with moving statistics"
    return f"{total}\n\n{table(('layer', 'type', 'output', 'parameters'), rows)}"


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A Markdown table; a bar inside a cell is escaped."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


def _shape(shape: Sequence[int | None]) -> str:
    return " × ".join("any" if size is None else str(size) for size in shape)
