"""The part of every batch, and of the tracks to be scored, that one of several processes reads."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Share:
    """The part of one process.

    Attributes:
      index: which, from 0.
      count: how many parts there are.
    """

    index: int = 0
    count: int = 1

    def size(self, batch_size: int) -> int:
        """Rows of each part of a batch, which must come out even."""
        return batch_size // self.count

    def first_row(self, batch_size: int) -> int:
        """The row of the whole batch that this part begins with."""
        return self.index * self.size(batch_size)

    def rows(self, batch_size: int) -> np.ndarray:
        """The rows of this part in the whole batch, int64."""
        return self.first_row(batch_size) + np.arange(self.size(batch_size))

    def of_tracks(self, num_tracks: int) -> np.ndarray:
        """The rows of tracks that this part scores, (r,) int64."""
        return np.arange(self.index, num_tracks, self.count)


WHOLE = Share()
