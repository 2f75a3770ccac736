"""A script for any Python with TensorFlow: asks a SavedModel in TensorFlow's C++ session, as a model server does.

    python bare_session.py FOLDER INPUTS.npz OUTPUTS.npz

Neither Keras nor kerastag can be imported while it runs. It is for bare_process.py, which says what is in the files.
"""

import json
import sys
import time
from typing import Any


def main(folder: str, inputs_path: str, outputs_path: str) -> None:
    """Answers every call for which there are inputs, in their order; prints one line of JSON about itself."""
    import numpy as np
    import tensorflow as tf

    requests: dict[str, dict[str, Any]] = {}
    with np.load(inputs_path) as arrays:
        for key in arrays.files:
            call, name, kind = key.split("/")
            array = arrays[key]
            requests.setdefault(call, {})[name] = np.array([array.tobytes()], object) if kind == "bytes" else array
    begin = time.perf_counter()
    session = tf.compat.v1.Session(graph=tf.Graph())
    with session.graph.as_default():
        signatures = tf.compat.v1.saved_model.load(session, ["serve"], folder).signature_def
    load_seconds = time.perf_counter() - begin
    flat: dict[str, Any] = {}
    first_seconds: dict[str, float] = {}  # by signature, of its first call
    for call, inputs in requests.items():
        begin, signature = time.perf_counter(), call.partition(":")[0]
        for name, array in ask(session, signatures[signature], inputs).items():
            flat[f"{call}/{name}"] = np.char.decode(array.astype(bytes), "utf-8") if array.dtype == object else array
        first_seconds.setdefault(signature, time.perf_counter() - begin)
    np.savez(outputs_path, **flat)
    seconds = {"load_seconds": load_seconds, "answer_seconds": sum(first_seconds.values())}
    print(json.dumps({"tensorflow": tf.__version__, **seconds}))


def ask(session: Any, signature: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    """The outputs of one signature by name."""
    fetches = {name: info.name for name, info in signature.outputs.items()}
    return session.run(fetches, {signature.inputs[name].name: array for name, array in inputs.items()})


if __name__ == "__main__":
    sys.path.pop(0)  # this folder, whose modules are not to be taken for others of the same names
    for barred in ("keras", "kerastag"):
        sys.modules[barred] = None  # type: ignore[assignment]  # None is what makes importing it fail
    try:
        main(*sys.argv[1:])
    except Exception as error:
        sys.exit(f"{type(error).__name__}: {' '.join(str(error).split())}")
