"""A model: what the folder of a run or an ensemble holds, read once and passed as a value."""

import dataclasses
import functools
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from kerastag import errors, precisions, tags
from kerastag.metrics import calibration, decisions, ensembles
from kerastag.metrics import card as tag_card
from kerastag.metrics.split_scores import SplitScores
from kerastag.runs import ensemble_folder, run_folder
from kerastag.runs import record as run_record

if TYPE_CHECKING:
    import keras


@dataclasses.dataclass(frozen=True)
class Combination:
    """How the scores of a model's networks become its own.

    Attributes:
      method: one of ensemble_folder.METHODS.
      weights: the weight of each network; None: all the same.
      fitted: the calibration that turns combined scores into probabilities, or None.
    """

    method: str = "mean"
    weights: tuple[float, ...] | None = None
    fitted: calibration.Calibration | None = None

    def __call__(self, members: Sequence[np.ndarray]) -> np.ndarray:
        """Scores by each network, (num_tracks, num_tags), to float32 (num_tracks, num_tags)."""
        scores = ensembles.combine(members, self.method, self.weights) if len(members) > 1 else members[0]
        if self.fitted is not None:
            scores = self.fitted.apply(scores)
        return scores.astype(np.float32)


@dataclasses.dataclass(frozen=True)
class Model:
    """A run, or an ensemble of runs.

    Attributes:
      folder: the run or the ensemble.
      runs: the run itself, or the members of the ensemble.
      vocabulary: the tags of every run.
      combination: how the runs' scores become the model's.
    """

    folder: run_folder.RunFolder
    runs: tuple[run_folder.RunFolder, ...]
    vocabulary: tags.Vocabulary
    combination: Combination

    @classmethod
    def load(cls, path: str | os.PathLike[str], calibrated: bool = False) -> "Model":
        """Reads the model in a folder; networks are not loaded yet.

        Args:
          path: a run or an ensemble.
          calibrated: whether scores become probabilities, by calibration.json.

        Raises:
          KerastagError: a file is missing or damaged, or there is no calibration where one is wanted.
        """
        folder = ensemble_folder.existing(path)
        vocabulary, calibration_path = folder.vocabulary(), folder.calibration_path
        if calibrated and not calibration_path.is_file():
            raise errors.KerastagError(f"{folder.path}: no {calibration_path.name}; kerastag evaluate writes it")
        fitted = calibration.Calibration.read(calibration_path, vocabulary.names) if calibrated else None
        if not isinstance(folder, ensemble_folder.EnsembleFolder):
            return cls(folder, (folder,), vocabulary, Combination(fitted=fitted))
        ensemble = folder.ensemble()
        return cls(folder, ensemble.members, vocabulary, Combination(ensemble.method, ensemble.weights, fitted))

    @functools.cached_property
    def thresholds(self) -> np.ndarray | None:
        """The uncalibrated score from which each tag is decided, (num_tags,); None: `evaluate` has not run.

        Raises:
          KerastagError: thresholds.tsv is damaged.
        """
        path = self.folder.thresholds_path
        return decisions.read_thresholds(path, self.vocabulary) if path.is_file() else None

    @functools.cached_property
    def validation(self) -> SplitScores | None:
        """Uncalibrated scores of the validation tracks; None: not kept, or an ensemble's runs keep no common ones.

        Raises:
          KerastagError: those of a run are damaged.
        """
        if _keeps_validation(self.folder):
            return self.folder.read_scores("validation")
        if not all(map(_keeps_validation, self.runs)):
            return None
        first, *others = (run.read_scores("validation") for run in self.runs)
        try:
            for other in others:
                first.check_same_tracks(other)
        except errors.KerastagError:
            return None
        uncalibrated = dataclasses.replace(self.combination, fitted=None)
        return dataclasses.replace(first, scores=uncalibrated([first.scores, *(other.scores for other in others)]))

    @functools.cached_property
    def card(self) -> Mapping[str, tag_card.Row]:
        """How far each tag can be trusted, by full name; empty: `evaluate` has not run.

        Raises:
          KerastagError: tag_card.tsv is damaged.
        """
        path = self.folder.card_path
        return tag_card.read(path, self.vocabulary) if path.is_file() else {}

    @functools.cached_property
    def records(self) -> tuple[run_record.RunRecord, ...]:
        """What each run was trained with.

        Raises:
          KerastagError: a run.json is damaged.
        """
        return tuple(run.record() for run in self.runs)

    @property
    def class_counts(self) -> Mapping[str, int] | None:
        """Training tracks of each tag, by full name; None: not known, or not the same for all runs."""
        first, *others = (record.class_counts for record in self.records)
        return first if all(other == first for other in others) else None

    def networks(self, precision: str) -> list["keras.Model"]:
        """The runs' networks for inference, batch normalisation folded, in a policy of precisions.NAMES.

        Raises:
          KerastagError: a run has no network yet, or one with another number of tags.
        """
        from kerastag.models import folding

        policy = precisions.choose(precision)
        networks = [folding.load(run.trained_model_path(), policy) for run in self.runs]
        for run, network in zip(self.runs, networks, strict=True):
            if len(self.vocabulary) != network.num_tags:
                raise errors.KerastagError(
                    f"{run.path}: {len(self.vocabulary)} tags, but a model of {network.num_tags}"
                )
        return networks


def _keeps_validation(run: run_folder.RunFolder) -> bool:
    return run.predictions_path("validation").is_file() and run.labels_path("validation").is_file()
