"""The names for what TensorFlow and Keras compute with: mypy cannot follow the types of either."""

from typing import Any, TypeAlias

Tensor: TypeAlias = Any  # a tensor, symbolic or not, or an object of either library
Config: TypeAlias = dict[str, Any]  # what get_config gives and from_config takes
