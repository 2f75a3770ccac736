"""Networks of other makers, from waveform to embedding, that a probe can stand on: SavedModels and ONNX files."""
