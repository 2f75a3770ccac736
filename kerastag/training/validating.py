"""Validates the weights of the moment on whole tracks."""

from collections.abc import Callable

import numpy as np

from kerastag import errors, tags
from kerastag.computing import Computing
from kerastag.inference import scoring
from kerastag.metrics import split_scores
from kerastag.models import folding
from kerastag.training import loop
from kerastag.training.inputs import Inputs
from kerastag.training.settings import Settings, Splits
from kerastag.training.validation import Validation


class Validator:
    """Scores the validation tracks with a network in training.

    Args:
      trainer: with model, loss and strategy.
      inputs: batches of the tracks for that model.
      tracks: see Splits.
      settings: see Settings.
      vocabulary: tags of the labels' columns.
      computing: whether scoring is compiled.
    """

    def __init__(
        self,
        trainer: loop.Trainer,
        inputs: Inputs,
        tracks: Splits,
        settings: Settings,
        vocabulary: tags.Vocabulary,
        computing: Computing,
    ):
        self._trainer = trainer
        self._inputs = inputs
        self._tracks = tracks
        self._vocabulary = vocabulary
        self._class_counts = tracks.training.labels.sum(axis=0).astype(np.int64)
        self._fill = trainer.strategy.num_replicas_in_sync > 1
        with trainer.strategy.scope():
            self._folded = folding.empty(trainer.model)
        num_validations = settings.num_validations * (1 if trainer.average is None else 2)
        num_chunks = inputs.num_validation_chunks() * num_validations
        compiles = inputs.reads_audio and computing.compiles_scoring(num_chunks)  # a head is too small to gain by it
        compiled_size = settings.batch_size if compiles else None
        self._scorer = scoring.Scorer.of_model(self._folded, trainer.strategy, compiled_size)

    def validate(self, on_batch: Callable[[np.ndarray], None]) -> Validation:
        """Tracks that cannot be read are left out.

        Args:
          on_batch: called after each batch with the track of each of its chunks; it may raise to stop.

        Raises:
          KerastagError: no track can be read.
        """
        tracks = self._tracks.validation
        folding.fill(self._folded, self._trainer.model)
        batches = self._inputs.validation(self._fill)
        scores, counts = self._of_all_workers(*self._scorer.score_tracks(batches, len(tracks), on_batch))
        tracks.mark_missing(np.flatnonzero(counts == 0))
        read = counts > 0
        if not read.any():
            reason = next(iter(tracks.unreadable.values()))
            raise errors.KerastagError(f"no track of the validation split can be read: {reason}")
        rows = np.flatnonzero(read)
        identities = [self._tracks.listed[int(row)].identity for row in rows]
        given = (tracks.labels[read], self._vocabulary, identities, self._class_counts)
        return Validation(split_scores.SplitScores(scores[read], *given), rows, self._trainer.loss)

    def _of_all_workers(self, scores: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Scores and chunks of the tracks of every process, each of which has scored some."""
        workers = self._trainer.workers
        counts = workers.total(counts)
        scores = workers.total(np.nan_to_num(scores))
        return np.where(counts[:, None] > 0, scores, np.float32("nan")), counts
