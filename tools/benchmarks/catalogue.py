"""Compares shards with `kerastag tag` over the same made music: tables that are equal, and what sharing costs.

    python -m tools.benchmarks.catalogue [--num_files=300] [--num_shards=6] [--model=RUN]

The plain command comes first, then one worker, two at a time, and Ray with one, two and three actors where it is
installed. Every time is of whole processes, from the first one's start to the last one's end.
"""

import pathlib
import sys
import tempfile
import time
from concurrent import futures

import numpy as np
from absl import flags

from kerastag import cli, errors
from kerastag.catalogue import ray_engine
from kerastag.cli import options
from tools.benchmarks import collection, machine, processes, random_run

ACTOR = ["--engine=ray", "--ray_cpus=0.25"]

FLAGS = flags.FlagValues()
options.positive(FLAGS, "num_files", 300, "Files of 20 s, in FLAC.")
options.positive(FLAGS, "num_shards", 6, "Shards.")
flags.DEFINE_string("model", None, "A run; None: a network with random weights.", flag_values=FLAGS)
options.positive(FLAGS, "num_channels", 32, "Width of the network that is made.")


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Prints a line for each way; returns 1 if a table differs."""
    print(machine.describe())
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        model = values.model or processes.alone(random_run.write, place / "run", values.num_channels)
        collection.write_music(place / "library", values.num_files)
        names = sorted(path.name for path in (place / "library").iterdir())
        (place / "library" / "tracks.txt").write_text("".join(f"{name}\n" for name in names))
        command = ["-m", "kerastag.tag", f"--model={model}", "--quiet", "--results=none"]
        plain = place / "plain.parquet"
        alone = timed([[*command, str(place / "library"), f"--output={plain}"]])
        print(f"{'kerastag tag':<24} {alone:>8.2f} s", flush=True)
        equal = True
        for name, num_processes, engine in ways():
            job = place / name.replace(" ", "_")
            table = place / "library" / "tracks.txt"
            sharded = [f"--tracks={table}", f"--output={job}", f"--shards={values.num_shards}"]
            seconds = timed([[*command, *sharded, *engine]] * num_processes)
            difference = largest_difference(plain, job / "parts")
            equal = equal and difference <= 1e-6
            compared = f"{seconds / alone:>7.3f} of that, differs by {difference:.1g}"
            print(f"{name:<24} {seconds:>8.2f} s  {compared}", flush=True)
    return 0 if equal else 1


def ways() -> list[tuple[str, int, list[str]]]:
    """Names, processes at a time, and further flags."""
    shards = [("one worker", 1, []), ("two workers", 2, [])]
    try:
        ray_engine.require()
    except errors.KerastagError as error:
        print(f"without Ray: {error}")
        return shards
    on_ray = [(f"Ray, {number} actors", 1, [*ACTOR, f"--ray_workers={number}"]) for number in (1, 2, 3)]
    return [*shards, *on_ray]


def timed(commands: list[list[str]]) -> float:
    """Seconds until processes that start together have ended."""
    started = time.perf_counter()
    with futures.ThreadPoolExecutor(len(commands)) as pool:
        list(pool.map(processes.run_python, commands))
    return time.perf_counter() - started


def largest_difference(plain: pathlib.Path, parts: pathlib.Path) -> float:
    """Between the scores of a plain table and those of a job; infinite where the tracks are not the same."""
    from pyarrow import dataset, parquet

    one, other = parquet.read_table(plain).to_pydict(), dataset.dataset(parts).to_table().to_pydict()
    del other["heard_in_part"]
    if [pathlib.Path(path).name for path in one.pop("path")] != other.pop("path") or any(other.pop("reason")):
        return float("inf")
    return float(np.abs(np.array([one[tag] for tag in one]) - np.array([other[tag] for tag in one])).max())


COMMAND = cli.Command("python -m tools.benchmarks.catalogue", "compare shards with kerastag tag", FLAGS, main)

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
