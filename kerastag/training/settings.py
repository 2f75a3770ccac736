"""How long and how a run trains, and on what."""

import dataclasses
from collections.abc import Sequence

from kerastag.data import pipeline, splits


@dataclasses.dataclass(frozen=True)
class Settings:
    """How long and how a run trains.

    Attributes:
      epochs: epochs in all.
      batch_size: chunks per step, over all replicas.
      seed: decides order and chunks.
      sampling: "shuffled" or "class_aware", see data.sampling.
      chunk_position: "random", or "centre": always the middle of the track.
      validate_every: epochs between validations; the last epoch is always validated.
      validation_chunks: evenly spaced chunks per validation track.
      best_by: the validation figure that the best model has the greatest of, "pr_auc" or "roc_auc".
      patience: epochs without a better validation before training stops; 0: never.
      max_seconds: of steps, after which no other epoch is begun; None: no limit.
    """

    epochs: int
    batch_size: int = 32
    seed: int = 0
    sampling: str = "shuffled"
    chunk_position: str = "random"
    validate_every: int = 1
    validation_chunks: int = 16
    best_by: str = "pr_auc"
    patience: int = 0
    max_seconds: float | None = None

    @property
    def end(self) -> tuple[int, int, float | None]:
        """What decides when the run is over, as TrainingState.is_over takes it."""
        return self.epochs, self.patience, self.max_seconds

    @property
    def num_validations(self) -> int:
        """Of a run that comes to its end."""
        return -(-self.epochs // self.validate_every)


@dataclasses.dataclass(frozen=True)
class Splits:
    """What a run trains and validates on.

    Attributes:
      training, validation: the tracks, with labels.
      listed: the validation tracks as their split file has them.
    """

    training: pipeline.Tracks
    validation: pipeline.Tracks
    listed: Sequence[splits.Track]
