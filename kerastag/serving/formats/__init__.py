"""The forms that one model is exported in: names, what each needs, and how far its scores may be off.

`saved_model` is TensorFlow's, see serving.bundle. The others run without TensorFlow and Keras: `litert` (formerly
TensorFlow Lite) in float32, `litert_int8` with weights of 8 bits, `onnx` in float32. Each of those is a folder of its
own with the model, its tags and facts inside the file and beside it, and a script of ten lines that runs it.
"""

import dataclasses
import importlib.util
from collections.abc import Sequence

from kerastag import errors
from kerastag.serving.plan import LITERT, LITERT_INT8, ONNX, SAVED_MODEL

EXTRAS = {LITERT: "litert", LITERT_INT8: "litert", ONNX: "onnx"}
_PACKAGES = {  # modules that an extra brings, and the packages they are in
    "litert": {"ai_edge_litert": "ai-edge-litert"},
    "onnx": {"onnx": "onnx", "onnxruntime": "onnxruntime", "tf2onnx": "tf2onnx"},
}


@dataclasses.dataclass(frozen=True)
class Bound:
    """How far a form may be from the network in Keras, on real chunks; above it is not written.

    Attributes:
      largest: difference of a chunk's score.
      mean: difference of scores, over all chunks and tags.
      pr_auc: change of macro PR-AUC, up or down, over FEWEST_TRACKS or more: among fewer, two that change places
        move it by hundredths.
    """

    largest: float
    mean: float
    pr_auc: float


FEWEST_TRACKS = 100
_FLOAT = Bound(largest=1e-3, mean=1e-5, pr_auc=1e-3)  # another order of sums, heard where a band is almost silent
_COARSE = Bound(largest=0.1, mean=0.01, pr_auc=0.01)
BOUNDS = {SAVED_MODEL: _FLOAT, LITERT: _FLOAT, LITERT_INT8: _COARSE, ONNX: _FLOAT}
HALF_PRECISION = _COARSE  # of a SavedModel whose network computes in it


def require(names: Sequence[str]) -> None:
    """Checks that what forms need is installed.

    Raises:
      KerastagError: a package is missing; the message names it and the extra that brings it.
    """
    for name in names:
        extra = EXTRAS.get(name, "")
        for module, package in _PACKAGES.get(extra, {}).items():
            if importlib.util.find_spec(module) is None:
                raise errors.KerastagError(f"{name} needs {package}: pip install 'kerastag[{extra}]'")
