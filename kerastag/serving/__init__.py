"""A trained model as a SavedModel that plain TensorFlow serves."""
