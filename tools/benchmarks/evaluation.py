#!/usr/bin/env python3
"""Times metrics and bootstrap intervals against the loop over scikit-learn that they replace.

    tools/benchmark_evaluation [--num_tracks=4231] [--num_tags=56] [--num_resamples=1000]

Labels and scores are random, as sparse as MTG-Jamendo's mood and theme tags. Everything runs on one core. The loop
takes minutes, so it is run on a few of the resamples, which are also those on which both must give the same figures.
"""

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"  # before NumPy starts

import pathlib  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable  # noqa: E402
from typing import Any  # noqa: E402

import numpy as np  # noqa: E402
from absl import flags  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))  # the package of this checkout

from kerastag import cli, errors, metrics
from kerastag.cli import options
from kerastag.metrics import intervals, resampling, weighted  # noqa: E402

TOLERANCE = 1e-12

FLAGS = flags.FlagValues()
options.positive(FLAGS, "num_tracks", 4231, "Tracks, as many as MTG-Jamendo's mood and theme test split.")
options.positive(FLAGS, "num_tags", 56, "Tags.")
options.positive(FLAGS, "num_artists", 320, "Artists, drawn as a whole.")
options.positive(FLAGS, "num_resamples", 1000, "Bootstrap resamples.")
options.positive(FLAGS, "num_loops", 5, "Resamples on which the loop over scikit-learn is run.")


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Prints times and the largest difference; exit status 1 if that is not small."""
    labels, scores, artists = material(values.num_tracks, values.num_tags, values.num_artists)
    names = [str(n) for n in range(values.num_tags)]
    clusters = resampling.by_artist(artists)
    weights = resampling.resamples(clusters.ids, values.num_resamples)
    print(f"{values.num_tracks} tracks, {values.num_tags} tags, {len(clusters)} artists, one core; processor seconds")

    _, seconds = timed(lambda: metrics.evaluate(labels, scores, names))
    print(f"all figures of metrics.evaluate                 {seconds:9.3f} s")
    areas, ours = timed(lambda: weighted.areas_by_tag(labels, scores, weights))
    print(f"both macro figures, {values.num_resamples} resamples           {ours:9.3f} s")
    _, seconds = timed(lambda: intervals.sample_figures(labels, scores, weights))
    print(f"micro and label ranking as well                 {seconds:9.3f} s")
    expected, theirs = timed(lambda: scikit_learn_loop(labels, scores, weights[: values.num_loops]))
    theirs *= values.num_resamples / min(values.num_loops, values.num_resamples)
    print(f"loop over scikit-learn (from {values.num_loops} resamples)        {theirs:9.1f} s")
    print(f"ratio                                           {theirs / ours:9.0f}")
    macro = intervals.mean_defined(areas)[:, : values.num_loops]
    difference = float(np.abs(macro - intervals.mean_defined(expected)).max())
    print(f"largest difference of a macro figure            {difference:9.1e}")
    if not difference <= TOLERANCE:
        raise errors.KerastagError(f"figures differ by {difference:g}, more than {TOLERANCE:g}")
    return 0


def material(num_tracks: int, num_tags: int, num_artists: int) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Labels with shares from 10 to 0.5 %, scores that know something of them, and artists of uneven size."""
    rng = np.random.default_rng(0)
    labels = rng.random((num_tracks, num_tags)) < np.geomspace(0.1, 0.005, num_tags)
    logits = rng.normal(size=labels.shape) + labels
    artists = np.minimum(rng.geometric(3 / num_artists, num_tracks), num_artists)
    return labels, (1 / (1 + np.exp(-logits))).astype(np.float32), [str(n) for n in artists]


def scikit_learn_loop(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Both areas of every tag by resample, (2, num_resamples, num_tags), as anybody would write it."""
    from sklearn import metrics as reference

    found = np.full((2, len(weights), labels.shape[1]), np.nan)
    for number, row in enumerate(weights):
        rows = np.repeat(np.arange(len(labels)), row)
        for tag in np.flatnonzero(labels[rows].any(axis=0)):
            found[0, number, tag] = reference.average_precision_score(labels[rows, tag], scores[rows, tag])
            found[1, number, tag] = reference.roc_auc_score(labels[rows, tag], scores[rows, tag])
    return found


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """The result and the processor seconds."""
    before = time.process_time()
    return work(), time.process_time() - before


COMMAND = cli.Command("tools/benchmark_evaluation", "times metrics against scikit-learn", FLAGS, main)

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
