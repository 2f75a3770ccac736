"""Which of a file's tags are given: those that reach a threshold, or else that stand out.

The rule is the first of these that the model and the files allow:

1. The model has thresholds (`kerastag evaluate` fitted them): a tag is given where its score is at or above its
   threshold.
2. The model knows its usual scores: a tag is given where its score is above the 90th percentile of its scores over the
   validation tracks. Of a tag that more than a tenth of these tracks have, the percentile leaves as many above it as
   have the tag. At least 20 validation tracks are needed.
3. At least 20 files are scored together: a tag is given where its score is above the 90th percentile of its scores over
   these files.
4. Else a tag is given where its score is at least 0.1 and at least half of the file's best score.

Percentiles lie between two scores by linear interpolation. That no tag is given is an answer.
"""

import dataclasses
import pathlib
from collections.abc import Sequence

import numpy as np

from kerastag import tags
from kerastag.metrics import calibration, decisions
from kerastag.metrics.split_scores import SplitScores
from kerastag.runs.model import Model

USUAL_SHARE = 0.1  # of the tracks may stand out by a tag
MIN_TRACKS = 20  # from which a percentile is told
MIN_SCORE, SHARE_OF_BEST = 0.1, 0.5  # of a few files by a model of which nothing is known
USUAL_COLUMN = "usual_score"  # of the file that an export has


@dataclasses.dataclass(frozen=True)
class Decider:
    """The rule of a model; see the module.

    Attributes:
      thresholds: the score from which each tag is given, (num_tags,); None: not known.
      usual: the score above which each tag stands out, (num_tags,); None: not known.
    """

    thresholds: np.ndarray | None = None
    usual: np.ndarray | None = None

    def only(self, columns: Sequence[int]) -> "Decider":
        """The rule for some of the tags, in this order."""
        levels = (self.thresholds, self.usual)
        return Decider(*(None if level is None else level[list(columns)] for level in levels))

    def decide(self, scores: np.ndarray) -> np.ndarray:
        """Which tags are given.

        Args:
          scores: of files that are scored together, (num_files, num_tags); NaN for a file that cannot be read.

        Returns:
          bool (num_files, num_tags), False for a file that cannot be read.
        """
        scores = np.asarray(scores, np.float64)
        return np.asarray(scores >= self.levels(scores))

    def levels(self, scores: np.ndarray) -> np.ndarray:
        """The lowest score with which each tag of each file is given, float64 (num_files, num_tags).

        Args:
          scores: as of `decide`; NaN for a file that cannot be read gives it any levels.
        """
        scores = np.asarray(scores, np.float64)
        if self.thresholds is not None:
            return np.broadcast_to(np.asarray(self.thresholds, np.float64), scores.shape)
        if self.usual is not None:
            return np.broadcast_to(np.nextafter(np.asarray(self.usual, np.float64), np.inf), scores.shape)
        readable = scores[np.isfinite(scores).all(axis=1)]
        if len(readable) >= MIN_TRACKS:
            percentile = np.quantile(readable, 1 - USUAL_SHARE, axis=0)
            return np.broadcast_to(np.nextafter(percentile, np.inf), scores.shape)
        best = scores.max(axis=1, keepdims=True)
        return np.broadcast_to(np.maximum(MIN_SCORE, SHARE_OF_BEST * best), scores.shape)

    def rule(self, num_files: int) -> str:
        """What `decide` gives for so many files, as a sentence for people."""
        if self.thresholds is not None:
            return "Shown are tags at or above the model's thresholds."
        if self.usual is not None:
            return "Shown are tags with a higher score than on most of the model's validation tracks."
        if num_files >= MIN_TRACKS:
            return f"Shown are tags with a higher score than on nine in ten of these {num_files} files."
        return f"Shown are tags with a score of at least {MIN_SCORE} and half of the file's best."


def of_model(model: Model) -> Decider:
    """The rule of a run or an ensemble.

    Raises:
      KerastagError: its thresholds or its validation scores are damaged.
    """
    fitted = model.combination.fitted
    if model.thresholds is not None:
        return Decider(thresholds=_calibrated(model.thresholds, fitted))
    usual = None if model.validation is None else usual_scores(model.validation)
    return Decider(usual=None if usual is None else _calibrated(usual, fitted))


def of_files(thresholds: pathlib.Path, usual: pathlib.Path, vocabulary: tags.Vocabulary) -> Decider:
    """The rule of an export, whose files have levels of the scores that it gives.

    Raises:
      KerastagError: a file is damaged.
    """
    if thresholds.is_file():
        return Decider(thresholds=decisions.read_thresholds(thresholds, vocabulary))
    if usual.is_file():
        return Decider(usual=decisions.read_thresholds(usual, vocabulary, USUAL_COLUMN))
    return Decider()


def usual_scores(validation: SplitScores) -> np.ndarray | None:
    """The score above which each tag stands out, float64 (num_tags,); None: there are too few tracks to tell."""
    if len(validation) < MIN_TRACKS:
        return None
    shares = np.maximum(USUAL_SHARE, np.asarray(validation.labels, np.float64).mean(axis=0))
    columns = np.asarray(validation.scores, np.float64).T
    return np.array([np.quantile(column, 1 - share) for column, share in zip(columns, shares, strict=True)])


def _calibrated(levels: np.ndarray, fitted: calibration.Calibration | None) -> np.ndarray:
    """Levels of uncalibrated scores as levels of the scores that the model gives, which are float32."""
    if fitted is None:
        return levels
    finite = np.isfinite(levels)
    probabilities = fitted.apply(np.where(finite, levels, 0)[np.newaxis])[0].astype(np.float32)
    return np.where(finite, probabilities, levels)
