"""The memory that an actor on Ray holds while it goes through thousands of tracks."""

import dataclasses
import itertools
import os
import pathlib
import statistics
import time
from collections.abc import Iterator, Sequence
from concurrent import futures

from kerastag import errors
from tools.benchmarks import growth_work, processes

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
    if len(samples) < 4:
        raise errors.KerastagError(f"{len(samples)} samples of the actor: more tracks are needed")
    bounds = [len(samples) * quarter // 4 for quarter in range(5)]
    medians = tuple(statistics.median(samples[start:stop]) for start, stop in itertools.pairwise(bounds))
    return Memory(len(samples), medians, max(samples))


def actors(process: int) -> Iterator[int]:
    """The actors among what a process has started, directly or not."""
    parents: dict[int, list[int]] = {}
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:  # it has ended
            continue
        parents.setdefault(parent, []).append(int(path.parent.name))
    waiting = [process]
    while waiting:
        children = parents.get(waiting.pop(), [])
        waiting += children
        yield from filter(_is_actor, children)


def _is_actor(process: int) -> bool:
    try:
        return pathlib.Path(f"/proc/{process}/cmdline").read_bytes().startswith(ACTOR)
    except OSError:
        return False


def _held(process: int) -> float:
    """Memory of a process in MB; 0: it has ended."""
    try:
        return growth_work.held_mb(process)
    except (OSError, StopIteration):
        return 0.0
