"""Which tracks an epoch visits, in which order, and where chunks are cut: functions of seed and epoch."""

import dataclasses
import math

import numpy as np

from kerastag import errors

BLOCK = 3  # tracks that one turn of a tag draws
REDUCTION = 4  # an epoch has a quarter of the draws that would give every tag those of the commonest one
_CIRCLE, _ORDER, _TRACKS, _FRACTIONS = range(1, 5)  # keep the random streams of one seed apart


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


def class_aware(labels: np.ndarray, seed: int, epoch: int) -> Plan:
    """Tags take turns in shuffled cycles; each turn visits BLOCK tracks of its tag, in shuffled cycles too.

    Class-aware sampling after Shen et al. 2016, arXiv:1512.05830, as Wu et al. 2020, arXiv:2007.09654, use
    it: max(n_c) * N / REDUCTION draws an epoch, rounded up to whole blocks, where N is the number of tags
    that have tracks and n_c their counts. All cycles go on from epoch to epoch, and yet nothing is replayed:
    a tag has one block in every cycle of tags, so the cycle's number tells where its cycle of tracks stands.
    Where a border between epochs cuts a cycle of tags, a circle of tags drawn once per seed says which tags
    come before it, so that the blocks of two tags never differ by more than one within an epoch.

    Args:
      labels: (num_tracks, num_tags), above 0 where the track has the tag.
      seed: random seed.
      epoch: from 0.

    Returns:
      A plan in which draws BLOCK * b to BLOCK * b + BLOCK - 1 are block b, of one tag.

    Raises:
      KerastagError: no track has a tag.
    """
    labels = np.asarray(labels) > 0
    counts = np.count_nonzero(labels, axis=0)
    num_blocks = num_class_aware_blocks(counts)
    cycles, driving_tags = _turns(np.flatnonzero(counts), num_blocks, seed, epoch)
    tracks = np.empty((num_blocks, BLOCK), np.int64)
    for tag in np.unique(driving_tags):
        blocks = np.flatnonzero(driving_tags == tag)
        rows = np.flatnonzero(labels[:, tag])
        tracks[blocks] = _visits(rows, cycles[blocks[0]], len(blocks), [seed, tag, _TRACKS])
    fractions = np.random.default_rng([seed, epoch, _FRACTIONS]).random(tracks.size)
    return Plan(tracks.ravel(), fractions)


def num_class_aware_blocks(class_counts: np.ndarray) -> int:
    """The least number of blocks with max(n_c) * N / REDUCTION draws or more; N tags have tracks.

    Args:
      class_counts: tracks with each tag, (num_tags,).

    Raises:
      KerastagError: all counts are 0.
    """
    num_tags = np.count_nonzero(class_counts)
    if not num_tags:
        raise errors.KerastagError("class-aware sampling: no track has a tag")
    return math.ceil(int(np.max(class_counts)) * num_tags / (REDUCTION * BLOCK))


def _turns(tags: np.ndarray, num_blocks: int, seed: int, epoch: int) -> tuple[np.ndarray, np.ndarray]:
    """An epoch's blocks, (num_blocks,) each: the number of the cycle of tags, and the tag.

    Block b of all, over all epochs, belongs to cycle b // N. Which tags an epoch takes of a cycle that it
    shares with another is read off the circle; their order within each cycle is the epoch's own.
    """
    blocks = np.arange(epoch * num_blocks, (epoch + 1) * num_blocks)
    circle = np.random.default_rng([seed, 0, _CIRCLE]).permutation(tags)
    cycles = blocks // len(tags)
    order = np.lexsort((np.random.default_rng([seed, epoch, _ORDER]).random(num_blocks), cycles))
    return cycles, circle[blocks % len(tags)][order]


def _visits(rows: np.ndarray, first_block: int, num_blocks: int, entropy: list[int]) -> np.ndarray:
    """Blocks `first_block` and on of one tag's endless cycles of tracks: (num_blocks, BLOCK).

    Each cycle is the order of len(rows) random numbers; PCG64 takes one step a number, and can jump.
    """
    first_draw = BLOCK * int(first_block)
    cycle, offset = divmod(first_draw, len(rows))
    num_cycles = math.ceil((offset + BLOCK * num_blocks) / len(rows))
    bits = np.random.PCG64(entropy).advance(cycle * len(rows))
    orders = np.random.Generator(bits).random((num_cycles, len(rows))).argsort(axis=1)
    return rows[orders.ravel()[offset : offset + BLOCK * num_blocks]].reshape(num_blocks, BLOCK)
