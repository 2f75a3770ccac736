"""Tracks scored by actors on a Ray cluster, which keep one model each.

Parts are of as many tracks as a batch has chunks, or of a multiple. So, where a network hears equally many chunks of
every track, each part fills its batches as one process that scores all tracks would, and the scores are the same to the
last bit on the same kind of processor. Batches are filled otherwise behind a track that cannot be read, unless the
chunks of a track are a multiple of the batch size, and where tracks are heard whole; then scores differ by the
network's rounding.
"""

import dataclasses
import functools
import os
from collections.abc import Sequence

import numpy as np

from kerastag import audio, progress, ray_actors
from kerastag.data import track_files
from kerastag.inference import tagger, track_scores


class Actor:
    """What runs in a process of Ray's; the model is loaded with the first tracks, and stays.

    Args:
      how: the model, and how tracks are read and computed.
      num_tracks: that all actors score together, which decides whether compiling pays.
    """

    def __init__(self, how: track_scores.How, num_tracks: int):
        self._how, self._num_tracks = how, num_tracks

    @functools.cached_property
    def _model(self) -> tagger.Tagger:
        return track_scores.load(self._how)

    def do(self, lookups: Sequence[track_files.Lookup]) -> track_scores.Scored:
        """Scores tracks."""
        model = self._model  # starts TensorFlow, which is imported next
        from kerastag.data import pipeline

        try:
            return track_scores.of(model, pipeline.Tracks(lookups), self._how.reading, num_tracks=self._num_tracks)
        finally:
            audio.forget_files()


def score(
    how: track_scores.How, lookups: Sequence[track_files.Lookup], skip_unreadable: bool, cluster: ray_actors.Cluster
) -> track_scores.Scored:
    """See track_scores.score; model and music must be under the same names on every machine.

    Raises:
      KerastagError: as track_scores.score, and see ray_actors.each_part.
    """
    sent = [dataclasses.replace(lookup, folder=os.path.abspath(lookup.folder)) for lookup in lookups]
    arguments = (dataclasses.replace(how, model=os.path.abspath(how.model)), len(lookups))
    done: dict[int, track_scores.Scored] = {}
    with progress.Lines(len(lookups), f"scoring {len(lookups)} tracks", "tracks") as bar:
        for part, scored in ray_actors.each_part(cluster, Actor, arguments, sent, how.reading.batch_size):
            done[part.start] = _as_given(scored, lookups[part.start : part.stop])
            if not skip_unreadable and done[part.start].unreadable:
                raise track_scores.unreadable(done[part.start].unreadable)
            bar.advance(len(part))
    in_order = sorted(done.items())
    return track_scores.Scored(
        np.concatenate([scored.scores for _, scored in in_order]),
        {start + row: reason for start, scored in in_order for row, reason in scored.unreadable.items()},
        {path: account for _, scored in in_order for path, account in scored.heard_in_part.items()},
    )


def _as_given(scored: track_scores.Scored, lookups: Sequence[track_files.Lookup]) -> track_scores.Scored:
    """The same with files as the user named them."""
    folders = {lookup.folder for lookup in lookups}
    reasons = {row: ray_actors.as_given(reason, *folders) for row, reason in scored.unreadable.items()}
    heard = {ray_actors.as_given(path, *folders): account for path, account in scored.heard_in_part.items()}
    return track_scores.Scored(scored.scores, reasons, heard)
