"""What a served version takes and gives: its signatures, as the server's metadata tell them."""

import dataclasses
from collections.abc import Mapping
from typing import Any

_DTYPES = {
    **{"DT_FLOAT": "float32", "DT_DOUBLE": "float64", "DT_HALF": "float16", "DT_BOOL": "bool", "DT_STRING": "object"},
    **{f"DT_{name.upper()}": name for name in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32")},
}


@dataclasses.dataclass(frozen=True)
class Target:
    """Which model a client means.

    Attributes:
      model: its name.
      version: its number; None: by the label, or the highest.
      label: label of a version in the server's configuration.
    """

    model: str
    version: int | None = None
    label: str | None = None

    def __str__(self) -> str:
        which = f" version {self.version}" if self.version is not None else f" label '{self.label}'"
        return f"model '{self.model}'" + (which if self.version is not None or self.label else "")


@dataclasses.dataclass(frozen=True)
class VersionStatus:
    """A version on the server.

    Attributes:
      version: its number.
      state: START, LOADING, AVAILABLE, UNLOADING or END.
      error: why it does not load, or "".
    """

    version: int
    state: str
    error: str = ""


@dataclasses.dataclass(frozen=True)
class Tensor:
    """An input or output: NumPy's name of its dtype ("object" for bytes), and its shape with None for any size."""

    dtype: str
    shape: tuple[int | None, ...] | None

    def __str__(self) -> str:
        sizes = ["?" if size is None else str(size) for size in self.shape or ()]
        name = "bytes" if self.dtype == "object" else self.dtype
        return f"{name} ({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"

    def takes(self, shape: tuple[int, ...]) -> bool:
        """Whether an array of a shape is one of these."""
        if self.shape is None:
            return True
        same = (size in (None, own) for size, own in zip(self.shape, shape, strict=False))
        return len(self.shape) == len(shape) and all(same)

    @classmethod
    def of_json(cls, info: Mapping[str, Any]) -> "Tensor":
        """From TensorInfo in JSON, where numbers may be strings and defaults missing."""
        shape = info.get("tensor_shape", {})
        sizes = tuple(int(dimension.get("size", 0)) for dimension in shape.get("dim", ()))
        known = None if shape.get("unknown_rank") else tuple(None if size < 0 else size for size in sizes)
        return cls(_DTYPES.get(info.get("dtype", ""), "object"), known)


@dataclasses.dataclass(frozen=True)
class Signature:
    """One way to call a model: inputs and outputs by name."""

    inputs: Mapping[str, Tensor]
    outputs: Mapping[str, Tensor]

    @classmethod
    def of_json(cls, definition: Mapping[str, Any]) -> "Signature":
        """From SignatureDef in JSON."""
        sides = ({name: Tensor.of_json(info) for name, info in definition.get(side, {}).items()} for side in _SIDES)
        return cls(*sides)


_SIDES = ("inputs", "outputs")


@dataclasses.dataclass(frozen=True)
class Served:
    """A version on the server and its signatures by name."""

    version: int
    signatures: Mapping[str, Signature]

    @classmethod
    def of_json(cls, version: int | str, definitions: Mapping[str, Any]) -> "Served":
        """From a map of SignatureDef in JSON."""
        kept = {
            name: Signature.of_json(definition) for name, definition in definitions.items() if not name.startswith("__")
        }
        return cls(int(version), kept)
