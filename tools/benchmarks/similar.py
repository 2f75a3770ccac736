"""Times the search for similar tracks in a large collection beside a plain product of matrices.

    python -m tools.benchmarks.similar [--num_tracks=100000] [--width=256]

Both give the same list, which is checked. The peer is the raw cost of the work, embeddings scaled to length 1 before.
"""

import sys
import time
from collections.abc import Callable

import numpy as np
from absl import flags

from kerastag import cli, errors
from kerastag.cli import options
from kerastag.library import similar
from tools.benchmarks import machine

FLAGS = flags.FlagValues()
options.positive(FLAGS, "num_tracks", 100_000, "Tracks of the collection.")
options.positive(FLAGS, "width", 256, "Numbers in an embedding.")
options.positive(FLAGS, "length", 25, "Tracks of a list.")
options.positive(FLAGS, "num_runs", 5, "Queries whose median is taken.")


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Prints a line for each way."""
    print(machine.describe())
    rng = np.random.default_rng(0)
    embeddings = rng.normal(size=(values.num_tracks, values.width)).astype(np.float32)
    directions = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    seeds = rng.normal(size=(values.num_runs + 1, values.width)).astype(np.float32)

    def peer(seed: np.ndarray) -> np.ndarray:
        cosines = directions @ (seed / np.linalg.norm(seed))
        best = np.argpartition(-cosines, values.length)[: values.length]
        return best[np.argsort(-cosines[best])]

    def ours(seed: np.ndarray) -> np.ndarray:
        return similar.distinct(embeddings, seed, values.length)[0]

    for seed in seeds:
        if not np.array_equal(peer(seed), ours(seed)):
            raise errors.KerastagError("the two lists differ")
    print(f"\nthe nearest {values.length} of {values.num_tracks} tracks, {values.num_runs} queries")
    raw, own = median(peer, seeds), median(ours, seeds)
    print(f"{'product and partition':<28} {1000 * raw:>8.1f} ms")
    print(f"{'kerastag.library.similar':<28} {1000 * own:>8.1f} ms  {own / raw:>6.1f} times as long")
    return 0


def median(function: Callable[[np.ndarray], np.ndarray], seeds: np.ndarray) -> float:
    """Median seconds over queries; the first one is not timed."""
    times = []
    for seed in seeds:
        started = time.perf_counter()
        function(seed)
        times.append(time.perf_counter() - started)
    return float(np.median(times[1:]))


COMMAND = cli.Command("python -m tools.benchmarks.similar", "time the search for similar tracks", FLAGS, main)

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
