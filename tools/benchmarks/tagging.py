"""Times tagging of real music files, from the file to the scores, beside the same in librosa and PyTorch.

    python -m tools.benchmarks.tagging --music=MUSIC_DIR [--codecs=mp3,vorbis]

Each way of tagging takes its turn in a process of its own, after a call on two files that is not timed: no figure
includes imports or the first trace. Files were read once before, so that the time is that of decoding, not of the disk.
Where there are fewer files than --num_files, they are used again under other names, so that no cache by name can help.
"""

import contextlib
import dataclasses
import os
import pathlib
import sys
import tempfile
from collections.abc import Callable, Sequence

from absl import flags

from kerastag import audio, cli, errors
from kerastag.cli import options
from tools.benchmarks import machine, processes, real_music, tagging_work

GOALS = {"mp3": 1500, "vorbis": 1200}  # seconds of music in a second
TWIN_GOAL = 8
NUM_WARM_UP = 2

FLAGS = flags.FlagValues()
flags.DEFINE_string("music", None, "Folder of music, such as tools.datasets.debian_music writes.", flag_values=FLAGS)
flags.DEFINE_list("codecs", ["mp3", "vorbis"], "Codecs to tag: mp3, vorbis, opus, flac.", flag_values=FLAGS)
options.positive(FLAGS, "num_files", 40, "Files of each codec.")
options.positive(FLAGS, "num_twin_files", 4, "Files of each codec for librosa, which is slow.")
flags.DEFINE_string(
    "work_dir",
    None,
    "Where files of codecs that --music lacks are made and kept; without it they are made anew.",
    flag_values=FLAGS,
)
MAIN_FLAGS = len(list(FLAGS))
options.positive(FLAGS, "num_chunks", 16, "Evenly spaced chunks of each file whose scores are averaged.")
options.positive(FLAGS, "batch_size", 32, "Chunks per step.")
options.positive(FLAGS, "num_channels", 128, "Width of the network; its weights are random.")
options.positive(FLAGS, "min_seconds", int(real_music.SECONDS[0]), "The least length of a file.")
options.positive(FLAGS, "max_seconds", int(real_music.SECONDS[1]), "The greatest length of a file.")
options.define_devices(FLAGS)


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Prints a table for each codec."""
    options.require(values, "music")
    for codec in values.codecs:
        if codec not in real_music.FORMS:
            raise errors.UsageError(f"--codecs: '{codec}' is none of {', '.join(real_music.FORMS)}")
    machine.need_librosa()
    print(machine.describe())
    gpu = processes.alone(machine.accelerator).gpu
    if gpu is not None:
        print(f"GPU: {gpu}")
    print(
        f"{values.num_chunks} chunks of 4.6 s a file, {values.num_channels} channels, precision {values.precision}; "
        "files in memory, after an untimed call"
    )
    with contextlib.ExitStack() as stack:
        work_dir = values.work_dir or stack.enter_context(tempfile.TemporaryDirectory())
        links = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for codec in values.codecs:
            bounds = (values.min_seconds, values.max_seconds)
            files = real_music.files_of(values.music, codec, values.num_files, work_dir, bounds)
            print(f"\n{codec}: {real_music.origin(files, work_dir)}")
            time_codec(Turns(values, files, links / codec), GOALS.get(codec))
    return 0


def time_codec(turns: "Turns", goal: int | None) -> None:
    """Prints a line for each way of tagging the files of a codec."""
    ours = turns.rate(tagging_work.kerastag_seconds, turns.all)
    print_line("kerastag tag", ours, f"goal {goal:,}" if goal else "")
    print_line("  its reading alone", turns.rate(tagging_work.reading_seconds, turns.all))
    print_line("  its network alone", turns.rate(tagging_work.network_seconds, turns.all))
    if machine.has_torch():
        twin = turns.rate(tagging_work.twin_seconds, turns.few)
        note = f"kerastag is {ours.times_real_time / twin.times_real_time:.1f} x as fast, goal {TWIN_GOAL}"
        print_line("librosa, PyTorch's twin in float32", twin, note)
    mel = turns.rate(tagging_work.mel_seconds, turns.few)
    note = f"{ours.times_real_time / mel.times_real_time:.1f} x; without its network, its larger part"
    print_line("musicnn's loading and mel alone", mel, note)


@dataclasses.dataclass(frozen=True)
class Rate:
    """Files a second, and seconds of music in a second."""

    num_files: int
    files: float
    times_real_time: float


class Turns:
    """The files of a codec, and how each way takes its turn at them.

    Args:
      values: the tool's flags.
      files: distinct ones.
      folder: where links to them are made.

    Attributes:
      all: as many files as --num_files, some of them perhaps several times under different names.
      few: those for librosa.
    """

    def __init__(self, values: flags.FlagValues, files: Sequence[pathlib.Path], folder: pathlib.Path):
        self._values = values
        folder.mkdir()
        linked = []
        for number in range(NUM_WARM_UP + values.num_files):
            source = files[number % len(files)].resolve()
            source.read_bytes()  # from the disk into memory
            linked.append(folder / f"{number:04d}{source.suffix}")
            linked[-1].symlink_to(source)
        self._warm_up = [os.fspath(path) for path in linked[:NUM_WARM_UP]]
        self.all = [os.fspath(path) for path in linked[NUM_WARM_UP:]]
        self.few = self.all[: values.num_twin_files]

    def rate(self, seconds_of: Callable[[tagging_work.Job], float], paths: Sequence[str]) -> Rate:
        """How fast one way is at these files."""
        values = self._values
        job = tagging_work.Job(
            paths,
            self._warm_up,
            values.num_chunks,
            values.batch_size,
            values.num_channels,
            options.computing_of(values),
        )
        seconds = processes.alone(seconds_of, job)
        music = sum(audio.info(path).seconds for path in paths)
        return Rate(len(paths), len(paths) / seconds, music / seconds)


def print_line(name: str, rate: Rate, note: str = "") -> None:
    """One way's figures."""
    line = f"{name:<36} {rate.num_files:>4} files {rate.files:>8.2f} files/s {rate.times_real_time:>8,.0f} x real time"
    print(f"{line}  {note}".rstrip(), flush=True)


COMMAND = cli.Command(
    "python -m tools.benchmarks.tagging", "time tagging beside librosa and PyTorch", FLAGS, main, main_flags=MAIN_FLAGS
)

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
