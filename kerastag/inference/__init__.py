"""A model and audio to scores: the Python API, scoring of batches and of whole splits, which tags are given, tables."""
