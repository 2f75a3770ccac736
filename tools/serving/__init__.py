"""Models behind a running server, and exports under other TensorFlow versions."""
