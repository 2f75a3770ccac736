"""The names for what TensorFlow and Keras compute with: mypy cannot follow the types of either."""

from typing import Any, TypeAlias

Tensor: TypeAlias = Any  # a tensor or variable, eager or symbolic
Config: TypeAlias = dict[str, Any]  # what get_config gives and from_config takes
