"""Training: devices, optimiser, loop, checkpoints and callbacks."""
