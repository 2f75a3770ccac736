"""Speed and memory of each part of kerastag, each beside a peer or the raw cost of its work."""
