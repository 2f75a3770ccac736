"""How good scores are, and how to show it: labels and scores (num_tracks, num_tags) to figures and tables."""

from kerastag.matrices import load_matrix
from kerastag.metrics.evaluation import evaluate, popularity_scores

__all__ = ["evaluate", "load_matrix", "popularity_scores"]
