"""Kills, stops and ends workers of `kerastag tag --tracks` at random moments, and counts tracks in the result.

    python -m tools.attacks.kill_shards [--num_kills=300] [--num_workers=4]

Jobs of many small shards are done by workers whose every other step is the real one, but which make up a track's
scores from its name instead of hearing it, so that a kill falls into claiming, writing and renaming rather than into
the network. SIGKILL ends a worker; SIGTERM lets it give its shard back; SIGSTOP has it sleep through its lease and go
on. At any moment each file of results must be whole, and in the end each track must be there once, with its own scores.
"""

import collections
import contextlib
import hashlib
import os
import pathlib
import random
import signal
import sys
import tempfile
import time
from collections.abc import Sequence

import numpy as np
from absl import flags

from kerastag import cli, errors
from kerastag.catalogue import worker
from kerastag.cli import options
from kerastag.library import listening
from kerastag.metrics import tables
from tools.benchmarks import processes, random_run

SECONDS_A_TRACK = 0.002
KINDS = {"SIGKILL": 0.6, "SIGTERM": 0.2, "SIGSTOP": 0.2}
WRONG = ("twice", "missing", "wrong scores", "files not whole", "left behind")

FLAGS = flags.FlagValues()
options.positive(FLAGS, "num_kills", 300, "How many signals are sent.")
options.positive(FLAGS, "num_workers", 4, "Workers at a time.")
options.positive(FLAGS, "num_tracks", 2000, "Of each job.")
options.positive(FLAGS, "num_shards", 40, "Of each job.")
flags.DEFINE_float("lease_seconds", 1.0, "Of each job.", 1.0, flag_values=FLAGS)
flags.DEFINE_integer("seed", 0, "Random seed of the moments.", 0, flag_values=FLAGS)
MAIN_FLAGS = len(list(FLAGS))
options.define_verbosity(FLAGS)


class Listener:
    """Makes up what a model would say, a track at a time."""

    def __init__(self, source: worker.model_source.ModelSource):
        self._source = source

    def hear(self, paths: Sequence[pathlib.Path], on_files: listening.OnFiles, embeddings: bool) -> listening.Heard:
        """Scores from names; every tenth track fails."""
        vocabulary = self._source.vocabulary
        for _ in paths:
            time.sleep(SECONDS_A_TRACK)
            on_files(1)
        heard = tuple(path for path in paths if not fails(path.name))
        scores = np.array([score(path.name) for path in heard], np.float32)[:, None] * np.ones(len(vocabulary))
        failures = {path: f"{path}: made to fail" for path in paths if fails(path.name)}
        return listening.Heard(heard, scores, None, failures, vocabulary, {}, frozenset())


class Worker(worker.Worker):
    """A worker with that listener."""

    @property
    def _listener(self) -> Listener:
        return Listener(self._source)


def fails(name: str) -> bool:
    """Whether a track is one of those that cannot be heard."""
    return hashlib.sha256(name.encode()).digest()[0] % 10 == 0


def score(name: str) -> float:
    """The score of all tags of a track."""
    return int(hashlib.sha256(name.encode()).hexdigest()[:6], 16) / float(1 << 24)


def start(spec: worker.Spec) -> int:
    """A fork that works until nothing is left."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        random.seed()
        collections.deque(Worker(spec).work(), maxlen=0)
        status = 0
    except KeyboardInterrupt:
        status = 2
    finally:
        os._exit(status)


class Round:
    """One job, and the workers on it.

    Args:
      spec: the job.
      num_workers: at a time.
      dice: chooses whom, what and when.
      totals: what is counted.
    """

    def __init__(self, spec: worker.Spec, num_workers: int, dice: random.Random, totals: collections.Counter[str]):
        self._spec, self._num_workers, self._dice, self.totals = spec, num_workers, dice, totals
        self._living: set[int] = set()
        self._asleep: dict[int, float] = {}

    def go(self, num_kills: int) -> None:
        """Sends signals, at most so many, until the job is done."""
        job, sent = Worker(self._spec).job, 0
        while len(job.done()) < len(job.shards):
            self._wake()
            self._bury()
            while len(self._living) < self._num_workers:
                self._living.add(start(self._spec))
            time.sleep(self._dice.uniform(0, 0.2))
            if sent < num_kills and (awake := sorted(self._living - self._asleep.keys())):
                self._send(self._dice.choice(awake))
                sent += 1
                self.totals["files not whole"] += damaged(self._spec)
        while self._living:
            self._wake(at_once=True)
            self._bury()
            time.sleep(0.01)

    def _send(self, process: int) -> None:
        kind = self._dice.choices(list(KINDS), list(KINDS.values()))[0]
        os.kill(process, getattr(signal, kind))
        self.totals[kind] += 1
        if kind == "SIGSTOP":
            self._asleep[process] = time.monotonic() + self._spec.lease_seconds * self._dice.uniform(1.2, 2)

    def _wake(self, at_once: bool = False) -> None:
        for process in [one for one, moment in self._asleep.items() if at_once or moment < time.monotonic()]:
            del self._asleep[process]
            os.kill(process, signal.SIGCONT)

    def _bury(self) -> None:
        for process in list(self._living):
            ended, status = os.waitpid(process, os.WNOHANG)
            if ended:
                self._living.discard(process)
                self._asleep.pop(process, None)
                self.totals["workers that failed"] += os.WIFEXITED(status) and os.WEXITSTATUS(status) == 1


def damaged(spec: worker.Spec) -> int:
    """How many files of results cannot be read as a whole."""
    from pyarrow import parquet

    num_damaged = 0
    for path in pathlib.Path(spec.output, "parts").iterdir():
        try:
            parquet.read_table(path, use_threads=False)
        except (OSError, ValueError):
            num_damaged += 1
    return num_damaged


def count(spec: worker.Spec, totals: collections.Counter[str]) -> None:
    """Counts the tracks of a job that is done, and what was left behind."""
    import json

    from pyarrow import parquet

    seen: collections.Counter[str] = collections.Counter()
    for path in pathlib.Path(spec.output, "parts").iterdir():
        columns = parquet.read_table(path, use_threads=False).to_pydict()
        tag = next(name for name in columns if name not in ("path", "reason"))
        for name, value, reason in zip(columns["path"], columns[tag], columns["reason"], strict=True):
            seen[name] += 1
            expected = None if fails(name) else float(np.float32(score(name)))
            totals["wrong scores"] += value != expected or (reason is not None) != fails(name)
    named = pathlib.Path(spec.tracks).read_text().split()
    totals["tracks"] += len(named)
    totals["twice"] += sum(number - 1 for number in seen.values())
    totals["missing"] += len(set(named) - set(seen))
    totals["left behind"] += sum(len(os.listdir(pathlib.Path(spec.output, name))) for name in ("work", "leases"))
    for path in pathlib.Path(spec.output, "done").iterdir():
        totals["taken over"] += json.loads(path.read_text())["term"] - 1


def main(values: flags.FlagValues, arguments: list[str]) -> int:
    """Prints the table; returns 1 if a track is not there once."""
    dice, totals = random.Random(values.seed), collections.Counter[str]()
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        model = processes.alone(random_run.write, folder / "run", 1)
        for number in range(values.num_tracks):
            (folder / f"{number}.wav").touch()
        (folder / "tracks.txt").write_text("".join(f"{number}.wav\n" for number in range(values.num_tracks)))
        while (sent := sum(totals[kind] for kind in KINDS)) < values.num_kills:
            totals["jobs"] += 1
            job = str(folder / f"job-{totals['jobs']}")
            spec = worker.Spec(
                *(str(folder / "tracks.txt"), job, str(model), values.num_shards), lease_seconds=values.lease_seconds
            )
            Round(spec, values.num_workers, dice, totals).go(values.num_kills - sent)
            count(spec, totals)
    if totals["workers that failed"]:
        raise errors.KerastagError(f"{totals['workers that failed']} workers failed by themselves")
    kinds = ("jobs", "tracks", *KINDS, "taken over", *WRONG)
    print(tables.text([tables.Table(kinds, (tuple(totals[kind] for kind in kinds),), "")]))
    return int(any(totals[kind] for kind in WRONG))


COMMAND = cli.Command(
    "python -m tools.attacks.kill_shards", "kill workers of a catalogue at random moments", FLAGS, main, MAIN_FLAGS
)

if __name__ == "__main__":
    sys.exit(COMMAND.run(sys.argv[1:]))
