"""A SavedModel behind KServe's own server, over REST in its V1 protocol: its routes, its JSON, its errors.

    python tests/kserve_server.py --folder=VERSION --model_name=NAME --http_port=PORT

What V1 leaves to a custom model is here as TensorFlow Serving has it: "signature_name", rows or columns, bytes in
base64. The model runs in TensorFlow's C++ session; neither Keras nor kerastag can be imported.
"""

import argparse
import base64
import binascii
import os
import pathlib
import sys
from collections.abc import Mapping
from typing import Any

for _name in ("keras", "kerastag"):
    sys.modules[_name] = None  # type: ignore[assignment]  # None is what makes importing it fail
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import kserve  # noqa: E402  TensorFlow is imported after Keras is barred
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from kserve import errors  # noqa: E402
from stand_in import catalogue  # noqa: E402


class Exported(kserve.Model):
    """A version of an exported model."""

    def __init__(self, name: str, folder: pathlib.Path):
        super().__init__(name)
        self._version = catalogue.Version(1, folder)
        self.ready = True

    async def predict(self, payload: dict[str, Any], *headers: object) -> dict[str, Any]:
        """The answer to a request, in the form in which it came."""
        name = payload.get("signature_name", catalogue.DEFAULT_SIGNATURE)
        signature = self._version.signatures.get(name)
        if signature is None:
            raise errors.InvalidInput(f"no signature {name}")
        try:
            given = columns(payload, list(signature.inputs))
            dtypes = {key: tf.dtypes.as_dtype(info.dtype) for key, info in signature.inputs.items()}
            inputs = {key: array(value, dtypes[key].as_numpy_dtype) for key, value in given.items() if key in dtypes}
            outputs = {key: plain(one) for key, one in self._version.run(name, inputs).items()}
        except catalogue.Failure as failure:
            raise errors.InvalidInput(failure.message) from None
        except (KeyError, TypeError, ValueError, binascii.Error) as error:
            raise errors.InvalidInput(f"{type(error).__name__}: {error}") from None
        if "instances" not in payload:
            return {"outputs": outputs if len(outputs) > 1 else next(iter(outputs.values()))}
        rows = [dict(zip(outputs, row, strict=True)) for row in zip(*outputs.values(), strict=True)]
        return {"predictions": rows if len(outputs) > 1 else next(iter(outputs.values()))}


def columns(payload: Mapping[str, Any], names: list[str]) -> Mapping[str, Any]:
    """The inputs by name, whether they came as rows or as columns."""
    if "instances" not in payload:
        return payload["inputs"] if is_named(payload["inputs"]) else {names[0]: payload["inputs"]}
    rows = [row if is_named(row) else {names[0]: row} for row in payload["instances"]]
    if not rows:
        raise ValueError("no instances")
    return {name: [row[name] for row in rows] for name in names}


def is_named(value: Any) -> bool:
    """Whether it is an object, but not bytes."""
    return isinstance(value, dict) and "b64" not in value


def array(value: Any, dtype: type) -> np.ndarray:
    """An input; bytes out of base64."""
    if np.dtype(dtype) != object:
        return np.array(value, dtype)
    return np.array([*(base64.b64decode(one["b64"], validate=True) for one in value), None], object)[:-1]


def plain(output: np.ndarray) -> list[Any]:
    """An output as nested lists."""
    return np.char.decode(output.astype(bytes)).tolist() if output.dtype == object else output.tolist()


def main() -> None:
    """Serves until the process is ended."""
    parser = argparse.ArgumentParser(parents=[kserve.model_server.parser], description=__doc__)
    parser.add_argument("--folder", type=pathlib.Path, required=True)
    values = parser.parse_args()
    model = Exported(values.model_name, values.folder)
    kserve.ModelServer(http_port=values.http_port, enable_grpc=False).start([model])


if __name__ == "__main__":
    main()
