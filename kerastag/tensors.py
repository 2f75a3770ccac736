"""The one name for what TensorFlow and Keras compute with."""

from typing import Any, TypeAlias

Tensor: TypeAlias = Any  # a tensor, symbolic or not, or an object of either library: mypy cannot follow their types
