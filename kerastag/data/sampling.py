"""Which tracks an epoch visits, in which order, and where each chunk is cut: a function of the seed and the epoch."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Plan:
    """The draws of one epoch.

    Attributes:
      tracks: (num_draws,) int64, rows of the training split.
      fractions: (num_draws,) float64 in [0, 1), where in the track the chunk starts.
    """

    tracks: np.ndarray
    fractions: np.ndarray

    def __len__(self) -> int:
        return len(self.tracks)


def shuffled(num_tracks: int, seed: int, epoch: int) -> Plan:
    """Every track once in a new order, with one random chunk of each."""
    generator = np.random.default_rng([seed, epoch])
    return Plan(generator.permutation(num_tracks), generator.random(num_tracks))
