"""Scores of the tracks of a dataset by a run or an ensemble of runs, in this process."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from kerastag import audio, errors, progress
from kerastag.audio import tfio_decoder
from kerastag.computing import AUTOMATIC, Computing
from kerastag.data import track_files
from kerastag.data.reading import Reading
from kerastag.inference import opening, passes, tagger

if TYPE_CHECKING:
    from kerastag.data import pipeline


@dataclasses.dataclass(frozen=True)
class How:
    """Who scores, and in which way, in values that can be sent to another process.

    Attributes:
      model: the folder of the run or the ensemble.
      reading: how tracks are read.
      computing: how the networks are computed.
      verbosity: above 0 shows TensorFlow's own log.
    """

    model: str
    reading: Reading
    computing: Computing = AUTOMATIC
    verbosity: int = 0


@dataclasses.dataclass(frozen=True)
class Scored:
    """What a model says of tracks.

    Attributes:
      scores: float32 (num_tracks, num_tags), NaN for a track that cannot be read.
      unreadable: by row, why a track could not be read.
      heard_in_part: accounts of tracks of which some of the music is missing, by path.
    """

    scores: np.ndarray
    unreadable: dict[int, str]
    heard_in_part: dict[str, audio.Account]


def load(how: How) -> tagger.Tagger:
    """The model with its networks; starts TensorFlow.

    Raises:
      KerastagError: there is no model, or the decoder is not installed.
    """
    computing = how.computing
    model = opening.load(how.model, computing.precision, how.verbosity, xla=computing.xla, tf32=computing.tf32)
    if how.reading.decoder == "tfio":
        tfio_decoder.require()
    return model


def score(how: How, lookups: Sequence[track_files.Lookup], skip_unreadable: bool) -> Scored:
    """Scores tracks, with a bar.

    Raises:
      KerastagError: the model cannot be loaded; a track cannot be read, unless those are to be skipped.
    """
    model = load(how)
    from kerastag.data import pipeline

    tracks = pipeline.Tracks(lookups)
    num_chunks = len(tracks) * model.num_chunks(how.reading.num_chunks)
    with progress.Bar(num_chunks, f"scoring {len(tracks)} tracks", "chunks") as bar:

        def on_chunks(rows: np.ndarray) -> None:
            bar.advance(len(rows))
            if tracks.unreadable and not skip_unreadable:
                raise unreadable(tracks.unreadable)

        scored = of(model, tracks, how.reading, on_chunks)
        if 0 < len(scored.unreadable) < len(tracks):
            on_chunks(np.zeros(0, np.int64))
    return scored


def of(
    model: tagger.Tagger,
    tracks: "pipeline.Tracks",
    reading: Reading,
    on_chunks: passes.OnChunks = lambda rows: None,
    num_tracks: int | None = None,
) -> Scored:
    """What a model says of tracks; `on_chunks` and `num_tracks` as of tagger.Tagger.score_tracks."""
    scores, reasons = model.score_tracks(tracks, reading, on_chunks, num_tracks)
    return Scored(scores, reasons, {tracks.path(row): account for row, account in tracks.heard_in_part().items()})


def unreadable(reasons: dict[int, str]) -> errors.KerastagError:
    """The error for a track that cannot be read."""
    return errors.KerastagError(next(iter(reasons.values())), "skip_unreadable")
