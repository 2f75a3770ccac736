"""Tracks that sound like one, by the cosine between embeddings."""

import numpy as np

from kerastag import errors

SAME = 1e-6  # cosine distance below which two embeddings are those of one recording


def nearest(embeddings: np.ndarray, seed: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    """The nearest embeddings, exactly.

    Args:
      embeddings: float32 (num_files, width).
      seed: (width,), that they are to be near to.
      length: how many at most.

    Returns:
      rows, (n,), nearest first and of those that are equally near the earlier one first; their cosines with the seed,
      float32 (n,).
    """
    from sklearn.neighbors import NearestNeighbors

    count = min(length, len(embeddings))
    if not count:
        return np.zeros(0, np.int64), np.zeros(0, np.float32)
    neighbours = NearestNeighbors(n_neighbors=count, metric="cosine", algorithm="brute").fit(embeddings)
    distances, rows = neighbours.kneighbors(np.asarray(seed, embeddings.dtype)[np.newaxis])
    order = np.lexsort((rows[0], distances[0]))
    return rows[0][order], (1 - distances[0][order]).astype(np.float32)


def distinct(embeddings: np.ndarray, seed: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    """`nearest`, but of several with one embedding, such as copies of a file, the first alone, none with the seed's.

    Args:
      embeddings, seed, length: as of `nearest`.
    """
    wanted = length
    while True:
        rows, cosines = nearest(embeddings, seed, wanted)
        kept: list[int] = []
        for place, row in enumerate(rows):
            if 1 - cosines[place] < SAME:
                continue
            if not any(_is_same(embeddings[row], embeddings[rows[other]]) for other in kept):
                kept.append(place)
        if len(kept) >= length or len(rows) == len(embeddings):
            return rows[kept[:length]], cosines[kept[:length]]
        wanted = min(2 * wanted, len(embeddings))


def check(embedding: np.ndarray, name: str) -> None:
    """Checks that an embedding has a direction.

    Raises:
      KerastagError: it is zero, or not finite.
    """
    norm = float(np.linalg.norm(embedding))
    if not np.isfinite(norm) or norm == 0:
        raise errors.KerastagError(f"{name}: its embedding has no direction, so that nothing is similar to it")


def _is_same(one: np.ndarray, other: np.ndarray) -> bool:
    norms = float(np.linalg.norm(one) * np.linalg.norm(other))
    return bool(norms) and 1 - float(one @ other) / norms < SAME
