"""All pictures of an evaluation, in a folder."""

import os
import pathlib
from collections.abc import Mapping
from typing import Any

from kerastag import split_scores
from kerastag.metrics import assessment, plots


def draw(
    folder: str | os.PathLike[str],
    measured: split_scores.SplitScores,
    found: assessment.Assessment,
    compared: Mapping[str, Any] | None,
    bounds: tuple[int, int],
) -> None:
    """Draws what there is material for.

    Args:
      folder: for the PNGs.
      measured: what was assessed.
      found: the assessment.
      compared: what comparison.compare returned, or None.
      bounds: head_over and tail_at_most.
    """
    place, labels, scores = pathlib.Path(folder), measured.labels.astype(bool), measured.scores
    tag_names, class_counts = measured.vocabulary.names, measured.class_counts
    plots.pr_curves(place / "pr_curves.png", labels, scores, tag_names)
    if class_counts is not None and "intervals" in found.figures:
        plots.pr_auc_by_frequency(place / "pr_auc_by_frequency.png", found.figures, class_counts, *bounds)
    if found.decided is not None:
        plots.confusion(place / "confusion.png", labels, found.decided, tag_names)
    if found.calibrator is not None:
        after, how = found.calibrator.apply(scores), f"{found.calibrator.method}, fitted on validation"
        plots.reliability_diagram(place / "reliability.png", labels, scores, after, how)
    for number in range(len(compared["pairs"]) if compared else 0):
        plots.differences(place / f"differences_{number + 1}.png", compared or {}, number)
