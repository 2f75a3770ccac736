"""Embeddings to places on a map.

t-SNE (van der Maaten and Hinton 2008), by scikit-learn, keeps neighbours together, and its time grows faster than the
collection. So of a large one it places a sample, and every other track goes to the weighted mean of the places of its
nearest tracks in the sample.
"""

import numpy as np

SAMPLE = 3000  # tracks that t-SNE places
WIDTH = 50  # principal components that it sees
NEAREST = 5  # tracks of the sample that place another
SPREAD = 0.004  # of the map's width: so far tracks of one place lie apart


def places(embeddings: np.ndarray, seed: int = 0) -> np.ndarray:
    """Where tracks lie on a map.

    Args:
      embeddings: (num_tracks, width); their direction counts, not their length.
      seed: the same numbers give the same map, on one machine.

    Returns:
      float32 (num_tracks, 2), in [0, 1]; the longer side of the map is 1.
    """
    rng = np.random.default_rng(seed)
    directions = _directions(embeddings)
    order = rng.permutation(len(directions))
    sample = np.sort(order[:SAMPLE])
    flat = np.zeros((len(directions), 2))
    flat[sample] = _embedded(directions[sample], seed)
    others = np.sort(order[SAMPLE:])
    if len(others):
        flat[others] = _beside(directions[others], directions[sample], flat[sample])
    scaled = _scaled(flat)
    return np.clip(scaled + _apart(scaled, rng), 0, 1).astype(np.float32)


def neighbours(embeddings: np.ndarray, count: int) -> np.ndarray:
    """The rows of the most similar tracks of each, nearest first, int64 (num_tracks, n), n at most `count`."""
    from sklearn.neighbors import NearestNeighbors

    count = min(count, len(embeddings) - 1)
    if count < 1:
        return np.zeros((len(embeddings), 0), np.int64)
    # asked without directions, it leaves each track out of its own neighbours
    return (
        NearestNeighbors(n_neighbors=count, algorithm="brute")
        .fit(_directions(embeddings))
        .kneighbors(return_distance=False)
    )


def _directions(embeddings: np.ndarray) -> np.ndarray:
    """Embeddings of length 1, so that Euclid's distance goes with the cosine; zero where there is no direction."""
    norms = np.linalg.norm(embeddings, axis=1, keepdims=True)
    return np.divide(
        embeddings, norms, out=np.zeros(embeddings.shape, np.float32), where=np.isfinite(norms) & (norms > 0)
    )


def _embedded(directions: np.ndarray, seed: int) -> np.ndarray:
    """Two dimensions of a few thousand directions: (num_tracks, 2)."""
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    number = len(directions)
    if number < 3 or not np.ptp(directions, axis=0).any():
        return np.stack([np.arange(number), np.zeros(number)], axis=1)
    width = min(WIDTH, number, directions.shape[1])
    components = PCA(width, svd_solver="full").fit_transform(directions)
    if width < 2 or number < 5:
        return np.pad(components, ((0, 0), (0, 1)))[:, :2]
    perplexity = min(30.0, (number - 1) / 3)
    method = TSNE(2, perplexity=perplexity, init="pca", learning_rate="auto", random_state=seed)
    return np.asarray(method.fit_transform(components), np.float64)


def _beside(others: np.ndarray, sample: np.ndarray, flat: np.ndarray) -> np.ndarray:
    """Places of other directions, by the sample's nearest, near ones weighing more."""
    from sklearn.neighbors import NearestNeighbors

    nearest = NearestNeighbors(n_neighbors=NEAREST, algorithm="brute").fit(sample)
    distances, rows = nearest.kneighbors(others)
    weights = 1 / np.maximum(distances, 1e-6) ** 2
    weights /= weights.sum(axis=1, keepdims=True)
    return np.einsum("ij,ijk->ik", weights, flat[rows])


def _scaled(flat: np.ndarray) -> np.ndarray:
    """Into [0, 1], with a margin, the shape kept."""
    low, size = flat.min(axis=0), np.ptp(flat, axis=0)
    side = size.max() or 1.0
    return 0.02 + 0.96 * ((flat - low) / side + (1 - size / side) / 2)


def _apart(places: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Small steps for all but the first of tracks that would cover each other."""
    _, first, inverse = np.unique(np.round(places / SPREAD), axis=0, return_index=True, return_inverse=True)
    is_first = first[inverse.reshape(-1)] == np.arange(len(places))
    angles, radii = rng.uniform(0, 2 * np.pi, len(places)), SPREAD * np.sqrt(rng.uniform(0.3, 4, len(places)))
    steps = np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1)
    return np.where(is_first[:, None], 0, steps)
