"""Attacks on purpose: files that were mutated, processes that are killed at any moment, and what becomes of them."""
