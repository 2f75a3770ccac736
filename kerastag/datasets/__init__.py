"""Data sets that others published, brought here as folders to train on."""
