"""What attacks with mutated files share: flags, the files one after the other, and what became of them."""

import collections
import dataclasses
import pathlib
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence

from absl import flags

from kerastag import progress
from kerastag.cli import options
from kerastag.metrics import tables
from tools.attacks import watching

LIMIT_SECONDS, LIMIT_MB = 20.0, 1024.0


@dataclasses.dataclass(frozen=True)
class Mutant:
    """A mutated file.

    Attributes:
      path: the file.
      form: what it was.
      room: the folder that is its own.
      readers: who are to read it.
    """

    path: pathlib.Path
    form: str
    room: pathlib.Path
    readers: tuple[str, ...] = ()


Make = Callable[[pathlib.Path], Iterator[Mutant]]  # from an empty folder


def define(values: flags.FlagValues, num_files: int) -> None:
    """Defines the flags of an attack, but for those that choose what is attacked."""
    options.positive(values, "num_files", num_files, "How many files.")
    flags.DEFINE_integer(
        "first", 0, "Number of the first file; each is a function of its number and --seed.", 0, flag_values=values
    )
    flags.DEFINE_string("keep", None, "A folder for the files that were faults.", flag_values=values)
    options.positive(values, "num_processes", 2, "How many read at a time.")
    flags.DEFINE_integer("seed", 0, "Random seed; the same gives the same files.", 0, flag_values=values)


def numbers(values: flags.FlagValues) -> range:
    """The numbers of the files."""
    return range(values.first, values.first + values.num_files)


def run(
    attack: Callable[[Mutant], None],
    mutants: Make,
    values: flags.FlagValues,
    who: str,
    prepare: Callable[[], object] | None = None,
) -> int:
    """Has mutated files read, tells each fault, prints a table. Returns 1 if there was a fault, else 0.

    Args:
      attack: reads a file, in a process of its own; a KerastagError is a refusal.
      mutants: makes the files.
      values: the flags of `define`.
      who: reads them, for the last line.
      prepare: see watching.watched.
    """
    outcomes = []
    with tempfile.TemporaryDirectory() as folder, progress.Bar(values.num_files, "reading") as bar:
        files_to_read = mutants(pathlib.Path(folder))
        limits = (values.num_processes, LIMIT_SECONDS, LIMIT_MB)
        for outcome in watching.watched(attack, files_to_read, *limits, prepare):
            bar.advance()
            outcomes.append(outcome)
            _tell(outcome, values.keep)
            shutil.rmtree(outcome.task.room)
    print(tables.text([table(outcomes)]))
    num_faults = sum(outcome.kind in watching.FAULTS for outcome in outcomes)
    print(f"{len(outcomes)} files, {who}: {num_faults} faults")
    return int(num_faults > 0)


def table(outcomes: Sequence[watching.Outcome]) -> tables.Table:
    """How many files of each form were read, refused, and the rest."""
    kinds = (*watching.FINE, *watching.FAULTS)
    by_form: dict[str, list[watching.Outcome]] = collections.defaultdict(list)
    for outcome in outcomes:
        by_form[outcome.task.form].append(outcome)
    lines: list[tuple[tables.Cell, ...]] = []
    for form, some in by_form.items():
        counts = collections.Counter(outcome.kind for outcome in some)
        slowest, most = max(outcome.seconds for outcome in some), max(outcome.megabytes for outcome in some)
        lines.append((form, *(counts[kind] for kind in kinds), f"{slowest:.1f}", f"{most:.0f}"))
    note = f"Slowest: in seconds, of a file by all readers. Limits: {LIMIT_SECONDS:g} s, {LIMIT_MB:g} MB."
    return tables.Table(("format", *kinds, "slowest", "MB"), tuple(lines), note)


def _tell(outcome: watching.Outcome, keep: str | None) -> None:
    """A line for a fault, whose file is kept."""
    if outcome.kind not in watching.FAULTS:
        return
    room, path = outcome.task.room, outcome.task.path
    print(f"{room.name}, {outcome.task.form}: {outcome.kind}: {outcome.detail!a}", file=sys.stderr)
    if keep is not None:
        kept = pathlib.Path(keep, f"{room.name}{path.suffix}")
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(path.read_bytes())
