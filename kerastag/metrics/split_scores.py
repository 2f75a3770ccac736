"""Scores of a split's tracks beside their labels: what a run keeps, what is measured, compared and combined."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from kerastag import errors, tags
from kerastag.names import printable

TrackIdentity = tuple[str, str, str]  # its id, its artist's and its path, as the split file has them


@dataclasses.dataclass(frozen=True)
class SplitScores:
    """Scores and labels of the same tracks in the same order.

    Attributes:
      scores: any finite numbers, higher for likelier tags, (num_tracks, num_tags).
      labels: 0 or 1, likewise.
      vocabulary: the tags in column order.
      tracks: the track of each row; None: not known.
      class_counts: training tracks with each tag, int64 (num_tags,); None: not known.
      name: what to call them in a message: a folder or a file.
    """

    scores: np.ndarray
    labels: np.ndarray
    vocabulary: tags.Vocabulary
    tracks: Sequence[TrackIdentity] | None = None
    class_counts: np.ndarray | None = None
    name: str = "the scores"

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def artists(self) -> list[str] | None:
        """The artist's id of each track, empty where the split file names none; None: not known."""
        return None if self.tracks is None else [artist for _, artist, _ in self.tracks]

    def check_same_tracks(self, other: "SplitScores") -> None:
        """Checks that a row and a column of `other` are about the same track and tag as here.

        Raises:
          KerastagError: they are not, and figures of the two cannot be paired.
        """
        advice = "scores of the same tracks in the same order can be paired, no others"
        if other.vocabulary.names != self.vocabulary.names:
            difference = tags.difference(other.vocabulary.names, self.vocabulary.names)
            raise errors.KerastagError(f"{other.name}: {difference} in {self.name}; {advice}")
        if len(other) != len(self):
            raise errors.KerastagError(f"{other.name}: {len(other)} tracks, but {len(self)} in {self.name}; {advice}")
        for row, (theirs, ours) in enumerate(zip(other.tracks or (), self.tracks or (), strict=False)):
            if theirs != ours:
                pair = f"track {row + 1} is {_shown(theirs)}, but {_shown(ours)} in {self.name}"
                raise errors.KerastagError(f"{other.name}: {pair}; {advice}")
        if not np.array_equal(other.labels, self.labels):
            row, column = np.argwhere(np.asarray(other.labels) != np.asarray(self.labels))[0]
            where = f"track {row + 1}, tag {self.vocabulary.short_names[column]!r}"
            raise errors.KerastagError(f"{other.name}: other labels than {self.name} ({where}); {advice}")


def _shown(track: TrackIdentity) -> str:
    return repr(printable(track[0] or track[2]))
