"""Refuses a training each of its writes in turn, as a disk does that is full or read-only; then lets it go on.

    python -m tools.attacks.refuse_writes [--train_flags="--num_channels=2 --epochs=2"] [--num_processes=2]

A run on the built-in demo set that nobody disturbs comes first. Then, for every number N, the same training finds the
disk full (ENOSPC) or read-only (EROFS) from its Nth write on, and for every file of the undisturbed run, that files
may not grow to that size. It must end with status 1 and one line that names what could not be written, keep the
newest checkpoint that it had, and, once writing is possible again, end with --resume as the run that nobody disturbed:
weights, scores and losses are the same bit for bit. The exit status is 1 if one of them does not.
"""

import dataclasses
import itertools
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent import futures

from absl import flags

from kerastag import cli, errors, files
from kerastag.cli import options
from kerastag.metrics import tables
from kerastag.runs import run_folder
from tools.attacks import trainings

DEFAULT = (
    "--num_channels=2 --num_blocks=2 --epochs=2 --batch_size=16 --validation_chunks=1 --monitor=scalars "
    "--precision=float32"
)
_REASONS = "no space left on device|read-only file system|file too large"
_TOLD = re.compile(rf"^.*/.*(: | \()({_REASONS})\)?$")  # a path and the reason

FLAGS = flags.FlagValues()
flags.DEFINE_string("train_flags", DEFAULT, "Flags of kerastag train.", flag_values=FLAGS)
KINDS = ("ENOSPC", "EROFS", "size")
flags.DEFINE_list("errors", list(KINDS), "What the disk says; size: of a file too large.", flag_values=FLAGS)
options.positive(FLAGS, "num_processes", 2, "Trainings at a time.")
flags.DEFINE_integer("first", 0, "The first write that is refused; not for sizes.", 0, flag_values=FLAGS)
MAIN_FLAGS = len(list(FLAGS))
options.define_verbosity(FLAGS)


@dataclasses.dataclass(frozen=True)
class Refusal:
    """What became of a training that could not write.

    Attributes:
      how: the error; number: of the first write that failed, or bytes.
      what: the first thing refused; empty: nothing was.
      epoch: of the checkpoint that was kept; -1: there was none.
      fault: what is not as promised; empty: nothing.
    """

    how: str
    number: int
    what: str
    epoch: int
    fault: str

    def __str__(self) -> str:
        first = f"{self.how} {self.number}: {self.what or 'nothing refused'}"
        return f"{first}; epoch {self.epoch} kept; {self.fault or 'as promised'}"


def refuse(place: pathlib.Path, whole: pathlib.Path, how: str, number: int, more: list[str]) -> Refusal:
    """Has a training fail and go on in the folder `place`, which is removed."""
    run, told = place / "run", place.with_suffix(".told")
    place.mkdir()
    module = ("tools.attacks.refusing", str(place), str(number), how, str(told))
    ended = subprocess.run(**trainings.command(run, more, module), capture_output=True, text=True)
    what = told.read_text() if told.exists() else f"over {number} bytes" if how == "size" and ended.returncode else ""
    epoch = kept(run)
    fault = fault_of(ended) if what else ""
    if not fault:
        resumed = subprocess.run(**trainings.command(run, more), capture_output=True, text=True)
        fault = said_last(resumed) if resumed.returncode else ", ".join(trainings.differences(whole, run)[:3])
        if epoch >= 0 and "starts afresh" in resumed.stderr:
            fault = "the checkpoint was not found"
        fault = fault and f"resumed: {fault}"
    shutil.rmtree(place)
    told.unlink(missing_ok=True)
    return Refusal(how, number, what, epoch, fault)


def kept(run: pathlib.Path) -> int:
    """The epoch of the checkpoint, in its place or moved aside to be replaced; -1: there is none."""
    checkpoint = run_folder.RunFolder(run).checkpoint_path
    for folder in (checkpoint, files.aside(checkpoint)):
        if (state := folder / run_folder.STATE).exists():
            return files.read_json(state)["epoch"]
    return -1


def fault_of(ended: subprocess.CompletedProcess[str]) -> str:
    """What is not as promised of a training that could not write; empty: nothing."""
    if ended.returncode != 1:
        return f"exit status {ended.returncode}: {said_last(ended)}"
    if "Traceback" in ended.stderr:
        return f"traceback: {said_last(ended)}"
    return "" if _TOLD.match(said_last(ended)) else f"said: {said_last(ended)}"


def said_last(ended: subprocess.CompletedProcess[str]) -> str:
    """The last line of a process for people."""
    return (ended.stderr.strip().splitlines() or ["nothing"])[-1]


def cases(how: str, whole: pathlib.Path, first: int) -> Iterator[int]:
    """The numbers of `refusing`: writes until there is none of that number, or a byte less than each file has."""
    if how != "size":
        return itertools.count(first)
    return iter(
        sorted({path.stat().st_size - 1 for path in whole.rglob("*") if path.is_file() and path.stat().st_size})
    )


def refusals(folder: pathlib.Path, numbers: Iterator[int], how: str, values: flags.FlagValues) -> Iterator[Refusal]:
    """What became of the training for each number, in order, until nothing was refused."""
    whole, more, num_processes = folder / "whole", shlex.split(values.train_flags), values.num_processes
    with futures.ThreadPoolExecutor(num_processes) as pool:
        while some := list(itertools.islice(numbers, num_processes)):
            tasks = [pool.submit(refuse, folder / f"{how}{number}", whole, how, number, more) for number in some]
            for task in tasks:
                yield task.result()
            if how != "size" and not tasks[-1].result().what:
                return


def fell_back(some: list[Refusal]) -> list[Refusal]:
    """Those that kept an older checkpoint than one that failed before them: a later failure may cost no epoch more."""
    newest = list(itertools.accumulate((refusal.epoch for refusal in some), max))
    return [
        dataclasses.replace(refusal, fault=f"epoch {refusal.epoch} kept, {most} before")
        for refusal, most in zip(some, newest, strict=True)
        if refusal.epoch < most
    ]


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Prints a line for each kind of error, and faults as they are found."""
    if unknown := set(values.errors) - set(KINDS):
        raise errors.UsageError(f"--errors: {min(unknown)} is none of {', '.join(KINDS)}")
    lines, num_faults = [], 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        whole = folder / "whole"
        trainings.finished(trainings.start(whole, shlex.split(values.train_flags)), whole)
        for how in values.errors:
            some = []
            for refusal in refusals(folder, cases(how, whole, values.first), how, values):
                some.append(refusal)
                print(refusal, file=sys.stderr)
            faults = [refusal for refusal in some if refusal.fault] + fell_back(some)
            refused = [refusal for refusal in some if refusal.what]
            lines.append((how, len(refused), len({refusal.what for refusal in refused}), len(faults)))
            num_faults += len(faults)
    note = (
        "Faults: another exit status than 1, a traceback, a line without the file, an older checkpoint, other weights."
    )
    print(tables.text([tables.Table(("error", "trainings", "writes", "faults"), tuple(lines), note)]))
    return int(num_faults > 0)


COMMAND = cli.Command(
    "python -m tools.attacks.refuse_writes", "refuses a training each of its writes", FLAGS, main, MAIN_FLAGS
)

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
