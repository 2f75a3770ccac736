"""What training and validation see of their tracks: chunks of audio, or embeddings of chunks."""

import dataclasses
from typing import Protocol

import tensorflow as tf

from kerastag.data import embeddings, pipeline, sampling, shared_batches
from kerastag.data.shares import WHOLE, Share
from kerastag.training.settings import Settings, Splits

SCORED_AT_ONCE = 1024  # embeddings, which are small


class Inputs(Protocol):
    """Batches for the network that is trained.

    Attributes:
      reads_audio: whether a step may have to wait for files.
    """

    @property
    def reads_audio(self) -> bool: ...

    def training(self, plan: sampling.Plan, start: int, fill: bool) -> tf.data.Dataset:
        """An epoch from a draw on, as pipeline.training_batches gives it."""

    def validation(self, fill: bool) -> tf.data.Dataset:
        """All chunks of the validation tracks of this process, as pipeline.evaluation_batches gives them."""

    def num_validation_chunks(self) -> int:
        """How many those are here, if all tracks can be read."""


@dataclasses.dataclass(frozen=True)
class AudioInputs:
    """Chunks, read from the files in every epoch.

    Attributes:
      tracks: what is trained and validated on.
      chunk: what the network takes.
      settings: batch size and chunks per validation track.
      share: what this process reads of every batch, and of the validation tracks.
    """

    tracks: Splits
    chunk: pipeline.ChunkFormat
    settings: Settings
    share: Share = WHOLE
    reads_audio = True

    def training(self, plan: sampling.Plan, start: int, fill: bool) -> tf.data.Dataset:
        if self.share != WHOLE:
            how = (self.settings.batch_size, self.share, start)
            return shared_batches.training_batches(self.tracks.training, plan, self.chunk, *how)
        return pipeline.training_batches(self.tracks.training, plan, self.chunk, self.settings.batch_size, start, fill)

    def validation(self, fill: bool) -> tf.data.Dataset:
        how = (self.settings.validation_chunks, self.settings.batch_size, fill, self.share)
        return pipeline.evaluation_batches(self.tracks.validation, self.chunk, *how)

    def num_validation_chunks(self) -> int:
        num_tracks = len(self.share.of_tracks(len(self.tracks.validation)))
        return self.chunk.num_chunks(self.settings.validation_chunks) * num_tracks


@dataclasses.dataclass(frozen=True)
class EmbeddedInputs:
    """Embeddings, which are in memory.

    Attributes:
      tracks: what is trained and validated on.
      training_embeddings, validation_embeddings: of these tracks.
      settings: batch size.
    """

    tracks: Splits
    training_embeddings: embeddings.Embeddings
    validation_embeddings: embeddings.Embeddings
    settings: Settings
    reads_audio = False

    def training(self, plan: sampling.Plan, start: int, fill: bool) -> tf.data.Dataset:
        targets = self.tracks.training.targets
        return self.training_embeddings.training_batches(targets, plan, self.settings.batch_size, start, fill)

    def validation(self, fill: bool) -> tf.data.Dataset:
        return self.validation_embeddings.evaluation_batches(SCORED_AT_ONCE, fill)

    def num_validation_chunks(self) -> int:
        return len(self.validation_embeddings.values)
