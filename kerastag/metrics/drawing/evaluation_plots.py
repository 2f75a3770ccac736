"""All plots of an evaluation, in a folder."""

import os
import pathlib

from kerastag.metrics import assessment
from kerastag.metrics.drawing import plots
from kerastag.metrics.split_scores import SplitScores


def draw(
    folder: str | os.PathLike[str],
    measured: SplitScores,
    evaluation: assessment.Evaluation,
    bounds: tuple[int, int],
) -> None:
    """Draws what the evaluation has figures for.

    Args:
      folder: for the PNGs.
      measured: what was evaluated.
      evaluation: what assessment.evaluate says of it.
      bounds: head_over and tail_at_most.
    """
    place, labels, scores = pathlib.Path(folder), measured.labels.astype(bool), measured.scores
    tag_names, class_counts = measured.vocabulary.names, measured.class_counts
    figures, assessed = evaluation.figures, evaluation.assessment
    plots.pr_curves(place / "pr_curves.png", labels, scores, tag_names)
    if class_counts is not None and "intervals" in figures:
        plots.pr_auc_by_frequency(place / "pr_auc_by_frequency.png", figures, class_counts, *bounds)
    if assessed.decided is not None:
        plots.confusion(place / "confusion.png", labels, assessed.decided, tag_names)
    if assessed.calibrator is not None:
        after, how = assessed.calibrator.apply(scores), f"{assessed.calibrator.method}, fitted on validation"
        plots.reliability_diagram(place / "reliability.png", labels, scores, after, how)
    if "comparison" in figures:
        for number in range(len(figures["comparison"]["pairs"])):
            plots.differences(place / f"differences_{number + 1}.png", figures["comparison"], number)
