"""Asks an exported model in bare processes of this TensorFlow and of others, and compares the answers.

    python -m tools.serving.check_bundle saved_models/NAME --python=/other/venv/bin/python

Every signature of the newest version gets one request about the same piece: example music of two and a half chunks
under seeded noise, as a waveform or as a WAV file. An interpreter needs TensorFlow and NumPy, nothing else.
"""

import pathlib
import sys

import numpy as np
from absl import flags

from kerastag import cli, errors, runtime
from kerastag.cli import options
from kerastag.inference import export_facts
from kerastag.metrics import tables
from kerastag.runs import run_folder
from kerastag.serving import plan
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
    """Prints versions, times and differences; a difference above the tolerance is an error."""
    if len(arguments) != 1:
        raise errors.UsageError("give one folder of an exported model")
    folder = newest(pathlib.Path(arguments[0]))
    facts = export_facts.ExportFacts.read(folder)
    runtime.start(values.verbosity)
    requests = example_requests(folder, facts)
    print(f"{folder}: {facts.precision}, {len(requests)} signatures")
    here, *others = [ask(folder, requests, python) for python in (sys.executable, *values.python)]
    if not others:
        return 0
    tolerance = values.tolerance
    if tolerance is None:
        tolerance = 1e-4 if facts.precision == "float32" else 1e-2
    differences = {
        f"{signature} {output}": [difference(array, other.outputs[signature][output]) for other in others]
        for signature, outputs in here.outputs.items()
        for output, array in outputs.items()
    }
    header = ("output", *(other.tensorflow for other in others))
    lines = tuple((name, *(f"{value:.1e}" for value in of_output)) for name, of_output in differences.items())
    note = f"Largest differences from TensorFlow {here.tensorflow}; of text, whether any differs."
    print(tables.text([tables.Table(header, lines, note)]))
    worst, name = max((max(of_output), name) for name, of_output in differences.items())
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
    names = list(plan.versions(folder).values())
    if not names:
        raise errors.KerastagError(f"{folder}: no version of an exported model")
    return folder / names[-1]


def example_requests(folder: pathlib.Path, facts: export_facts.ExportFacts) -> warm_up.Requests:
    """One request to each signature, the same at every call."""
    from kerastag.serving.bundle import saved_model

    waveform = warm_up.example_waveform(facts.chunk_samples * 5 // 2, facts.sample_rate)
    noise = np.random.default_rng(1).normal(0, 0.05, len(waveform))
    num_tags = len(run_folder.RunFolder(folder / export_facts.ASSETS).vocabulary())
    mixed = (waveform + noise).astype(np.float32)
    return warm_up.requests(saved_model.signatures_of(folder), mixed, facts.sample_rate, num_tags)


def ask(folder: pathlib.Path, requests: warm_up.Requests, python: str) -> bare_process.Answers:
    """The answers of an interpreter; prints its version of TensorFlow and how long it took."""
    answers = bare_process.ask(folder, requests, python=python)
    seconds = f"loaded in {answers.load_seconds:.1f} s, answered all in {answers.answer_seconds:.1f} s"
    print(f"TensorFlow {answers.tensorflow} ({python}): {seconds}", flush=True)
    return answers


def difference(expected: np.ndarray, given: np.ndarray) -> float:
    """The largest, relative to the largest magnitude expected where that is above 1.

    Infinite for another shape, another text, and numbers that are not finite.
    """
    if expected.shape != given.shape:
        return np.inf
    if expected.dtype.kind not in "fiub":
        return 0.0 if (expected == given).all() else np.inf
    first, second = expected.astype(np.float64), given.astype(np.float64)
    if not np.isfinite([first, second]).all():
        return np.inf
    return float(np.abs(first - second).max(initial=0) / max(1.0, np.abs(first).max(initial=0)))


COMMAND = cli.Command(
    "python -m tools.serving.check_bundle",
    "compares an exported model's answers between versions of TensorFlow",
    FLAGS,
    main,
    arguments="FOLDER",
)

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
