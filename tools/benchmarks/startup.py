#!/usr/bin/env python3
"""Times how long commands take to answer: --help of each, and `kerastag tag` of one short file, phase by phase.

    tools/benchmark_startup [--model=RUN_DIR] [--file=MUSIC_FILE]

Every figure is the median over processes that start anew, after one that is not timed; the disk's part is thus left
out, and Python's compiled files are there. Without --model a network of --num_channels with random weights is made.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence

import numpy as np
from absl import flags

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]  # the package of this checkout, and what stands beside this file

from kerastag import cli, errors, tags
from kerastag.cli import options
from kerastag.runs import run_folder
from tools.benchmarks import machine, startup_work

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
        model = values.model or made_run(pathlib.Path(folder) / "run", values.num_channels)
        path = values.file or made_file(pathlib.Path(folder))
        print_phases(tag_seconds(model, path, values.num_runs), values.num_runs)
    return 0


def print_phases(seconds: dict[str, float], num_runs: int) -> None:
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
    arguments = [sys.executable, "-m", f"kerastag.{name}", "--help"]
    times = []
    for _ in range(1 + num_runs):
        started = time.perf_counter()
        _run(arguments)
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
            asked = time.time()
            _run(
                [sys.executable, str(HERE / "startup_work.py"), timings.name, str(asked), f"--model={model}", str(path)]
            )
            ended = time.time()
            seconds = json.loads(pathlib.Path(timings.name).read_text())
        seconds["all"] = ended - asked
        seconds["rest"] += ended - seconds.pop("returned")
        seconds["own"] = seconds["all"] - sum(seconds[name] for name in startup_work.OTHERS)
        runs.append(seconds)
    return {name: float(np.median([run[name] for run in runs[1:]])) for name in runs[0]}


def made_run(folder: pathlib.Path, num_channels: int, num_tags: int = 56) -> pathlib.Path:
    """A run whose network has random weights; made in another process, as TensorFlow is slow to import."""
    run = run_folder.RunFolder(folder)
    folder.mkdir(parents=True)
    tags.Vocabulary([f"mood/theme---mood{number}" for number in range(num_tags)]).write(run.tags_path)
    run.record_path.write_text("{}")
    code = f"models.short_chunk_resnet({num_tags}, {num_channels}).save({str(run.model_path)!r})"
    _run([sys.executable, "-c", f"from kerastag import models, runtime; runtime.start(); {code}"])
    return folder


def made_file(folder: pathlib.Path) -> pathlib.Path:
    """A stereo FLAC file of noise."""
    import soundfile

    path = folder / "noise.flac"
    noise = np.random.default_rng(0).normal(0, 0.1, (FILE_SECONDS * FILE_RATE, 2))
    soundfile.write(path, noise, FILE_RATE)
    return path


def _run(arguments: Sequence[str]) -> None:
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # a user's Python keeps what it compiled
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise errors.KerastagError(
            f"{' '.join(arguments)}: exit status {done.returncode}: {done.stderr.strip()[-300:]}"
        )


COMMAND = cli.Command("tools/benchmark_startup", "time how long commands take to answer", FLAGS, main)

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
