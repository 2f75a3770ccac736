"""Datasets: fetching, selecting, auditing and damaging them."""
