"""Curves: the scalars of every epoch, and the page that groups them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from kerastag import tags
from kerastag.metrics import groups
from kerastag.training.monitoring import callback
from kerastag.training.validation import Validation

if TYPE_CHECKING:
    from tensorboard.compat.proto import summary_pb2

NAMES = {
    "loss": "train/loss",
    "val_loss": "validation/loss",
    "val_pr_auc": "validation/pr_auc_macro",
    "val_roc_auc": "validation/roc_auc_macro",
    "val_pr_auc_micro": "validation/pr_auc_micro",
    "val_roc_auc_micro": "validation/roc_auc_micro",
    "val_pr_auc_head": "validation/pr_auc_head",
    "val_pr_auc_middle": "validation/pr_auc_middle",
    "val_pr_auc_tail": "validation/pr_auc_tail",
    "learning_rate": "train/learning_rate",
    "gradient_norm": "train/gradient_norm",
    "loss_scale": "train/loss_scale",
    "chunks_per_second": "speed/chunks_per_second",
    "input_wait": "speed/input_wait",
}
NAMES_OF_BOTH = {  # of runs that keep an average of the weights
    f"val_{figure}_{weights}": f"validation/{name}_{weights}"
    for figure, name in (("pr_auc", "pr_auc_macro"), ("roc_auc", "roc_auc_macro"), ("loss", "loss"))
    for weights in ("raw", "averaged")
}
_TEXTS = {
    "train/loss": "Mean over the epoch's steps, of one random chunk of each track.",
    "validation/loss": "The same loss at the scores of whole validation tracks.",
    "validation/pr_auc_macro": "Mean of the tags' areas under the precision-recall curve; chooses the best model.",
    "train/gradient_norm": "Of all gradients together, without loss scaling; mean over the epoch's steps.",
    "speed/input_wait": "Share of the epoch's time in which the step waited for audio; near 0 is good.",
    "speed/chunks_per_second": "Chunks trained on in a second.",
}
_LAYOUT_OF_BOTH = {
    f"{title}, raw and averaged weights": [NAMES_OF_BOTH[f"val_{figure}_{weights}"] for weights in ("raw", "averaged")]
    for title, figure in (("loss", "loss"), ("PR-AUC", "pr_auc"), ("ROC-AUC", "roc_auc"))
}
_LAYOUT = {
    "Is it learning?": {
        "loss": ["train/loss", "validation/loss"],
        "PR-AUC": ["validation/pr_auc_macro", "validation/pr_auc_micro"],
        "ROC-AUC": ["validation/roc_auc_macro", "validation/roc_auc_micro"],
        **_LAYOUT_OF_BOTH,
    },
    "On which tags?": {
        "PR-AUC by frequency": [f"validation/pr_auc_{group}" for group in groups.RESERVED[:3]],
        **{f"PR-AUC of {group} tags": [f"tag_pr_auc/{group}/.*"] for group in groups.RESERVED[:3]},
    },
    "Is it healthy?": {
        "learning rate": ["train/learning_rate"],
        "gradient norm": ["train/gradient_norm"],
        "loss scale": ["train/loss_scale"],
    },
    "Is it fast?": {
        "chunks a second": ["speed/chunks_per_second"],
        "share of time waiting for input": ["speed/input_wait"],
    },
}


class Scalars(callback.Panel):
    """The figures of history.tsv, named by the field, and the page of TensorBoard that groups them.

    Args:
      class_counts: training tracks with each tag, (num_tags,).
      averages: whether the run keeps an average of its weights.
    """

    def __init__(self, class_counts: np.ndarray, averages: bool = False):
        empty = [name for name, mask in groups.members(class_counts).items() if not mask.any()]
        self._left_out = [f"PR-AUC of {group} tags" for group in empty] + ([] if averages else list(_LAYOUT_OF_BOTH))

    def begin(self) -> None:
        tf.summary.experimental.write_raw_pb(_layout(self._left_out).SerializeToString())

    def on_epoch(self, logs: dict[str, float]) -> None:
        for key, name in {**NAMES, **NAMES_OF_BOTH}.items():
            if key in logs:
                tf.summary.scalar(name, logs[key], description=_TEXTS.get(name))


class TagScalars(callback.Panel):
    """PR-AUC of each tag over time, filed by how frequent the tag is in training.

    Args:
      class_counts: training tracks with each tag, (num_tags,).
    """

    def __init__(self, class_counts: np.ndarray):
        self._groups = groups.members(class_counts)

    def on_validation(self, validation: Validation) -> None:
        short_names = tags.Vocabulary(validation.tag_names).short_names
        for column, areas in enumerate(validation.figures["per_tag"].values()):
            if areas["pr_auc"] is not None:
                group = next(name for name, mask in self._groups.items() if mask[column])
                tf.summary.scalar(f"tag_pr_auc/{group}/{short_names[column]}", areas["pr_auc"])


def _layout(left_out: Sequence[str]) -> "summary_pb2.Summary":
    """The custom scalars page, without the charts that are left out."""
    from tensorboard.plugins.custom_scalar import layout_pb2, summary

    def chart(title: str, names: list[str]) -> layout_pb2.Chart:
        patterns = [name if name.endswith("*") else f"^{name}$" for name in names]
        return layout_pb2.Chart(title=title, multiline=layout_pb2.MultilineChartContent(tag=patterns))

    categories = [
        layout_pb2.Category(
            title=title,
            chart=[chart(name, tags_of_chart) for name, tags_of_chart in charts.items() if name not in left_out],
        )
        for title, charts in _LAYOUT.items()
    ]
    return summary.pb(layout_pb2.Layout(category=categories))
