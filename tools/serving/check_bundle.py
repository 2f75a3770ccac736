#!/usr/bin/env python3
"""Asks an exported model in bare processes of this TensorFlow and of others, and compares the answers.

    tools/check_bundle saved_models/NAME --python=/other/venv/bin/python

Every signature of the newest version gets one request about the same piece: example music of two and a half chunks
under seeded noise, as a waveform or as a WAV file. An interpreter needs TensorFlow and NumPy, nothing else.
"""

import pathlib
import sys

import numpy as np
from absl import flags

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))  # the package of this checkout

from kerastag import cli, errors, files, runtime
from kerastag.cli import options
from kerastag.inference import tagger
from kerastag.metrics import tables
from kerastag.runs import run_folder
from kerastag.serving.bundle import bundle_folder
from kerastag.serving.check import bare_process
from kerastag.serving.graph import warm_up

FLAGS = flags.FlagValues()
flags.DEFINE_list("python", [], "Interpreters of other environments, to compare with this one.", flag_values=FLAGS)
flags.DEFINE_float(
    "tolerance",
    None,
    "Largest difference allowed, of numbers above 1 relative; default: 1e-4 in float32, else 1e-2.",
    lower_bound=0.0,
    flag_values=FLAGS,
)
options.define_verbosity(FLAGS)


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Prints versions, times and differences. Returns 1 if one is too large."""
    if len(arguments) != 1:
        raise errors.UsageError("give one folder of an exported model")
    folder = newest(pathlib.Path(arguments[0]))
    facts = files.read_json(folder / tagger.ASSETS / tagger.MODEL_FACTS)
    runtime.start(values.verbosity)
    requests = made_requests(folder, facts)
    print(f"{folder}: {facts['precision']}, {len(requests)} signatures")
    here, *others = [asked(folder, requests, python) for python in (sys.executable, *values.python)]
    if not others:
        return 0
    tolerance = values.tolerance
    if tolerance is None:
        tolerance = 1e-4 if facts["precision"] == "float32" else 1e-2
    rows = [
        (f"{signature} {output}", *(difference(array, other.outputs[signature][output]) for other in others))
        for signature, outputs in here.outputs.items()
        for output, array in outputs.items()
    ]
    shown = [(name, *(f"{value:.1e}" for value in found)) for name, *found in rows]
    note = f"Largest differences from TensorFlow {here.tensorflow}; of text, whether any differs."
    print(tables.text([tables.Table(("output", *(other.tensorflow for other in others)), tuple(shown), note)]))
    worst, name = max((max(found), name) for name, *found in rows)
    if not worst <= tolerance:
        raise errors.KerastagError(f"{folder}: {name} differs by {worst:.2g}, more than {tolerance:g}")
    return 0


def newest(folder: pathlib.Path) -> pathlib.Path:
    """The highest version in a bundle, or the folder itself if it is one.

    Raises:
      KerastagError: there is none.
    """
    if (folder / "saved_model.pb").is_file():
        return folder
    found = list(bundle_folder.versions(folder).values())
    if not found:
        raise errors.KerastagError(f"{folder}: no version of an exported model")
    return folder / found[-1]


def made_requests(folder: pathlib.Path, facts: dict) -> warm_up.Requests:
    """One to each signature, the same at every call."""
    from kerastag.serving.bundle import saved_model

    waveform = warm_up.example_waveform(facts["chunk_samples"] * 5 // 2, facts["sample_rate"])
    noise = np.random.default_rng(1).normal(0, 0.05, len(waveform))
    num_tags = len(run_folder.RunFolder(folder / tagger.ASSETS).vocabulary())
    mixed = (waveform + noise).astype(np.float32)
    return warm_up.requests(saved_model.signatures_of(folder), mixed, facts["sample_rate"], num_tags)


def asked(folder: pathlib.Path, requests: warm_up.Requests, python: str) -> bare_process.Answers:
    """The answers of one interpreter, after a line about it."""
    answers = bare_process.ask(folder, requests, python)
    seconds = f"loaded in {answers.load_seconds:.1f} s, answered all in {answers.answer_seconds:.1f} s"
    print(f"TensorFlow {answers.tensorflow} ({python}): {seconds}", flush=True)
    return answers


def difference(one: np.ndarray, other: np.ndarray) -> float:
    """The largest, relative to the largest magnitude where that is above 1; infinite: other shapes, NaN or text."""
    if one.shape != other.shape:
        return np.inf
    if one.dtype.kind not in "fiub":
        return 0.0 if (one == other).all() else np.inf
    first, second = one.astype(np.float64), other.astype(np.float64)
    if not np.isfinite([first, second]).all():
        return np.inf
    return float(np.abs(first - second).max(initial=0) / max(1.0, np.abs(first).max(initial=0)))


COMMAND = cli.Command(
    "tools/check_bundle",
    "compares an exported model's answers between versions of TensorFlow",
    FLAGS,
    main,
    arguments="FOLDER",
)

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
