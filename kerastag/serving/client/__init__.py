"""Clients of an exported model behind TensorFlow Serving: `rest(address, model).score(path)`, and `grpc` likewise."""

from kerastag.serving.client.client import (
    MAX_MESSAGE_MEGABYTES,
    MAX_RETRIES,
    TIMEOUT_SECONDS,
    Client,
    Taggram,
    connect,
    grpc,
    rest,
)
from kerastag.serving.client.failures import ServingError

__all__ = [
    "MAX_MESSAGE_MEGABYTES",
    "MAX_RETRIES",
    "TIMEOUT_SECONDS",
    "Client",
    "ServingError",
    "Taggram",
    "connect",
    "grpc",
    "rest",
]
