"""What a client sends: only what the signature takes, in its dtypes, so that a server need not refuse it."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from kerastag.serving import signatures
from kerastag.serving.client import failures


def find_signature(served: signatures.Served, place: str, name: str) -> signatures.Signature:
    """A signature of a version by its name; `place`: what errors begin with.

    Raises:
      Refused: there is none.
    """
    if name not in served.signatures:
        known = ", ".join(sorted(served.signatures)) or "none"
        problem = f"version {served.version} has no signature '{name}'; it has {known}"
        raise failures.Refused(place, problem, "export the model again with this version of kerastag")
    return served.signatures[name]


def checked(signature: signatures.Signature, place: str, inputs: Mapping[str, npt.ArrayLike]) -> dict[str, np.ndarray]:
    """The inputs as arrays of the signature's dtypes.

    Raises:
      Refused: a name is missing or unknown, or a dtype or shape does not fit.
    """
    if set(inputs) != set(signature.inputs):
        taken, given = (", ".join(sorted(names)) or "nothing" for names in (signature.inputs, inputs))
        raise failures.Refused(place, f"takes {taken}, not {given}", "name its inputs")
    return {name: _fitted(place, name, inputs[name], tensor) for name, tensor in signature.inputs.items()}


def _fitted(place: str, name: str, value: npt.ArrayLike, tensor: signatures.Tensor) -> np.ndarray:
    array = np.asarray(value, object) if tensor.dtype == "object" else np.asarray(value)
    if tensor.dtype != "object" and not np.can_cast(array.dtype, tensor.dtype, "same_kind"):
        raise failures.Refused(place, f"{name} must be {tensor}, not {array.dtype}", "convert it")
    if not tensor.takes(array.shape):
        advice = "the first dimension is the batch" if array.ndim + 1 == len(tensor.shape or ()) else "reshape it"
        raise failures.Refused(place, f"{name} must be {tensor}, not of shape {array.shape}", advice)
    return array if tensor.dtype == "object" else array.astype(tensor.dtype, copy=False)
