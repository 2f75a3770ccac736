"""A script for any Python with a form's runtime: loads the form, has it score chunks, and times it.

    python bare_form.py FORM FOLDER CHUNKS.npy SCORES.npy SECONDS

Neither Keras nor kerastag can be imported while it runs, nor TensorFlow but for a SavedModel. It prints a line of
JSON; parity.py says what for.
"""

import json
import os
import pathlib
import sys
import time
import zipfile
from collections.abc import Callable
from typing import Any

BATCH = 16  # chunks at a time
UNEVEN = (1, 3)  # sizes of the first batches: a form takes any


def main(form: str, folder: str, chunks_path: str, scores_path: str, seconds: str) -> None:
    """Scores all chunks, then times batches for as long as is wanted."""
    import numpy as np

    chunks = np.load(chunks_path)
    open_form: Callable[[pathlib.Path], tuple[Callable[[Any], Any], list[str]]]
    open_form = {"saved_model": saved_model, "onnx": onnx}.get(form, litert)
    prepare(form)
    begin = time.perf_counter()
    ask, tags = open_form(pathlib.Path(folder))
    ask(chunks[:1])  # some runtimes do their preparations only now
    loaded = time.perf_counter() - begin
    ends = np.cumsum([*UNEVEN, *[BATCH] * (len(chunks) // BATCH)])
    np.save(scores_path, np.concatenate([ask(part) for part in np.split(chunks, ends[ends < len(chunks)])]))
    rate = chunks_per_second(ask, np.resize(chunks, (BATCH, chunks.shape[1])), float(seconds))
    print(json.dumps({"tags": tags, "load_seconds": loaded, "chunks_per_second": rate, "threads": threads()}))


def prepare(form: str) -> None:
    """Imports what is no part of loading a model."""
    if form == "saved_model":
        import tensorflow  # noqa: F401
    elif form == "onnx":
        import onnxruntime  # noqa: F401
    else:
        import ai_edge_litert.interpreter  # noqa: F401


def chunks_per_second(ask: Callable[[Any], Any], batch: Any, seconds: float) -> float:
    """From the median over batches."""
    import numpy as np

    times: list[float] = []
    while not times or sum(times) < seconds:
        begin = time.perf_counter()
        ask(batch)
        times.append(time.perf_counter() - begin)
    return len(batch) / float(np.median(times))


def threads() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))


def saved_model(folder: pathlib.Path) -> tuple[Callable[[Any], Any], list[str]]:
    """In TensorFlow's C++ session, as a model server runs it."""
    import tensorflow as tf

    session = tf.compat.v1.Session(graph=tf.Graph())
    with session.graph.as_default():
        signature = tf.compat.v1.saved_model.load(session, ["serve"], str(folder)).signature_def["serving_default"]
    waveform, scores = signature.inputs["waveform"].name, signature.outputs["scores"].name
    tags = (folder / "assets.extra" / "tags.txt").read_text(encoding="utf-8").splitlines()
    return lambda chunks: session.run(scores, {waveform: chunks}), tags


def litert(folder: pathlib.Path) -> tuple[Callable[[Any], Any], list[str]]:
    """By the names of its signature; tags are those inside the file."""
    from ai_edge_litert.interpreter import Interpreter

    path = folder / "model.tflite"
    runner = Interpreter(str(path), num_threads=threads()).get_signature_runner("serving_default")
    tags = json.loads(zipfile.ZipFile(path).read("model.json"))["full_names"]
    return lambda chunks: runner(waveform=chunks)["scores"], tags


def onnx(folder: pathlib.Path) -> tuple[Callable[[Any], Any], list[str]]:
    """By names; tags are those inside the file."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads()
    session = onnxruntime.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])
    tags = json.loads(session.get_modelmeta().custom_metadata_map["model.json"])["full_names"]
    return lambda chunks: session.run(["scores"], {"waveform": chunks})[0], tags


if __name__ == "__main__":
    sys.path.pop(0)  # this folder, whose modules are not to be taken for others of the same names
    for barred in ("keras", "kerastag", *(["tensorflow"] if sys.argv[1] != "saved_model" else [])):
        sys.modules[barred] = None  # type: ignore[assignment]  # None is what makes importing it fail
    try:
        main(*sys.argv[1:])
    except Exception as error:
        sys.exit(f"{type(error).__name__}: {' '.join(str(error).split())}")
