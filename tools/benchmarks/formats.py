"""Size, load time and speed of every form that `kerastag export` writes of one run.

    python -m tools.benchmarks.formats [--run_dir=RUN_DIR] [--num_channels=128]

Forms take turns, each time in a new process, and the figures are medians. Loading lasts until the first chunk is
scored, and does not include the import of the runtime. Without --run_dir a network with random weights is made.
"""

import os
import pathlib
import sys
import tempfile
from typing import TYPE_CHECKING

import numpy as np
from absl import flags

from kerastag import cli, errors, files, runtime
from kerastag.cli import options
from kerastag.inference import export_facts
from kerastag.metrics import tables
from kerastag.runs.model import Model
from kerastag.serving import formats, plan
from kerastag.serving.check import bare_process
from tools.benchmarks import machine, random_run

if TYPE_CHECKING:
    from kerastag.serving import exporting

FLAGS = flags.FlagValues()
flags.DEFINE_string("run_dir", None, "A run, or an ensemble of runs.", flag_values=FLAGS)
options.positive(FLAGS, "num_channels", 128, "Width of the network that is made.")
flags.DEFINE_list("formats", list(plan.FORMS), "What to time.", flag_values=FLAGS)
options.positive(FLAGS, "num_runs", 5, "Processes of each form.")
flags.DEFINE_float("seconds", 3.0, "For which each process scores chunks.", lower_bound=0.001, flag_values=FLAGS)


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Exports into a temporary folder, times every form and prints tables."""
    formats.require(values.formats)
    runtime.start()
    print(machine.describe())
    with tempfile.TemporaryDirectory() as scratch:
        folder = values.run_dir or random_run.write(pathlib.Path(scratch) / "run", values.num_channels)
        export = export_without_dataset(folder, pathlib.Path(scratch) / "bundle", values.formats)
        if export.parities:
            print(f"\n{export.table()}")
        print(tables.text([timings(export, values.num_runs, values.seconds)]), end="")
        for line in export.refused:
            print(line)
    return 0


def export_without_dataset(
    folder: str | os.PathLike[str], target: pathlib.Path, forms: list[str]
) -> "exporting.Export":
    """The forms of a run, compared with Keras on the run's examples or on synthesised sounds."""
    from kerastag.serving import exporting

    return exporting.export(Model.load(folder), plan.Plan(target), forms, split=None, max_chunks=16)


def timings(export: "exporting.Export", num_runs: int, seconds: float) -> tables.Table:
    """Size, load time and speed of every form that was written, medians over processes.

    Args:
      export: the forms.
      num_runs: processes of each form.
      seconds: for which each scores chunks.

    Raises:
      KerastagError: there is none, or one does not load.
    """
    folders, sizes = dict(export.folders), {}
    if export.saved_model is not None:
        folders = {plan.SAVED_MODEL: export.saved_model.path, **folders}
        sizes[plan.SAVED_MODEL] = export.saved_model.num_bytes
    if not folders:
        raise errors.KerastagError("no form was written: " + "; ".join(export.refused))
    sizes |= {parity.form: parity.num_bytes for parity in export.parities}  # without what lies beside the model
    facts = files.read_json(next(next(iter(folders.values())).rglob(export_facts.FILE)))  # of any form
    chunks = np.random.default_rng(0).normal(0, 0.1, (16, facts["chunk_samples"])).astype(np.float32)
    answers: dict[str, list[bare_process.Answers]] = {form: [] for form in folders}
    for _ in range(num_runs):
        for form, folder in folders.items():
            answers[form].append(bare_process.ask(folder, {"serving_default": {"waveform": chunks}}, form, seconds))
    lines = tuple(
        (
            form,
            f"{sizes[form] / 1e6:.2f}",
            f"{1000 * np.median([answer.load_seconds for answer in of_form]):.0f}",
            f"{np.median([answer.chunks_per_second for answer in of_form]):.1f}",
        )
        for form, of_form in answers.items()
    )
    threads = next(iter(answers.values()))[0].threads
    return tables.Table(
        ("form", "MB", "load ms", "chunks/s"), lines, f"Medians of {num_runs} processes, {threads} threads."
    )


COMMAND = cli.Command("python -m tools.benchmarks.formats", "time every form that an export writes", FLAGS, main)

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
