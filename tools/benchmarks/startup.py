"""Times how long commands take to answer: --help of each, and `kerastag tag` of one short file, phase by phase.

    python -m tools.benchmarks.startup [--model=RUN_DIR] [--file=MUSIC_FILE]

Every figure is the median over processes that start anew. One process before them is not timed, so that files are in
memory and Python has compiled its modules. Without --model a network of --num_channels with random weights is made.
"""

import json
import os
import pathlib
import sys
import tempfile
import time
from collections.abc import Mapping

import numpy as np
from absl import flags

from kerastag import cli
from kerastag.cli import options
from tools.benchmarks import machine, processes, random_run, startup_work

HELP_GOAL, TAG_GOAL, OWN_GOAL = 0.5, 7.0, 1.5  # seconds
FILE_SECONDS, FILE_RATE = 10, 44_100

FLAGS = flags.FlagValues()
options.positive(FLAGS, "num_runs", 5, "Processes whose median is taken.")
flags.DEFINE_string("model", None, "A run, an ensemble of runs, or an export to tag with.", flag_values=FLAGS)
flags.DEFINE_string("file", None, "A short file to tag; None: one of 10 s is made.", flag_values=FLAGS)
options.positive(FLAGS, "num_channels", 128, "Width of the network that is made.")
flags.DEFINE_list("commands", list(cli.COMMANDS), "Commands whose --help is timed.", flag_values=FLAGS)


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Prints a table for --help and one for tagging."""
    print(machine.describe())
    print(f"\n--help, median of {values.num_runs} processes; goal: under {HELP_GOAL:g} s")
    for name in values.commands:
        print(f"{name:<42} {help_seconds(name, values.num_runs):>8.2f} s", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        # TensorFlow is slow to import and not needed here
        model = values.model or processes.alone(random_run.write, pathlib.Path(folder) / "run", values.num_channels)
        path = values.file or write_noise(pathlib.Path(folder))
        print_phases(tag_seconds(model, path, values.num_runs), values.num_runs)
    return 0


def print_phases(seconds: Mapping[str, float], num_runs: int) -> None:
    """The table of one cold `kerastag tag`."""
    print(f"\nkerastag tag of one short file, median of {num_runs} processes")
    for name, title in startup_work.PHASES.items():
        print(f"{title:<42} {seconds[name]:>8.2f} s")
    print(f"{'all':<42} {seconds['all']:>8.2f} s  goal: under {TAG_GOAL:g} s")
    print(f"{'our own share: all but the first two':<42} {seconds['own']:>8.2f} s  goal: under {OWN_GOAL:g} s")


def help_seconds(name: str, num_runs: int) -> float:
    """Median wall-clock seconds of a command's --help.

    Raises:
      KerastagError: it fails.
    """
    times = []
    for _ in range(1 + num_runs):
        started = time.perf_counter()
        processes.run_python(["-m", f"kerastag.{name}", "--help"])
        times.append(time.perf_counter() - started)
    return float(np.median(times[1:]))


def tag_seconds(model: str | os.PathLike[str], path: str | os.PathLike[str], num_runs: int) -> dict[str, float]:
    """Median wall-clock seconds of `kerastag tag` in a new process, by phase, in `all`, and our `own`.

    Raises:
      KerastagError: it fails.
    """
    runs = []
    for _ in range(1 + num_runs):
        with tempfile.NamedTemporaryFile() as timings:
            started = time.time()
            tag = [
                "-m",
                "tools.benchmarks.startup_work",
                timings.name,
                str(started),
                f"--model={model}",
                "--results=none",
                str(path),
            ]
            processes.run_python(tag)
            ended = time.time()
            runs.append(with_totals(json.loads(pathlib.Path(timings.name).read_text()), started, ended))
    return {name: float(np.median([run[name] for run in runs[1:]])) for name in runs[0]}


def with_totals(timings: Mapping[str, float], started: float, ended: float) -> dict[str, float]:
    """Seconds of one process by phase, in `all`, and our `own`.

    Args:
      timings: what startup_work wrote: seconds by phase, and the moment at which its command returned.
      started: the moment at which the process was asked for.
      ended: the moment at which it had ended; its end counts as `rest`.
    """
    seconds = dict(timings)
    seconds["rest"] += ended - seconds.pop("returned")
    seconds["all"] = ended - started
    seconds["own"] = seconds["all"] - sum(seconds[name] for name in startup_work.OTHERS)
    return seconds


def write_noise(folder: pathlib.Path) -> pathlib.Path:
    """A stereo FLAC file of noise."""
    import soundfile

    path = folder / "noise.flac"
    noise = np.random.default_rng(0).normal(0, 0.1, (FILE_SECONDS * FILE_RATE, 2))
    soundfile.write(path, noise, FILE_RATE)
    return path


COMMAND = cli.Command("python -m tools.benchmarks.startup", "time how long commands take to answer", FLAGS, main)

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
