"""On which tags a run is learning: PR curves, pictures of all tags, and the best and worst of them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from kerastag import tags
from kerastag.metrics import tables
from kerastag.metrics.drawing import canvas, tag_plots
from kerastag.training.monitoring import callback, images
from kerastag.training.validation import Validation

_NUM_THRESHOLDS = 101
_SHOWN = 5


class TagPictures(callback.Panel):
    """PR curves by tag, PR-AUC against training frequency, mean scores against base rates, best and worst tags."""

    def on_look(self, validation: Validation) -> None:
        short_names = tags.Vocabulary(validation.tag_names).short_names
        for column, name in enumerate(short_names):
            _pr_curve(name, validation.labels[:, column], validation.scores[:, column])
        per_tag = list(validation.figures["per_tag"].values())
        areas = np.array([np.nan if tag["pr_auc"] is None else tag["pr_auc"] for tag in per_tag])
        rates = validation.labels.mean(axis=0)
        with canvas.canvas(*tag_plots.bars_size(len(short_names))) as figure:
            tag_plots.bars(figure, short_names, areas, rates, validation.class_counts)
            images.write("tags/pr_auc_by_frequency", canvas.png(figure), "PR-AUC of tags, most frequent first")
        with canvas.canvas(5.6, 5.2) as figure:
            tag_plots.mean_scores(figure, short_names, validation.scores.mean(axis=0), rates)
            images.write("tags/mean_score", canvas.png(figure), "Mean score of tags against their share of tracks")
        tf.summary.text("tags/best_and_worst", best_and_worst(short_names, areas, rates, validation.class_counts))


def best_and_worst(names: Sequence[str], areas: np.ndarray, rates: np.ndarray, counts: np.ndarray) -> str:
    """A Markdown table of the tags with the greatest and the least PR-AUC, (num_tags,) each; NaN is left out."""
    order = [column for column in np.argsort(-areas, kind="stable") if not np.isnan(areas[column])]
    shown = order if len(order) <= 2 * _SHOWN else [*order[:_SHOWN], *order[-_SHOWN:]]
    rows = tuple(
        (
            *(str(order.index(column) + 1), names[column]),
            *(f"{areas[column]:.3f}", f"{rates[column]:.3f}", str(counts[column])),
        )
        for column in shown
    )
    return tables.markdown([tables.Table(("rank", "tag", "PR-AUC", "chance", "training tracks"), rows)])


def _pr_curve(name: str, labels: np.ndarray, scores: np.ndarray) -> None:
    from tensorboard.plugins.pr_curve import summary

    curve: Any = summary.pb(f"pr_curve/{name}", labels.astype(bool), scores, num_thresholds=_NUM_THRESHOLDS)
    tf.summary.experimental.write_raw_pb(curve.SerializeToString())
