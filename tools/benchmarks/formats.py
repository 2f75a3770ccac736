#!/usr/bin/env python3
"""Size, load time and speed of every form that `kerastag export` writes of one run.

    tools/benchmark_formats [--run_dir=RUN_DIR] [--num_channels=128]

Forms take turns, each time in a new process, and the figures are medians. Loading is from the file to the first chunk's
scores, without the import of the runtime. Without --run_dir a network with random weights is made.
"""

import os
import pathlib
import sys
import tempfile

import numpy as np
from absl import flags

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]  # the package of this checkout, and what stands beside this file

from kerastag import cli, errors, files, runtime, tags
from kerastag.cli import options
from kerastag.inference import tagger
from kerastag.runs import ensemble_folder, run_folder
from kerastag.serving import formats
from tools.benchmarks import machine

FLAGS = flags.FlagValues()
flags.DEFINE_string("run_dir", None, "A run, or an ensemble of runs.", flag_values=FLAGS)
options.positive(FLAGS, "num_channels", 128, "Width of the network that is made.")
flags.DEFINE_list("formats", list(formats.NAMES), "What to time.", flag_values=FLAGS)
options.positive(FLAGS, "num_runs", 5, "Processes of each form.")
flags.DEFINE_float("seconds", 3.0, "For which each process scores chunks.", lower_bound=0, flag_values=FLAGS)


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Exports into a folder that goes again, and prints a table."""
    formats.require(values.formats)
    runtime.start()
    print(machine.describe())
    with tempfile.TemporaryDirectory() as scratch:
        folder = values.run_dir or made_run(pathlib.Path(scratch) / "run", values.num_channels)
        written = export(folder, pathlib.Path(scratch) / "bundle", values.formats)
        print(f"\n{written.table()}")
        timed(written, values.num_runs, values.seconds)
        for line in written.refused:
            print(line)
    return 0


def export(folder, target: pathlib.Path, names: list[str]):
    """The forms of a run, compared on what needs no dataset."""

    source = ensemble_folder.existing(folder)
    return exporting.write(source, tagger.Parts.of_folder(source), exporting.Plan(target), names, None, 16)


def timed(written, num_runs: int, seconds: float) -> None:
    """Prints medians over processes."""
    from kerastag.serving.formats import parity

    places = dict(written.folders)
    if written.served is not None:
        places = {formats.SAVED_MODEL: written.served.path, **places}
    if not places:
        raise errors.KerastagError("no form was written: " + "; ".join(written.refused))
    chunk_samples = files.read_json(next(next(iter(places.values())).rglob(tagger.MODEL_FACTS)))["chunk_samples"]
    chunks = np.random.default_rng(0).normal(0, 0.1, (16, chunk_samples)).astype(np.float32)
    found = {form: [] for form in places}
    for _ in range(num_runs):
        for form, place in places.items():
            found[form].append(parity.ask(form, place, chunks, seconds))
    sizes = {one.form: one.num_bytes for one in written.parities}
    threads = found[next(iter(places))][0].threads
    print(f"{'form':<12} {'MB':>8} {'load ms':>8} {'chunks/s':>9}   medians of {num_runs} processes, {threads} threads")
    for form, answers in found.items():
        load = 1000 * np.median([one.load_seconds for one in answers])
        rate = np.median([one.chunks_per_second for one in answers])
        print(f"{form:<12} {sizes[form] / 1e6:>8.2f} {load:>8.0f} {rate:>9.1f}")


def made_run(folder: pathlib.Path, num_channels: int, num_tags: int = 56) -> str | os.PathLike[str]:
    """A run whose network has random weights."""
    from kerastag import models

    run = run_folder.RunFolder(folder)
    tags.Vocabulary([f"mood/theme---mood{number}" for number in range(num_tags)]).write(run.tags_path)
    files.write_json(run.record_path, {})
    models.short_chunk_resnet(num_tags, num_channels, precision="float32").save(run.model_path)
    return folder


COMMAND = cli.Command("tools/benchmark_formats", "time every form that an export writes", FLAGS, main)

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
