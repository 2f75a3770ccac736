"""A model and audio files to scores: the Python API, scoring of batches and of whole splits, score tables."""
