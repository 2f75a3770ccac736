"""Kills the writer of tags at random moments, over and over, and counts what is lost.

    python -m tools.attacks.kill_writes [--num_kills=500] [--output=FOLDER]

A small library of every format is written by a process of its own, which SIGKILL ends somewhere on its way; then the
journal is undone, and that is killed too every other time before it is let to its end. Each file must be at any moment
what it was or what it was to become, byte for byte, and in the end what it was. The processes are forks of one that has
read its modules, so that a kill falls into the work.
"""

import collections
import hashlib
import os
import pathlib
import random
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable

from absl import flags

from kerastag import cli, errors
from kerastag.cli import options
from kerastag.library import journal, replacing, undoing, writing
from kerastag.library.fields import checking
from kerastag.metrics import tables
from tools.datasets import damaged_music

WORDS = ["calm", "film", "a mood of many words " * 40]  # the last is longer than the padding of most files
COPY = re.compile(r"\.[0-9a-f]{24}\.kerastag-partial")

FLAGS = flags.FlagValues()
options.positive(FLAGS, "num_kills", 500, "How many times the writer is killed.")
options.positive(FLAGS, "seconds", 2, "How long each file plays.")
flags.DEFINE_string("output", None, "Folder to work in, to be made; default: a temporary one.", flag_values=FLAGS)
flags.DEFINE_integer("seed", 0, "Random seed of the moments.", 0, flag_values=FLAGS)
MAIN_FLAGS = len(list(FLAGS))
options.define_verbosity(FLAGS)


class Library:
    """A folder of one file of each format, its contents before and after the writing, and a journal beside it."""

    def __init__(self, folder: pathlib.Path, seconds: int):
        self.music, self.journal = folder / "music", folder / "journal.jsonl"
        self.music.mkdir()
        suffixes = damaged_music.LIBSNDFILE_FORMS | damaged_music.FFMPEG_FORMS
        encoded = damaged_music.encoded(damaged_music.sound(seconds, 0))
        self.old = {f"{form}.{suffixes[form][2]}": content for form, content in encoded.items()}
        self.reset()
        write(self.music, self.journal)
        self.new = {name: (self.music / name).read_bytes() for name in self.old}
        self.reset()

    def reset(self) -> None:
        """Makes everything as it was at first."""
        for path in self.music.iterdir():
            if path.name not in self.old:
                path.unlink()
        for name, content in self.old.items():
            (self.music / name).write_bytes(content)
        self.journal.unlink(missing_ok=True)
        shutil.rmtree(self.journal.with_name(self.journal.name + ".old"), ignore_errors=True)

    def states(self) -> collections.Counter[str]:
        """How many files are old, new or something else, and how many other things lie there."""
        hashes = {name: {_hash(self.new[name]): "new", _hash(content): "old"} for name, content in self.old.items()}
        counts: collections.Counter[str] = collections.Counter()
        for path in self.music.iterdir():
            if path.name in hashes:
                counts[hashes[path.name].get(_hash(path.read_bytes()), "damaged")] += 1
            else:
                counts["copies left" if COPY.fullmatch(path.name) else "unknown names"] += 1
        counts["lost"] = len(self.old) - counts["old"] - counts["new"] - counts["damaged"]
        return counts


def write(music: pathlib.Path, journal_path: pathlib.Path) -> None:
    """Writes the words into every file of a folder."""
    replacing.sweep(music)
    paths = [path for path in sorted(music.iterdir()) if not path.name.startswith(".")]
    with journal.Journal(journal_path) as written:
        for path in paths:
            writing.apply(writing.plan(path, "mood", WORDS), written)


def undo(journal_path: pathlib.Path) -> None:
    """Undoes a journal; raises KerastagError if something of it cannot be undone."""
    for undone in undoing.undo(journal_path):
        if undone.outcome not in (undoing.RESTORED, undoing.AS_IT_WAS):
            raise errors.KerastagError(f"{undone.outcome}: {undone.line}")


def forked(work: Callable[[], None], seconds: float | None = None) -> int:
    """Does work in a fork of this process, which is killed after so many seconds; its status, as waitpid gives it."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1]


def rounds(library: Library, num_kills: int, dice: random.Random) -> tuple[tables.Table, bool]:
    """Kills and undoes; what was found, and whether nothing was lost."""
    begun = time.monotonic()
    forked(lambda: write(library.music, library.journal))
    writing_seconds = time.monotonic() - begun
    begun = time.monotonic()
    forked(lambda: undo(library.journal))
    undoing_seconds = time.monotonic() - begun
    totals = {step: collections.Counter[str]() for step in ("write killed", "undo killed", "undone")}
    num_late = num_killed = 0
    while num_killed < num_kills:
        library.reset()
        status = forked(lambda: write(library.music, library.journal), dice.uniform(0, writing_seconds))
        if not os.WIFSIGNALED(status):
            num_late += 1
            continue
        num_killed += 1
        totals["write killed"] += library.states()
        if num_killed % 2 and library.journal.exists():
            forked(lambda: undo(library.journal), dice.uniform(0, undoing_seconds))
            totals["undo killed"] += library.states()
        if library.journal.exists() and library.journal.read_bytes().count(b"\n"):
            totals["undone"]["undo failed"] += int(forked(lambda: undo(library.journal)) != 0)
        replacing.sweep(library.music)  # a kill before the first entry left the journal without a folder to look in
        totals["undone"] += library.states()
    wrong = ("damaged", "lost", "unknown names")
    is_well = not any(total[name] for total in totals.values() for name in wrong)
    done = totals["undone"]
    is_well = is_well and not done["new"] + done["copies left"] + done["undo failed"]
    kinds = ("old", "new", *wrong, "copies left")
    lines = tuple((step, *(total[kind] for kind in kinds)) for step, total in totals.items())
    note = (
        f"{num_kills} kills of a writer that takes {writing_seconds:.2f} s for {len(library.old)} files; "
        f"{num_late} more came too late, {done['undo failed']} journals could not be undone."
    )
    return tables.Table(("files", *kinds), lines, note), is_well


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Prints the table; returns 1 if anything was lost."""
    checking.require()
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(values.output or temporary)
        if values.output is not None:
            folder.mkdir(parents=True)
        library = Library(folder, values.seconds)
        for name in library.old:  # mutagen reads its modules when it first meets a format
            writing.plan(library.music / name, "mood", WORDS)
        table, is_well = rounds(library, values.num_kills, random.Random(values.seed))
    print(tables.text([table]))
    return 0 if is_well else 1


COMMAND = cli.Command(
    "python -m tools.attacks.kill_writes", "kill the writer of tags at random moments", FLAGS, main, MAIN_FLAGS
)

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
