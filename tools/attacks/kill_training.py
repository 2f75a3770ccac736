"""Kills a training at random moments, goes on with it each time, and compares what it ends with.

    python -m tools.attacks.kill_training [--num_kills=50] [--train_flags="--num_channels=4 --epochs=40"]

A run on the built-in demo set (or --data_dir) that nobody disturbs comes first. Then the same command with --resume is
sent SIGKILL at a random moment, from its start to some epochs on, or, every third time, as soon as it then writes a
checkpoint or the best model, and is started again, until it was killed often enough; then it may end. Every variable
of both, the history and the best scores must be the same, bit for bit. The exit status is 1 if they are not.
"""

import collections
import contextlib
import pathlib
import random
import shlex
import signal
import subprocess
import sys
import tempfile
import time

from absl import flags

from kerastag import cli, errors
from kerastag.cli import options
from kerastag.metrics import tables
from tools.attacks import trainings

WATCH_SECONDS = 0.002  # how often is looked whether a file is being written
DEFAULT = "--num_channels=2 --num_blocks=2 --epochs=100 --validation_chunks=1 --monitor=none --precision=float32"

FLAGS = flags.FlagValues()
options.positive(FLAGS, "num_kills", 50, "How often it is killed.")
flags.DEFINE_string("train_flags", DEFAULT, "Flags of kerastag train.", flag_values=FLAGS)
flags.DEFINE_integer("seed", 0, "Random seed of the moments.", 0, flag_values=FLAGS)
flags.DEFINE_string("work_dir", None, "Folder for both runs, to be made; default: a temporary one.", flag_values=FLAGS)
MAIN_FLAGS = len(list(FLAGS))
options.define_verbosity(FLAGS)


def partial(folder: pathlib.Path) -> set[str]:
    """The files and folders that are being written and will be renamed into place, or were left behind."""
    with contextlib.suppress(OSError):
        return {path.name for path in folder.iterdir() if ".partial" in path.name}
    return set()


def lived(process: subprocess.Popen[bytes], folder: pathlib.Path, seconds: float, while_writing: bool) -> bool:
    """Waits, then kills; False: it had ended before.

    Args:
      seconds: from now to the kill, or to where the next write is waited for.
    """
    until, left_behind = time.monotonic() + seconds, partial(folder)
    while process.poll() is None:
        if time.monotonic() >= until and (not while_writing or partial(folder) - left_behind):
            process.send_signal(signal.SIGKILL)
            return process.wait() == -signal.SIGKILL
        time.sleep(WATCH_SECONDS)
    return False


def undisturbed(folder: pathlib.Path, more: list[str]) -> tuple[float, float]:
    """Trains to the end; seconds until its first epoch was written down, and in all."""
    started, process = time.monotonic(), trainings.start(folder, more)
    while process.poll() is None and not (folder / "history.tsv").exists():
        time.sleep(WATCH_SECONDS)
    first = time.monotonic() - started
    trainings.finished(process, folder)
    return first, time.monotonic() - started


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Prints a table; returns 1 if the runs differ."""
    dice, counts, more = random.Random(values.seed), collections.Counter[str](), shlex.split(values.train_flags)
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(values.work_dir or stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        whole, killed = folder / "whole", folder / "killed"
        start_seconds, seconds = undisturbed(whole, more)
        latest = start_seconds + (seconds - start_seconds) / values.num_kills  # or it would end before all kills
        process = trainings.start(killed, more)
        while counts["kills"] < values.num_kills:
            while_writing = counts["kills"] % 3 == 2
            if not lived(process, killed, dice.uniform(start_seconds / 2, latest), while_writing):
                trainings.finished(process, killed)
                raise errors.KerastagError(
                    f"the run ended after {counts['kills']} kills; give it more --epochs", "train_flags"
                )
            counts["kills"] += 1
            counts["while writing"] += while_writing
            process = trainings.start(killed, more)
        trainings.finished(process, killed)
        found = trainings.differences(whole, killed)
        counts["left behind"] = len(partial(killed))
    counts["differences"] = len(found)
    print(tables.text([tables.Table(tuple(counts), (tuple(counts.values()),), "")]))
    if found:
        print(f"differ: {', '.join(found[:5])}", file=sys.stderr)
    return int(bool(found))


COMMAND = cli.Command(
    "python -m tools.attacks.kill_training", "kills a training at random moments", FLAGS, main, MAIN_FLAGS
)

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
