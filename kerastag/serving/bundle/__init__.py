"""A folder that TensorFlow Serving runs as it is: the SavedModel, and all that lies beside it."""
