"""Whether scores can belong to their labels at all, or rows and columns are in another order."""

import numpy as np

from kerastag.metrics import intervals, matrices, weighted

CHANCE_BELOW = 0.55  # macro ROC-AUC; the baseline that knows only popularity has 0.5


def order_warnings(labels: np.ndarray, scores: np.ndarray, place: str) -> list[str]:
    """A warning if scores are so near chance that rows or columns are probably in another order."""
    labels, scores = matrices.checked(labels, scores)
    areas = weighted.areas_by_tag(labels, scores, np.ones((1, len(labels)), np.int16))[1]
    figure = float(intervals.mean_defined(areas)[0])
    if np.isnan(figure) or figure >= CHANCE_BELOW:
        return []
    return [
        f"{place}: macro ROC-AUC is {figure:.3f}, no better than chance; are tracks or tags in another order "
        "than the split file and the tag list?"
    ]
