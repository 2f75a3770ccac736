"""An exported model's answers to the same requests by several who serve it, side by side."""

import pathlib
from collections.abc import Mapping

import numpy as np
from absl import flags

from kerastag import errors
from kerastag.inference import export_facts
from kerastag.metrics import tables
from kerastag.runs import run_folder
from kerastag.serving import plan
from kerastag.serving.check import bare_process
from kerastag.serving.graph import warm_up

Outputs = Mapping[str, Mapping[str, np.ndarray]]  # by signature and name


def define_tolerance(values: flags.FlagValues) -> None:
    """See `compare`."""
    flags.DEFINE_float(
        "tolerance",
        None,
        "Largest difference allowed, of numbers above 1 relative; default: 1e-4 in float32, else 1e-2.",
        lower_bound=0.0,
        flag_values=values,
    )


def allowed(facts: export_facts.ExportFacts, tolerance: float | None) -> float:
    """The largest difference: what was asked for, or 1e-4 in float32, else 1e-2."""
    if tolerance is not None:
        return tolerance
    return 1e-4 if facts.precision == "float32" else 1e-2


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


def example_requests(
    folder: pathlib.Path, facts: export_facts.ExportFacts, seconds: float | None = None
) -> warm_up.Requests:
    """One request to each signature, the same at every call, about music of so many seconds; None: 2.5 chunks."""
    from kerastag.serving.bundle import saved_model

    num_samples = facts.chunk_samples * 5 // 2 if seconds is None else max(1, round(seconds * facts.sample_rate))
    waveform = warm_up.example_waveform(num_samples, facts.sample_rate)
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


def as_text(array: np.ndarray) -> np.ndarray:
    """Strings in place of bytes, as a bare process gives them."""
    return np.char.decode(array.astype(bytes), "utf-8", "backslashreplace") if array.dtype == object else array


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


def compare(
    folder: pathlib.Path,
    facts: export_facts.ExportFacts,
    expected: bare_process.Answers,
    others: Mapping[str, Outputs],
    tolerance: float | None,
) -> None:
    """Prints how far the answers of others are from those expected.

    Args:
      folder: the version of the model.
      facts: what its export says of it.
      expected: the answers of this TensorFlow.
      others: what the same requests gave elsewhere, by a name of where.
      tolerance: the largest difference allowed; see `allowed`.

    Raises:
      KerastagError: a difference is larger.
    """
    differences = {
        f"{signature} {output}": [difference(array, other[signature][output]) for other in others.values()]
        for signature, outputs in expected.outputs.items()
        for output, array in outputs.items()
    }
    lines = tuple((name, *(f"{value:.1e}" for value in of_output)) for name, of_output in differences.items())
    note = f"Largest differences from TensorFlow {expected.tensorflow}; of text, whether any differs."
    print(tables.text([tables.Table(("output", *others), lines, note)]))
    worst, name = max((max(of_output), name) for name, of_output in differences.items())
    largest = allowed(facts, tolerance)
    if not worst <= largest:
        raise errors.KerastagError(f"{folder}: {name} differs by {worst:.2g}, more than {largest:g}")
