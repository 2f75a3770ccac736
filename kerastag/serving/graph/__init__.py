"""What a served model computes, in TensorFlow operations that a model server runs without Python."""
