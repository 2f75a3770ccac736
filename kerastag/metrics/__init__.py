"""How good scores are, and how to show it: labels and scores (num_tracks, num_tags) to figures and tables."""

from kerastag.metrics.evaluation import evaluate, popularity_scores
from kerastag.metrics.matrices import load_matrix

__all__ = ["evaluate", "load_matrix", "popularity_scores"]
