"""Tracks that sound like one, by the cosine between embeddings."""

import numpy as np

from kerastag import errors

SAME = 1e-6  # cosine distance below which two embeddings are those of one recording


def nearest(embeddings: np.ndarray, seed: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    """The nearest embeddings, exactly; one without a direction, zero or not finite, is near to nothing and left out.

    Args:
      embeddings: float32 (num_files, width).
      seed: (width,), that they are to be near to.
      length: how many at most.

    Returns:
      rows, (n,), nearest first and of those that are equally near the earlier one first; their cosines with the seed,
      float32 (n,).
    """
    from sklearn.neighbors import NearestNeighbors

    squares = np.einsum("ij,ij->i", embeddings, embeddings)
    has_direction = np.isfinite(squares) & (squares > 0)
    if not has_direction.all():
        kept = np.flatnonzero(has_direction)
        rows, cosines = nearest(embeddings[kept], seed, length)
        return kept[rows], cosines
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
        directions = np.empty((0, embeddings.shape[1]), embeddings.dtype)
        for place in np.flatnonzero(1 - cosines >= SAME).tolist():
            direction = embeddings[rows[place]] / np.linalg.norm(embeddings[rows[place]])
            if (1 - directions @ direction >= SAME).all():
                kept.append(place)
                directions = np.concatenate([directions, direction[np.newaxis]])
            if len(kept) == length:
                break
        if len(kept) == length or wanted >= len(embeddings):
            return rows[kept], cosines[kept]
        wanted = min(2 * wanted, len(embeddings))


def check(embedding: np.ndarray, name: str) -> None:
    """Checks that an embedding has a direction.

    Raises:
      KerastagError: it is zero, or not finite.
    """
    norm = float(np.linalg.norm(embedding))
    if not np.isfinite(norm) or norm == 0:
        raise errors.KerastagError(f"{name}: its embedding has no direction, so that nothing is similar to it")
