"""The memory that an actor on Ray holds while it goes through thousands of tracks."""

import dataclasses
import os
import pathlib
import time
from collections.abc import Iterator, Sequence
from concurrent import futures

from tools import vitals
from tools.benchmarks import processes

ACTOR = b"ray::Actor"  # as Ray calls the processes of catalogue.ray_engine.Actor
SHARD_TRACKS = 100


@dataclasses.dataclass(frozen=True)
class Memory:
    """What samples came to, in MB.

    Attributes:
      count: how many samples there were, all after the first shard was done.
      quarters: medians of the four quarters of them; an actor's libraries warm up in the first.
      most: the largest.
    """

    count: int
    quarters: tuple[float, ...]
    most: float

    def text(self) -> str:
        """A line for people."""
        _, second, _, last = self.quarters
        medians = ", ".join(f"{median:.0f}" for median in self.quarters)
        change = f"from the second to the last {100 * (last / second - 1):+.1f} %"
        return f"{self.count} samples after the first shard: quarters {medians} MB, {change}, most {self.most:.0f} MB"


def write_table(library: pathlib.Path, place: pathlib.Path, num_tracks: int) -> tuple[pathlib.Path, int]:
    """Makes a table of so many names, links to a library's files in turn; returns it and how many shards to cut it in.

    No file comes twice in a shard, where it would be heard once, and no name comes twice at all.
    """
    files = sorted(library.glob("[0-9]*"))
    place.mkdir()
    for number in range(num_tracks):
        source = files[number % len(files)]
        (place / f"{number:06}{source.suffix}").symlink_to(source)
    table = place / "tracks.txt"
    table.write_text("".join(f"{path.name}\n" for path in sorted(place.glob("[0-9]*"))))
    return table, -(-num_tracks // min(SHARD_TRACKS, len(files)))


def measure(command: Sequence[str], job: pathlib.Path, sample_seconds: float) -> Memory:
    """Runs a command of kerastag that hears a table on one actor, and looks at the actor now and then.

    Args:
      command: arguments of the interpreter.
      job: the job's folder; samples begin when its first shard is done.
      sample_seconds: between two samples.

    Raises:
      KerastagError: the command fails, or the work was over before there were samples for four quarters.
    """
    samples = []
    with futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(processes.run_python, command)
        while not running.done():
            time.sleep(sample_seconds)
            if any((job / "done").glob("*.json")):
                samples += [held for held in map(_held, actors(os.getpid())) if held]
        running.result()
    return of_samples(samples)


def of_samples(samples: Sequence[float]) -> Memory:
    """What samples came to.

    Raises:
      KerastagError: there are fewer than four.
    """
    return Memory(len(samples), vitals.quarters(samples, "tracks"), max(samples))


def actors(process: int) -> Iterator[int]:
    """The actors among what a process has started, directly or not."""
    return filter(_is_actor, vitals.descendants(process))


def _is_actor(process: int) -> bool:
    try:
        return pathlib.Path(f"/proc/{process}/cmdline").read_bytes().startswith(ACTOR)
    except OSError:
        return False


def _held(process: int) -> float:
    """Memory of a process in MB; 0: it has ended."""
    try:
        return vitals.held_mb(process)
    except OSError:
        return 0.0
