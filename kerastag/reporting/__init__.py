"""One self-contained HTML file from runs: to read, to print, to send to a colleague."""

import os
import pathlib
from collections.abc import Sequence

from kerastag import files
from kerastag.metrics import resampling
from kerastag.reporting import gathering, measuring, page
from kerastag.runs import ensemble_folder


def write(
    folders: Sequence[str | os.PathLike[str]],
    path: str | os.PathLike[str],
    split: str | None = None,
    num_resamples: int = resampling.NUM_RESAMPLES,
    seed: int = 0,
    title: str | None = None,
) -> pathlib.Path:
    """Writes a report, whole or not at all; the same runs give the same bytes.

    Args:
      folders: folders of runs or ensembles that keep predictions.
      path: path of the HTML file.
      split: whose predictions are measured; None: test if all have them, else validation.
      num_resamples, seed: number of resamples and random seed of the bootstrap behind intervals and comparisons.
      title: title of the page; None: the names of the runs.

    Raises:
      KerastagError: a folder is no run, or has no predictions of the split.
    """
    runs = gathering.gather([ensemble_folder.existing(folder) for folder in folders], split)
    measured = measuring.measure(runs, num_resamples, seed)
    files.write_text(path, page.html(measured, title))
    return pathlib.Path(path)
