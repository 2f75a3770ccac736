"""A script for any Python with an export's runtime: loads the export, answers requests, and times it if wanted.

    python bare_session.py FORM FOLDER INPUTS.npz OUTPUTS.npz SECONDS

Neither Keras nor kerastag can be imported while it runs, nor TensorFlow but for a SavedModel, which runs in
TensorFlow's C++ session as in a model server. bare_process.py says what is in the files. It prints a line of JSON.
"""

import json
import os
import pathlib
import sys
import time
import zipfile
from collections.abc import Callable
from typing import Any

BATCH = 16  # chunks at a time where the export is timed
UNEVEN = (1, 3)  # sizes of the first batches then: a form takes any
Arrays = dict[str, Any]
Ask = Callable[[str, Arrays], Arrays]  # signature and inputs to outputs


def main(form: str, folder: str, inputs_path: str, outputs_path: str, seconds: str) -> None:
    """Answers every call for which there are inputs, in their order."""
    import numpy as np

    requests: dict[str, Arrays] = {}
    with np.load(inputs_path) as arrays:
        for key in arrays.files:
            call, name, kind = key.split("/")
            array = arrays[key]
            requests.setdefault(call, {})[name] = np.array([array.tobytes()], object) if kind == "bytes" else array
    open_form = {"saved_model": saved_model, "onnx": onnx}.get(form, litert)
    runtime_version = import_runtime(form)
    begin = time.perf_counter()
    ask, tags = open_form(pathlib.Path(folder))
    said: Arrays = {"tensorflow": runtime_version, "tags": tags, "load_seconds": time.perf_counter() - begin}
    if float(seconds):
        (waveform,) = (inputs["waveform"] for inputs in requests.values())
        ask("serving_default", {"waveform": waveform[:1]})  # some runtimes do their preparations only now
        said["load_seconds"] = time.perf_counter() - begin
        outputs = {"serving_default/scores": in_batches(ask, waveform)}
        said |= {"chunks_per_second": chunks_per_second(ask, waveform, float(seconds)), "threads": threads()}
    else:
        outputs, said["answer_seconds"] = answers(ask, requests)
    np.savez(outputs_path, **outputs)
    print(json.dumps(said))


def answers(ask: Ask, requests: dict[str, Arrays]) -> tuple[Arrays, float]:
    """Outputs by "call/output", and the seconds that the first call of every signature took together."""
    import numpy as np

    outputs: Arrays = {}
    first_seconds: dict[str, float] = {}
    for call, inputs in requests.items():
        begin, signature = time.perf_counter(), call.partition(":")[0]
        for name, array in ask(signature, inputs).items():
            is_text = array.dtype == object
            outputs[f"{call}/{name}"] = np.char.decode(array.astype(bytes), "utf-8") if is_text else array
        first_seconds.setdefault(signature, time.perf_counter() - begin)
    return outputs, sum(first_seconds.values())


def in_batches(ask: Ask, waveform: Any) -> Any:
    """Scores of all chunks, in batches of several sizes."""
    import numpy as np

    ends = np.cumsum([*UNEVEN, *[BATCH] * (len(waveform) // BATCH)])
    parts = np.split(waveform, ends[ends < len(waveform)])
    return np.concatenate([ask("serving_default", {"waveform": part})["scores"] for part in parts])


def chunks_per_second(ask: Ask, waveform: Any, seconds: float) -> float:
    """By the median time of a batch."""
    import numpy as np

    batch = np.resize(waveform, (BATCH, waveform.shape[1]))
    times: list[float] = []
    while not times or sum(times) < seconds:
        begin = time.perf_counter()
        ask("serving_default", {"waveform": batch})
        times.append(time.perf_counter() - begin)
    return BATCH / float(np.median(times))


def import_runtime(form: str) -> str:
    """Imports what is no part of loading a model; TensorFlow's version, "" for other runtimes."""
    if form == "saved_model":
        import tensorflow

        return str(tensorflow.__version__)
    if form == "onnx":
        import onnxruntime  # noqa: F401
    else:
        import ai_edge_litert.interpreter  # noqa: F401
    return ""


def threads() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))


def saved_model(folder: pathlib.Path) -> tuple[Ask, list[str]]:
    """In TensorFlow's C++ session; full names of the tags stand beside the model, if they were written yet."""
    import tensorflow as tf

    session = tf.compat.v1.Session(graph=tf.Graph())
    with session.graph.as_default():
        signatures = tf.compat.v1.saved_model.load(session, ["serve"], str(folder)).signature_def

    def ask(name: str, inputs: Arrays) -> Arrays:
        signature = signatures[name]
        fetches = {key: info.name for key, info in signature.outputs.items()}
        return session.run(fetches, {signature.inputs[key].name: array for key, array in inputs.items()})

    tags = folder / "assets.extra" / "tags.txt"
    return ask, tags.read_text(encoding="utf-8").splitlines() if tags.is_file() else []


def litert(folder: pathlib.Path) -> tuple[Ask, list[str]]:
    """By the names of its signature; tags are those inside the file."""
    from ai_edge_litert.interpreter import Interpreter

    path = folder / "model.tflite"
    runner = Interpreter(str(path), num_threads=threads()).get_signature_runner("serving_default")
    tags = json.loads(zipfile.ZipFile(path).read("model.json"))["full_names"]
    return lambda name, inputs: runner(**inputs), tags


def onnx(folder: pathlib.Path) -> tuple[Ask, list[str]]:
    """By names; tags are those inside the file."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads()
    session = onnxruntime.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])
    tags = json.loads(session.get_modelmeta().custom_metadata_map["model.json"])["full_names"]
    return lambda name, inputs: {"scores": session.run(["scores"], inputs)[0]}, tags


if __name__ == "__main__":
    sys.path.pop(0)  # this folder, whose modules are not to be taken for others of the same names
    for barred in ("keras", "kerastag", *(["tensorflow"] if sys.argv[1] != "saved_model" else [])):
        sys.modules[barred] = None  # type: ignore[assignment]  # None is what makes importing it fail
    try:
        main(*sys.argv[1:])
    except Exception as error:
        sys.exit(f"{type(error).__name__}: {' '.join(str(error).split())}")
