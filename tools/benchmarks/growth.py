"""Measures how time and memory grow with the number of tracks and with the length of one track.

    python -m tools.benchmarks.growth --music=MUSIC_DIR [--parts=splits,tagging,long]

splits: split files of 1,000 to --max_split tracks, read as `kerastag train` reads them, and its pipeline.
tagging: 1 to --max_tracks short files, tagged by a small network.
long: one file of --hours, tagged by 16 evenly spaced chunks, and by every chunk.
Each figure comes from a process of its own; memory is above what the process held when TensorFlow was imported.
"""

import itertools
import pathlib
import sys
import tempfile

from absl import flags

from kerastag import cli, errors
from kerastag.cli import options
from tools.benchmarks import growth_work, machine, processes

PARTS = ("splits", "tagging", "long")
CHUNK_SECONDS = 4.6
NUM_CALLS = 20  # to tag few tracks, for a median

FLAGS = flags.FlagValues()
flags.DEFINE_string("music", None, "Folder of music; pieces of a few of its files are used.", flag_values=FLAGS)
flags.DEFINE_list("parts", list(PARTS), "What to measure: splits, tagging, long.", flag_values=FLAGS)
options.positive(FLAGS, "max_split", 1_000_000, "Tracks of the largest split file.")
options.positive(FLAGS, "max_tracks", 100_000, "Tracks of the longest tagging.")
flags.DEFINE_float("hours", 10.0, "Length of the long file.", 0.001, 13.0, flag_values=FLAGS)
flags.DEFINE_list("long_forms", list(growth_work.LONG_FORMS), "What the long file is: wav, mp3.", flag_values=FLAGS)
MAIN_FLAGS = len(list(FLAGS))
options.positive(FLAGS, "num_channels", 4, "Width of the network that tags; small, for reading is what is measured.")
options.positive(FLAGS, "num_chunks", 2, "Chunks of each short file; half of them make a step.")
options.positive(FLAGS, "batch_size", 32, "Chunks per step, but for the short files.")
options.positive(FLAGS, "num_batches", 50, "Training batches to read of each split.")
flags.DEFINE_string("work_dir", None, "Where files are made; None: among temporary files.", flag_values=FLAGS)


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Prints a table for each part."""
    options.require(values, "music")
    for name, choices in (("parts", PARTS), ("long_forms", growth_work.LONG_FORMS)):
        for value in getattr(values, name):
            if value not in choices:
                raise errors.UsageError(f"--{name}: '{value}' is none of {', '.join(choices)}")
    print(machine.describe())
    measures = {"splits": measure_splits, "tagging": measure_tagging, "long": measure_long}
    for part in values.parts:
        with tempfile.TemporaryDirectory(dir=values.work_dir) as folder:
            measures[part](values, pathlib.Path(folder))
    return 0


def measure_splits(values: flags.FlagValues, folder: pathlib.Path) -> None:
    """A line for each size of a split."""
    print("\nSplits; goals for 1,000,000 tracks: read in 10 s, first batch within 15 s of the start, 1,500 MB")
    print(f"{'tracks':>10} {'read':>10} {'+ first batch':>15} {'training chunk':>16} {'peak':>12}")
    paths = growth_work.make_snippets(values.music, folder)
    for size in sizes(1000, values.max_split):
        growth_work.write_splits(folder, paths, size)
        work = (str(folder), values.batch_size, values.num_batches)
        figures = processes.alone(growth_work.split_figures, *work)
        print(
            f"{size:>10,} {figures['read_s']:>8.2f} s {figures['first_batch_s']:>13.2f} s "
            f"{figures['chunk_ms']:>13.2f} ms {figures['peak_mb']:>9,.0f} MB",
            flush=True,
        )


def measure_tagging(values: flags.FlagValues, folder: pathlib.Path) -> None:
    """A line for each number of tracks."""
    print(
        f"\nTagging, {values.num_chunks} chunks a track, {values.num_channels} channels; goal: a chunk costs the same"
    )
    print(f"{'tracks':>10} {'to first batch':>16} {'chunk after it':>16} {'in all':>12} {'peak':>12}")
    paths = [str(folder / path) for path in growth_work.make_snippets(values.music, folder)]
    for size in sizes(1, values.max_tracks):
        num_calls = max(1, NUM_CALLS // size)
        batch_size = max(1, values.num_chunks // 2)  # a step after the first, even with one track
        work = (paths, paths[0], size, values.num_chunks, batch_size, values.num_channels, num_calls)
        figures = processes.alone(growth_work.tagging_figures, *work)
        print(
            f"{size:>10,} {figures['start_ms']:>13.1f} ms {figures['chunk_ms']:>13.2f} ms "
            f"{figures['seconds']:>10.2f} s {figures['peak_mb']:>9,.0f} MB",
            flush=True,
        )
    print(f"{figures['first_s']:.1f} s before, once: the network built and traced; {figures['warm_mb']:,.0f} MB then")


def measure_long(values: flags.FlagValues, folder: pathlib.Path) -> None:
    """A line for each form and number of chunks."""
    print(f"\nOne file of {values.hours:g} hours, {values.num_channels} channels; goal: under 300 MB")
    print(f"{'form':>10} {'chunks':>10} {'in all':>12} {'peak':>12} {'of it, for a short file':>26}")
    short = str(folder / growth_work.make_snippets(values.music, folder)[0])
    every = int(3600 * values.hours / CHUNK_SECONDS)
    for form in values.long_forms:
        path = growth_work.write_long(values.music, folder, form, values.hours)
        for num_chunks in (16, every):
            work = ([str(path)], short, 1, num_chunks, values.batch_size, values.num_channels)
            figures = processes.alone(growth_work.tagging_figures, *work)
            print(
                f"{form:>10} {num_chunks:>10,} {figures['seconds']:>10.2f} s {figures['peak_mb']:>9,.0f} MB "
                f"{figures['warm_mb']:>23,.0f} MB",
                flush=True,
            )
        path.unlink()


def sizes(least: int, greatest: int) -> list[int]:
    """Powers of ten from `least` up, and `greatest`."""
    powers = itertools.takewhile(lambda size: size < greatest, (least * 10**n for n in itertools.count()))
    return [*powers, greatest]


COMMAND = cli.Command(
    "python -m tools.benchmarks.growth",
    "measure how time and memory grow with tracks and length",
    FLAGS,
    main,
    main_flags=MAIN_FLAGS,
)

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
