"""Has a training run for a long time, and watches what it holds: memory, threads and open handles.

    python -m tools.attacks.soak_training [--minutes=30] [--train_flags="--num_channels=4"] [--data_dir=MUSIC]

A `kerastag train` of its own trains a small network on the built-in demo set (or --data_dir) for more epochs than there
is time for. From its first epoch on /proc is asked every few seconds; what is printed was held after a tenth, half and
all of the time. Then it gets a SIGINT, at which it must say how to go on. The exit status is 1 if after a third of the
time memory grew by more than --limit_mb or handles by more than --limit_handles, or if it did not end as it should.
"""

import contextlib
import pathlib
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence

from absl import flags

from kerastag import cli, errors, progress
from kerastag.cli import options
from kerastag.metrics import tables
from kerastag.runs import run_folder
from tools import vitals
from tools.attacks import trainings

DEFAULT = "--num_channels=2 --num_blocks=2 --epochs=1000000 --validation_chunks=1 --precision=float32"
INTERRUPTED = 130  # exit status of a training that Ctrl-C stopped
ENDING_SECONDS = 120.0  # in which it must end then

FLAGS = flags.FlagValues()
flags.DEFINE_float("minutes", 30.0, "How long it trains, from its first epoch on.", 0.01, flag_values=FLAGS)
options.define_data(FLAGS)
flags.DEFINE_string("train_flags", DEFAULT, "Flags of kerastag train.", flag_values=FLAGS)
flags.DEFINE_float("limit_mb", 50.0, "By how much memory may grow after a third of the time.", 0.0, flag_values=FLAGS)
flags.DEFINE_integer("limit_handles", 5, "By how many open handles may grow then.", 0, flag_values=FLAGS)
flags.DEFINE_string("work_dir", None, "Folder for the run, to be made; default: a temporary one.", flag_values=FLAGS)
MAIN_FLAGS = len(list(FLAGS))
flags.DEFINE_float("sample_seconds", 5.0, "Seconds between two looks at the process.", 0.01, flag_values=FLAGS)
options.define_verbosity(FLAGS)


def watched(
    process: subprocess.Popen[bytes], folder: pathlib.Path, seconds: float, pause: float
) -> list[vitals.Sample]:
    """Samples of a training, from the end of its first epoch on for so many seconds.

    Args:
      process: the training.
      folder: its run.
      seconds: how long.
      pause: seconds between two samples.

    Raises:
      KerastagError: it ends before.
    """
    history = run_folder.RunFolder(folder).history_path
    while not history.is_file():
        _must_run(process, folder, 0.1)
    begin = time.monotonic()
    with vitals.Watch(process.pid, pause) as watch, progress.Bar(round(seconds), "training", "s") as bar:
        while (left := begin + seconds - time.monotonic()) > 0:
            _must_run(process, folder, min(left, 1.0))
            bar.advance_to(min(round(time.monotonic() - begin), round(seconds)))
    return watch.samples


def _must_run(process: subprocess.Popen[bytes], folder: pathlib.Path, seconds: float) -> None:
    """Waits; raises KerastagError if a training ends meanwhile."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
        trainings.finished(process, folder)
        raise errors.KerastagError(f"{folder}: training came to its end; give it more --epochs", "train_flags")


def interrupted(process: subprocess.Popen[bytes], folder: pathlib.Path) -> str:
    """Sends SIGINT; what is wrong with how the training ends, "" for nothing."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(ENDING_SECONDS)
    except subprocess.TimeoutExpired:
        return f"it did not end within {ENDING_SECONDS:g} s of SIGINT"
    said = trainings.last_line(folder)
    if process.returncode != INTERRUPTED or not said.endswith(f"continue with --run_dir={folder} --resume"):
        return f"after SIGINT it ended with status {process.returncode}, and said last: {said}"
    return ""


def faults(growth: vitals.Growth, limit_mb: float, limit_handles: int) -> list[str]:
    """What grew by more than it may."""
    found = []
    if growth.megabytes > limit_mb:
        found.append(f"memory grew by {growth.megabytes:.1f} MB, more than {limit_mb:g}")
    if growth.handles > limit_handles:
        found.append(f"{growth.handles:g} more open handles, more than {limit_handles}")
    return found


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Prints the table; returns 1 if something grew or the training did not end as it should."""
    more: Sequence[str] = shlex.split(values.train_flags)
    more = [*more, f"--data_dir={values.data_dir}"] if values.data_dir is not None else more
    with contextlib.ExitStack() as stack:
        work_dir = pathlib.Path(values.work_dir or stack.enter_context(tempfile.TemporaryDirectory()))
        work_dir.mkdir(parents=True, exist_ok=True)
        folder = work_dir / "run"
        process = trainings.start(folder, more)
        stack.callback(process.wait)
        stack.callback(process.kill)  # first: whatever happens here, it shall not go on alone
        samples = watched(process, folder, 60 * values.minutes, values.sample_seconds)
        ending = interrupted(process, folder)
        num_epochs = len(run_folder.RunFolder(folder).history_path.read_text().splitlines()) - 1
    growth = vitals.growth(samples)
    print(tables.text([vitals.table(samples, 3600 * growth.megabytes_per_second, "MB an hour")]))
    print(
        f"{num_epochs} epochs; after a third of the time {growth.megabytes:+.1f} MB, {growth.threads:+g} threads, "
        f"{growth.handles:+g} handles"
    )
    found = faults(growth, values.limit_mb, values.limit_handles) + ([ending] if ending else [])
    cli.warn(found)
    return int(bool(found))


COMMAND = cli.Command(
    "python -m tools.attacks.soak_training", "watches what a long training holds", FLAGS, main, MAIN_FLAGS
)

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
