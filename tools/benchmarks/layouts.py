"""Times ways to lay out the map of a large collection, and how much of each track's neighbourhood they keep.

    python -m tools.benchmarks.layouts [--num_tracks=20000]

The embeddings are made: groups of groups that overlap, through a random network. The figure is scikit-learn's
trustworthiness over a sample, 1 where all neighbours on the map are neighbours in the embedding.
"""

import sys
import time
from collections.abc import Callable

import numpy as np
from absl import flags

from kerastag import cli
from kerastag.cli import options
from kerastag.library.mapping import layout
from tools.benchmarks import machine

SAMPLES = (1000, 3000, 5000)
WIDTH, NUM_LATENTS, NUM_HIDDEN = 256, 10, 128

FLAGS = flags.FlagValues()
options.positive(FLAGS, "num_tracks", 20_000, "Tracks of the collection.")
options.positive(FLAGS, "num_judged", 3000, "Tracks over which trustworthiness is taken.")


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Prints a line for each way."""
    from sklearn.decomposition import PCA
    from sklearn.manifold import SpectralEmbedding, trustworthiness

    print(machine.describe())
    embeddings = made(values.num_tracks)
    directions = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    judged = np.random.default_rng(1).permutation(values.num_tracks)[: values.num_judged]
    spectral = SpectralEmbedding(2, affinity="nearest_neighbors", n_neighbors=15, random_state=0)
    ways: dict[str, Callable[[], np.ndarray]] = {"two principal components": lambda: PCA(2).fit_transform(directions)}
    for sample in SAMPLES:
        ways[f"t-SNE of {sample}, others beside"] = lambda sample=sample: sampled(embeddings, sample)
    ways["spectral embedding"] = lambda: spectral.fit_transform(directions)
    print(f"\n{values.num_tracks} tracks; trustworthiness with 10 neighbours")
    for name, way in ways.items():
        started = time.perf_counter()
        places = way()
        seconds = time.perf_counter() - started
        kept = trustworthiness(directions[judged], places[judged], n_neighbors=10)
        print(f"{name:<30} {seconds:>7.1f} s {kept:>7.3f}", flush=True)
    return 0


def made(num_tracks: int) -> np.ndarray:
    """Embeddings of tracks in 60 groups that overlap, in 6 larger ones: float32 (num_tracks, WIDTH)."""
    rng = np.random.default_rng(0)
    large = 1.6 * rng.normal(size=(6, NUM_LATENTS))
    centres = large[rng.integers(0, 6, 60)] + 0.8 * rng.normal(size=(60, NUM_LATENTS))
    latents = centres[rng.integers(0, 60, num_tracks)] + 0.7 * rng.normal(size=(num_tracks, NUM_LATENTS))
    hidden = np.maximum(latents @ rng.normal(size=(NUM_LATENTS, NUM_HIDDEN)) / 3, 0)
    seen = np.maximum(hidden @ rng.normal(size=(NUM_HIDDEN, WIDTH)) / 11, 0)
    return (seen + 0.02 * rng.normal(size=seen.shape)).astype(np.float32)


def sampled(embeddings: np.ndarray, sample: int) -> np.ndarray:
    """The map's own layout with another number of tracks that t-SNE places."""
    usual, layout.SAMPLE = layout.SAMPLE, sample
    try:
        return layout.places(embeddings)
    finally:
        layout.SAMPLE = usual


COMMAND = cli.Command("python -m tools.benchmarks.layouts", "time and judge layouts of a map", FLAGS, main)

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
