"""Attacks on purpose: files that were mutated, and processes that watch what becomes of those who read them."""
