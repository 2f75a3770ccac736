"""Runs side by side: each with what it was trained with and how far it came, for TensorBoard's page of hparams."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import tensorflow as tf

from kerastag.runs.record import FlagValue
from kerastag.training import state as training_state
from kerastag.training.monitoring import callback

if TYPE_CHECKING:
    from tensorboard.compat.proto import summary_pb2

_FIRST = ("loss", "sampling", "mixup_alpha", "precision", "seed")  # TensorBoard ticks five
HPARAMS = (
    *_FIRST,
    *(
        "model",
        "variant",
        "num_channels",
        "num_blocks",
        "learning_rate",
        "schedule",
        "batch_size",
        "weight_decay",
        "dropout",
        "epochs",
        "pretrained",
        "base",
        "freeze",
        "layer_decay",
        "ema",
        "swa_from",
        "input_dtype",
    ),
)
METRICS = {
    "best/pr_auc_macro": "PR-AUC",
    "best/roc_auc_macro": "ROC-AUC",
    "best/pr_auc_head": "PR-AUC, head",
    "best/pr_auc_middle": "PR-AUC, middle",
    "best/pr_auc_tail": "PR-AUC, tail",
    "best/loss": "validation loss",
    "best/epoch": "epoch",
}


class Comparison(callback.Panel):
    """The run's settings, and the figures of its best epoch so far.

    Args:
      name: name of the run.
      settings: every flag and the precision in use.
      state: state of the training, which knows the best epoch.
    """

    def __init__(self, name: str, settings: Mapping[str, FlagValue], state: training_state.TrainingState):
        self._name = name
        self._settings = settings
        self._state = state

    def begin(self) -> None:
        from tensorboard.plugins.hparams import api

        tf.summary.experimental.write_raw_pb(_experiment().SerializeToString())
        api.hparams(hparams(self._settings), trial_id=self._name)

    def on_epoch(self, logs: dict[str, float]) -> None:
        if "val_pr_auc" in logs and self._state.best_epoch == self._state.epoch:
            figures = {tag: logs.get(f"val_{tag.removeprefix('best/').removesuffix('_macro')}") for tag in METRICS}
            figures["best/epoch"] = self._state.best_epoch
            for tag, value in figures.items():
                if value is not None and math.isfinite(value):
                    tf.summary.scalar(tag, value)

    def finish(self) -> None:
        from tensorboard.plugins.hparams import api_pb2, summary

        done = summary.session_end_pb(api_pb2.STATUS_SUCCESS)
        tf.summary.experimental.write_raw_pb(done.SerializeToString())


def hparams(settings: Mapping[str, FlagValue]) -> dict[str, FlagValue]:
    """Those settings that runs differ by, as TensorBoard takes them: what is not set is "default"."""
    found = {name: settings.get(name) for name in HPARAMS}
    return {name: "default" if value is None else value for name, value in found.items()}


def _experiment() -> "summary_pb2.Summary":
    """What there is to compare; `differs` makes TensorBoard list a setting before the others."""
    from tensorboard.plugins.hparams import api_pb2, summary

    metrics = [api_pb2.MetricInfo(name=api_pb2.MetricName(tag=tag), display_name=name) for tag, name in METRICS.items()]
    settings = [api_pb2.HParamInfo(name=name, differs=name in _FIRST) for name in HPARAMS]
    return summary.experiment_pb(settings, metrics)
