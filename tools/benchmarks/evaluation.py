"""Times metrics and bootstrap intervals against the loop over scikit-learn that they replace.

    python -m tools.benchmarks.evaluation [--num_tracks=4231] [--num_tags=56] [--num_resamples=1000]

Labels and scores are random, as sparse as MTG-Jamendo's mood and theme tags. Everything runs on one core. The loop
takes minutes, so it is run on a few of the resamples, which are also those on which both must give the same figures.
"""

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from absl import flags

from kerastag import cli, errors, metrics
from kerastag.cli import options
from kerastag.metrics import intervals, resampling, weighted
from tools.benchmarks import processes

TOLERANCE = 1e-12
ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}

FLAGS = flags.FlagValues()
options.positive(FLAGS, "num_tracks", 4231, "Tracks, as many as MTG-Jamendo's mood and theme test split.")
options.positive(FLAGS, "num_tags", 56, "Tags.")
options.positive(FLAGS, "num_artists", 320, "Artists, drawn as a whole.")
options.positive(FLAGS, "num_resamples", 1000, "Bootstrap resamples.")
options.positive(FLAGS, "num_loops", 5, "Resamples on which the loop over scikit-learn is run.")


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Prints times and the largest difference; exit status 1 if that is not small."""
    sizes = (values.num_tracks, values.num_tags, values.num_artists, values.num_resamples, values.num_loops)
    difference = processes.alone(compare, *sizes, environment=ONE_THREAD)  # NumPy reads them when it is imported
    if not difference <= TOLERANCE:
        raise errors.KerastagError(f"figures differ by {difference:g}, more than {TOLERANCE:g}")
    return 0


def compare(num_tracks: int, num_tags: int, num_artists: int, num_resamples: int, num_loops: int) -> float:
    """Prints times; the largest difference between a macro figure and that of the loop, over `num_loops` resamples."""
    labels, scores, artists = random_split(num_tracks, num_tags, num_artists)
    names = [str(n) for n in range(num_tags)]
    clusters = resampling.by_artist(artists)
    weights = resampling.resamples(clusters.ids, num_resamples)
    print(f"{num_tracks} tracks, {num_tags} tags, {len(clusters)} artists, one core; processor seconds")

    _, seconds = timed(lambda: metrics.evaluate(labels, scores, names))
    print(f"all figures of metrics.evaluate                 {seconds:9.3f} s")
    areas, ours = timed(lambda: weighted.areas_by_tag(labels, scores, weights))
    print(f"both macro figures, {num_resamples} resamples           {ours:9.3f} s")
    _, seconds = timed(lambda: intervals.sample_figures(labels, scores, weights))
    print(f"micro and label ranking as well                 {seconds:9.3f} s")
    expected, theirs = timed(lambda: scikit_learn_loop(labels, scores, weights[:num_loops]))
    theirs *= num_resamples / min(num_loops, num_resamples)
    print(f"loop over scikit-learn (from {num_loops} resamples)        {theirs:9.1f} s")
    print(f"ratio                                           {theirs / ours:9.0f}")
    macro = intervals.mean_defined(areas)[:, :num_loops]
    difference = float(np.abs(macro - intervals.mean_defined(expected)).max())
    print(f"largest difference of a macro figure            {difference:9.1e}", flush=True)
    return difference


def random_split(num_tracks: int, num_tags: int, num_artists: int) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Labels with shares from 10 to 0.5 %, scores that correlate with them, and artists of uneven size."""
    rng = np.random.default_rng(0)
    labels = rng.random((num_tracks, num_tags)) < np.geomspace(0.1, 0.005, num_tags)
    logits = rng.normal(size=labels.shape) + labels
    artists = np.minimum(rng.geometric(3 / num_artists, num_tracks), num_artists)
    return labels, (1 / (1 + np.exp(-logits))).astype(np.float32), [str(n) for n in artists]


def scikit_learn_loop(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Both areas of every tag by resample, (2, num_resamples, num_tags), as anybody would write it."""
    from sklearn import metrics as reference

    areas = np.full((2, len(weights), labels.shape[1]), np.nan)
    for number, counts in enumerate(weights):
        tracks = np.repeat(np.arange(len(labels)), counts)
        for tag in np.flatnonzero(labels[tracks].any(axis=0)):
            areas[0, number, tag] = reference.average_precision_score(labels[tracks, tag], scores[tracks, tag])
            areas[1, number, tag] = reference.roc_auc_score(labels[tracks, tag], scores[tracks, tag])
    return areas


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """The result and the processor seconds."""
    started = time.process_time()
    return work(), time.process_time() - started


COMMAND = cli.Command("python -m tools.benchmarks.evaluation", "times metrics against scikit-learn", FLAGS, main)

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
