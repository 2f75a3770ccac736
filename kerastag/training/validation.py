"""What a validation found: scores and labels of the tracks that could be read, and the figures made of them."""

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from kerastag import losses, metrics
from kerastag.metrics import split_scores
from kerastag.metrics.documents import Figures

_SMALLEST = 1e-7  # below it a float32 score has no logit to speak of
_OF_BOTH = ("val_pr_auc", "val_roc_auc", "val_loss")


@dataclasses.dataclass(frozen=True)
class Validation:
    """One validation of a split.

    Attributes:
      measured: scores and labels of the tracks that could be read, with class counts.
      rows: row numbers of those tracks in the split, (num_tracks,).
      loss: that the run trains with.
    """

    measured: split_scores.SplitScores
    rows: np.ndarray
    loss: "losses.classes.MultiLabelLoss"

    @property
    def scores(self) -> np.ndarray:
        """float32 (num_tracks, num_tags)."""
        return self.measured.scores

    @property
    def labels(self) -> np.ndarray:
        """0 or 1, (num_tracks, num_tags)."""
        return self.measured.labels

    @property
    def tag_names(self) -> Sequence[str]:
        """Full names in column order."""
        return self.measured.vocabulary.names

    @property
    def class_counts(self) -> np.ndarray:
        """Training tracks with each tag, (num_tags,)."""
        assert self.measured.class_counts is not None
        return self.measured.class_counts

    @functools.cached_property
    def figures(self) -> Figures:
        """What metrics.evaluate gives."""
        return metrics.evaluate(self.labels, self.scores, self.tag_names, self.class_counts)

    def mean_loss(self) -> float:
        """The run's loss at the tracks' scores, so that it needs no chunk's logits: of logit(score), mean over tracks.

        It is that of the mean over a track's chunks; the training loss is of one random chunk of each track.
        """
        scores = np.clip(self.scores.astype(np.float64), _SMALLEST, 1 - _SMALLEST)
        logits = np.log(scores / (1 - scores)).astype(np.float32)
        return float(np.mean(self.loss.call(tf.constant(self.labels, tf.float32), tf.constant(logits))))

    def logs(self) -> dict[str, float]:
        """The figures of an epoch's logs; one that is not defined on the split is left out."""
        figures = self.figures
        named = {
            "val_pr_auc": figures["pr_auc_macro"],
            "val_roc_auc": figures["roc_auc_macro"],
            "val_loss": self.mean_loss(),
            "val_pr_auc_micro": figures["pr_auc_micro"],
            "val_roc_auc_micro": figures["roc_auc_micro"],
            **{f"val_pr_auc_{group}": areas["pr_auc"] for group, areas in figures["groups"].items()},
        }
        return {name: value for name, value in named.items() if value is not None}


@dataclasses.dataclass(frozen=True)
class Compared:
    """The validation of an epoch: of the weights in training, and of their average if there is one.

    Attributes:
      raw: of the weights in training.
      averaged: of their average; None: there is none, or not yet.
      figure: the figure in the logs by which the better one is chosen.
    """

    raw: Validation
    averaged: Validation | None
    figure: str

    @functools.cached_property
    def is_averaged(self) -> bool:
        """Whether the average is strictly better."""
        if self.averaged is None:
            return False
        averaged, raw = (each.logs().get(self.figure) for each in (self.averaged, self.raw))
        return averaged is not None and raw is not None and averaged > raw

    @property
    def better(self) -> Validation:
        """The one whose weights the epoch offers as the best model."""
        return self.averaged if self.averaged is not None and self.is_averaged else self.raw

    def logs(self) -> dict[str, float]:
        """The better one's figures, and, where there are two, the main ones of both with "_raw" and "_averaged"."""
        logs = self.better.logs()
        if self.averaged is not None:
            for suffix, each in (("raw", self.raw), ("averaged", self.averaged)):
                logs |= {f"{name}_{suffix}": value for name, value in each.logs().items() if name in _OF_BOTH}
        return logs
