"""PyTorch checkpoints, read without PyTorch, into Keras models."""
