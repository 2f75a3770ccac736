"""Tracks to batches."""
