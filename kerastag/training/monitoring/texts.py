"""What a run is: configuration, dataset, network and versions as tables."""

from collections.abc import Iterable, Sequence

import keras
import numpy as np
import tensorflow as tf

from kerastag import tags
from kerastag.metrics import tables
from kerastag.runs.record import RunRecord
from kerastag.training.monitoring import callback


class Texts(callback.Panel):
    """Tables for TensorBoard's page of texts.

    Args:
      record: what it was started with.
      class_counts: training tracks with each tag, (num_tags,); base_rates: shares of the validation tracks.
      tag_names: full names.
      model: in training.
    """

    def __init__(
        self,
        record: RunRecord,
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
        tf.summary.text("run/configuration", _table(("flag", "value"), record.flags.items()))
        tf.summary.text("run/dataset", self._dataset())
        tf.summary.text("run/network", network(self._model))
        versions = {**record.versions, "git commit": record.git_commit, "command": record.command}
        tf.summary.text("run/versions", _table(("package", "version"), versions.items()))

    def _dataset(self) -> str:
        counts = self._record.num_tracks
        head = f"{counts['train']} training and {counts['validation']} validation tracks, {len(self._tag_names)} tags"
        rows = [
            (tags.short_name(self._tag_names[column]), self._class_counts[column], f"{self._base_rates[column]:.1%}")
            for column in np.argsort(-self._class_counts, kind="stable")
        ]
        return f"{head}\n\n{_table(('tag', 'training tracks', 'of validation'), rows)}"


def network(model: keras.Model) -> str:
    """A Markdown table of a network's layers: type, output shape, parameters."""
    rows = [
        (layer.name, type(layer).__name__, _shape(layer.output.shape), f"{layer.count_params():,}")
        for layer in model.layers
    ]
    total = f"{model.name}: {model.count_params():,} parameters with moving statistics"
    return f"{total}\n\n{_table(('layer', 'type', 'output', 'parameters'), rows)}"


def _table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    cells = tuple(tuple(map(str, row)) for row in rows)
    return tables.markdown([tables.Table(tuple(header), cells)])


def _shape(shape: Sequence[int | None]) -> str:
    return " × ".join("any" if size is None else str(size) for size in shape)
