"""Compares shards with `kerastag tag` over the same music: tables that are equal, what sharing costs, memory on Ray.

    python -m tools.benchmarks.catalogue [--num_files=300] [--num_shards=12] [--model=RUN] [--music=FOLDER]
    python -m tools.benchmarks.catalogue --memory_tracks=5000

The plain command comes first, then one worker, two at a time, and Ray with one, two and three actors where it is
installed. Every time is of whole processes, from the first one's start to the last one's end. Each way is timed on a
table of one track for each worker too: that is its start, which is taken off for the tracks a second.
"""

import dataclasses
import itertools
import pathlib
import shutil
import statistics
import sys
import tempfile
import time
from concurrent import futures

import numpy as np
from absl import flags

from kerastag import audio, cli, errors, precisions, ray_actors
from kerastag.cli import options
from tools.benchmarks import catalogue_memory, collection, machine, processes, random_run

ON_RAY = ["--engine=ray", "--ray_cpus=0.25"]

FLAGS = flags.FlagValues()
options.positive(FLAGS, "num_files", 300, "Files: of 20 s, in FLAC, or copies of those of --music in turn.")
flags.DEFINE_string("music", None, "Folder of music to take; None: some is made.", flag_values=FLAGS)
options.positive(FLAGS, "num_shards", 12, "Shards.")
options.positive(FLAGS, "num_rounds", 1, "How often each way is timed; medians are told.")
options.positive(
    FLAGS, "memory_tracks", None, "Instead of times: an actor's memory over so many tracks, links to files."
)
flags.DEFINE_float("sample_seconds", 5.0, "Between two looks at the actor's memory.", 0.1, flag_values=FLAGS)
flags.DEFINE_string("model", None, "A run; None: a network with random weights.", flag_values=FLAGS)
options.positive(FLAGS, "num_channels", 32, "Width of the network that is made.")
options.positive(FLAGS, "num_chunks", 16, "Chunks of each file.")
flags.DEFINE_enum(
    "precision", "float32", precisions.NAMES, "Of the network; in half precision tables may differ.", flag_values=FLAGS
)
flags.DEFINE_string("work_dir", None, "Where files are made; None: among temporary files.", flag_values=FLAGS)


@dataclasses.dataclass(frozen=True)
class Way:
    """How the files are heard.

    Attributes:
      name: for people.
      num_workers: processes or actors.
      engine: flags of the engine; None: the plain command, without shards.
      beside: the way whose times these are compared with; None: none.
    """

    name: str
    num_workers: int
    engine: list[str] | None
    beside: str | None


@dataclasses.dataclass
class Bench:
    """Files, their table, the model, and times in seconds of each way by its name: the start alone, and all."""

    values: flags.FlagValues
    place: pathlib.Path
    model: str
    starts: dict[str, list[float]] = dataclasses.field(default_factory=dict)
    times: dict[str, list[float]] = dataclasses.field(default_factory=dict)

    @property
    def command(self) -> list[str]:
        how = [f"--{name}={getattr(self.values, name)}" for name in ("num_chunks", "precision")]
        return ["-m", "kerastag.tag", f"--model={self.model}", "--quiet", "--results=none", *how]

    def commands(self, way: Way, library: pathlib.Path, output: pathlib.Path, num_shards: int) -> list[list[str]]:
        """What the processes of a way are started with."""
        if way.engine is None:
            return [[*self.command, str(library), f"--output={output}.parquet"]]
        sharded = [f"--tracks={library / 'tracks.txt'}", f"--output={output}", f"--shards={num_shards}"]
        on_ray = [*way.engine, f"--ray_workers={way.num_workers}"] if way.engine else []
        return [[*self.command, *sharded, *on_ray]] * (1 if way.engine else way.num_workers)

    def time(self, way: Way) -> pathlib.Path:
        """Times a way once; returns what the output's name begins with."""
        number = len(self.times.setdefault(way.name, []))
        output = self.place / f"{way.name}_{number}".replace(" ", "_").replace(",", "")
        few = self.place / f"first_{way.num_workers}"
        one_each = self.commands(way, few, output.with_name(f"{output.name}_start"), way.num_workers)
        self.starts.setdefault(way.name, []).append(timed(one_each))
        self.times[way.name].append(timed(self.commands(way, self.place / "library", output, self.values.num_shards)))
        return output

    def line(self, way: Way) -> str:
        """The figures of a way that was timed."""
        start, whole = (statistics.median(times[way.name]) for times in (self.starts, self.times))
        told = f"{way.name:<20} {whole:>9.2f} s {start:>9.2f} s {self.rate(way.name, way.num_workers):>9.2f}"
        if way.beside is None:
            return told
        other = statistics.median(self.times[way.beside])
        slower = self.rate(way.beside, way.num_workers) / self.rate(way.name, way.num_workers)
        return f"{told} {100 * (whole / other - 1):>+9.1f} % {100 * (slower - 1):>+9.1f} %  {way.beside}"

    def rate(self, name: str, num_workers: int) -> float:
        """Tracks a second after the start; NaN where too few tracks were heard for the start to be told apart."""
        start, whole = (statistics.median(times[name]) for times in (self.starts, self.times))
        return (self.values.num_files - num_workers) / (whole - start) if whole > start else float("nan")


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Prints a line for each way; returns 1 if a table differs."""
    print(machine.describe())
    with tempfile.TemporaryDirectory(dir=values.work_dir) as folder:
        place = pathlib.Path(folder)
        model = values.model or processes.alone(random_run.write, place / "run", values.num_channels)
        write_files(values, place / "library")
        bench = Bench(values, place, str(model))
        if values.memory_tracks is not None:
            return measure_memory(bench)
        return compare(bench)


def compare(bench: Bench) -> int:
    """Times every way, in rounds, and compares their tables with that of the plain command."""
    chosen, differences = ways(), dict[str, float]()
    for way in chosen:
        write_first(bench.place, way.num_workers)
    for _, way in itertools.product(range(bench.values.num_rounds), chosen):
        output = bench.time(way)
        if way.engine is None:
            plain = output.with_name(f"{output.name}.parquet")
        else:
            difference = largest_difference(plain, output / "parts")
            differences[way.name] = max(difference, differences.get(way.name, 0.0))
        print(f"  {way.name}: {bench.starts[way.name][-1]:.2f} s, {bench.times[way.name][-1]:.2f} s", flush=True)
    print(f"{'':<20} {'all':>11} {'its start':>11} {'tracks/s':>9} {'slower by':>11} {'but start':>11}  than")
    for way in chosen:
        print(bench.line(way) + (f"; differs by {differences[way.name]:.1g}" if way.name in differences else ""))
    return 0 if max(differences.values()) <= 1e-6 else 1


def measure_memory(bench: Bench) -> int:
    """Prints what one actor's memory comes to.

    Raises:
      KerastagError: Ray is missing, or see catalogue_memory.measure.
    """
    ray_actors.require()
    links = bench.place / "links"
    table, num_shards = catalogue_memory.write_table(bench.place / "library", links, bench.values.memory_tracks)
    way, job = Way("memory", 1, ON_RAY, None), bench.place / "job"
    (command,) = bench.commands(way, table.parent, job, num_shards)
    memory = catalogue_memory.measure(command, job, bench.values.sample_seconds)
    print(f"an actor over {bench.values.memory_tracks} tracks in {num_shards} shards, {memory.text()}")
    return 0


def write_files(values: flags.FlagValues, library: pathlib.Path) -> None:
    """The files to be heard, and their table.

    Raises:
      KerastagError: there is no music in --music.
    """
    if values.music is None:
        collection.write_music(library, values.num_files)
    else:
        sources = sorted(
            path for path in pathlib.Path(values.music).rglob("*") if path.suffix.lower() in audio.ALL_EXTENSIONS
        )
        if not sources:
            raise errors.KerastagError(f"{values.music}: no music is there", "music")
        library.mkdir()
        for number, source in zip(range(values.num_files), itertools.cycle(sources), strict=False):
            shutil.copyfile(source, library / f"{number:05}{source.suffix}")
    write_table(library)


def write_first(place: pathlib.Path, num_files: int) -> None:
    """A library of the first files alone."""
    few = place / f"first_{num_files}"
    if not few.is_dir():
        few.mkdir()
        for path in sorted((place / "library").glob("[0-9]*"))[:num_files]:
            shutil.copyfile(path, few / path.name)
        write_table(few)


def write_table(library: pathlib.Path) -> None:
    """The names of all files, as --tracks takes them."""
    names = sorted(path.name for path in library.glob("[0-9]*"))
    (library / "tracks.txt").write_text("".join(f"{name}\n" for name in names))


def ways() -> list[Way]:
    """The plain command, workers, and actors where Ray is installed."""
    one, two = "1 worker", "2 workers"
    local = [Way("kerastag tag", 1, None, None), Way(one, 1, [], "kerastag tag"), Way(two, 2, [], None)]
    try:
        ray_actors.require()
    except errors.KerastagError as error:
        print(f"without Ray: {error}")
        return local
    on_ray = [("Ray, 1 actor", 1, one), ("Ray, 2 actors", 2, two), ("Ray, 3 actors", 3, None)]
    return [*local, *(Way(name, number, ON_RAY, beside) for name, number, beside in on_ray)]


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
