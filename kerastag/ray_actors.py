"""Actors on a Ray cluster: each keeps what it has loaded, has one task at a time, and is replaced when it dies.

Ray is imported when actors are wanted, never before. It keeps nothing of what is done: files do, of those who use this.
"""

import collections
import contextlib
import dataclasses
import importlib
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from kerastag import errors

WAIT_SECONDS = 1.0  # for an answer, before the driver looks again at what is left
DEATHS = 3  # of actors on one task, after which it is the task's fault
PARTS_EACH = 8  # for each actor, so that those that are faster do more of them
LARGEST_PART = 128  # items, so that the death of an actor costs little

Key = TypeVar("Key")
Item = TypeVar("Item")


@dataclasses.dataclass(frozen=True)
class Cluster:
    """Where actors run, and what each gets.

    Attributes:
      address: of the cluster; "auto": that of this machine; None: Ray starts here.
      num_workers: actors; None: as many as CPUs and GPUs carry.
      cpus: of each actor.
      gpus: of each actor; a share of one below 1.
    """

    address: str | None = None
    num_workers: int | None = None
    cpus: float = 1.0
    gpus: float = 0.0


@dataclasses.dataclass(frozen=True)
class Ended(Generic[Key]):
    """A task that is over.

    Attributes:
      key: as the task was started.
      answer: what it returned.
      died: its actor died, so that it is to be done again.
    """

    key: Key
    answer: Any = None
    died: bool = False


def require() -> None:
    """Raises KerastagError: Ray is missing, or does not load."""
    try:
        importlib.import_module("ray")
    except ModuleNotFoundError:
        raise errors.KerastagError("Ray is missing: pip install 'kerastag[ray]'", "engine") from None
    except ImportError as error:
        raise errors.KerastagError(f"Ray does not load ({error})", "engine") from None


@contextlib.contextmanager
def connected(cluster: Cluster) -> Iterator[Any]:
    """Ray, connected to the cluster; a connection that the program has already is used and kept.

    Raises:
      KerastagError: Ray is missing, or cannot be reached.
    """
    require()
    ray = importlib.import_module("ray")
    if ray.is_initialized():
        yield ray
        return
    try:
        local = {"include_dashboard": False} if cluster.address is None else {}
        ray.init(cluster.address, log_to_driver=False, logging_level="ERROR", **local)
    except (ConnectionError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise errors.KerastagError(f"Ray cannot be reached ({reason})", "ray_address") from None
    try:
        yield ray
    finally:
        ray.shutdown()


class Actors(Generic[Key]):
    """Actors of one kind, of which each has one task at a time: no more waits anywhere than there are actors.

    Args:
      ray: see `connected`.
      cluster: how many there are, and what each gets.
      kind: a class; its method `do` is a task. An actor that is new makes one of it in a process of its own, so what
        may fail, as loading a model, belongs into `do`.
      arguments: of the class.
      name: what people call a task, of its key.

    Raises:
      KerastagError: the cluster carries no such actor.
    """

    def __init__(
        self, ray: Any, cluster: Cluster, kind: type, arguments: Sequence[Any], name: Callable[[Key], str]
    ) -> None:
        self.num_actors = num_actors(ray.cluster_resources(), cluster)
        self._ray, self._arguments, self._name = ray, arguments, name
        self._remote = ray.remote(num_cpus=cluster.cpus, num_gpus=cluster.gpus, max_restarts=0)(kind)
        self._idle: list[Any] = []
        self._running: dict[Any, tuple[Any, Key]] = {}
        self._deaths: collections.Counter[Key] = collections.Counter()

    @property
    def are_working(self) -> bool:
        """Whether any task has not ended."""
        return bool(self._running)

    @property
    def are_busy(self) -> bool:
        """Whether no task can be started now."""
        return len(self._running) >= self.num_actors

    def start(self, key: Key, *arguments: Any) -> None:
        """Starts a task, on an actor that has none, or on a new one."""
        actor = self._idle.pop() if self._idle else self._remote.remote(*self._arguments)
        self._running[actor.do.remote(*arguments)] = (actor, key)

    def wait(self) -> list[Ended[Key]]:
        """Tasks that have ended; none if that takes more than WAIT_SECONDS.

        Raises:
          KerastagError: a task has ended several actors, or raised it.
        """
        ready, _ = self._ray.wait(list(self._running), num_returns=1, timeout=WAIT_SECONDS)
        return [self._ended(answer) for answer in ready]

    def end(self) -> None:
        """Ends all actors, whatever they are at."""
        for actor in [*self._idle, *(actor for actor, _ in self._running.values())]:
            self._ray.kill(actor)

    def _ended(self, answer: Any) -> Ended[Key]:
        actor, key = self._running.pop(answer)
        try:
            value = self._ray.get(answer)
        except self._ray.exceptions.RayActorError as error:
            self._ray.kill(actor)  # one that cannot be reached may live on
            self._deaths[key] += 1
            if self._deaths[key] >= DEATHS:
                reason = " ".join(str(error).split())
                raise errors.KerastagError(f"{self._name(key)} ended {DEATHS} actors: {reason}") from None
            return Ended(key, died=True)
        except self._ray.exceptions.RayTaskError as error:
            self._idle.append(actor)
            cause = error.cause
            raise cause if isinstance(cause, errors.KerastagError) else error from None
        self._idle.append(actor)
        return Ended(key, value)


def each_part(
    cluster: Cluster,
    kind: type,
    arguments: Sequence[Any],
    items: Sequence[Item],
    unit: int = 1,
    name: Callable[[Item], str] = str,
) -> Iterator[tuple[range, Any]]:
    """Items in parts, which actors do; yields each part, as it is done, with the answer of `do(items of the part)`.

    Args:
      cluster, kind, arguments: as of `Actors`.
      items: what is to be done, in values that can be sent to another process.
      unit: parts are of so many items, or of a multiple; the last may be smaller.
      name: what people call an item.

    Raises:
      KerastagError: see `connected` and `Actors`.
    """
    if not items:
        return
    with connected(cluster) as ray:
        actors: Actors[range] = Actors(
            ray, cluster, kind, arguments, lambda part: f"{name(items[part[0]])} or up to {len(part) - 1} after it"
        )
        waiting = list(reversed(cut(len(items), actors.num_actors, unit)))
        try:
            while waiting or actors.are_working:
                while waiting and not actors.are_busy:
                    part = waiting.pop()
                    actors.start(part, items[part.start : part.stop])
                for ended in actors.wait():
                    if ended.died:
                        waiting.append(ended.key)
                    else:
                        yield ended.key, ended.answer
        finally:
            actors.end()


def cut(num_items: int, num_actors: int, unit: int) -> list[range]:
    """The parts of so many items: multiples of `unit`, about PARTS_EACH for each actor, or as many as it takes."""
    wanted = min(LARGEST_PART, num_items // (num_actors * PARTS_EACH))
    size = max(1, wanted // unit) * unit
    return [range(start, min(start + size, num_items)) for start in range(0, num_items, size)]


def num_actors(resources: dict[str, float], cluster: Cluster) -> int:
    """How many actors there are to be on a cluster with such resources.

    Raises:
      KerastagError: it carries none.
    """
    carried = [
        int(resources.get(name, 0.0) / share + 1e-6)
        for name, share in (("CPU", cluster.cpus), ("GPU", cluster.gpus))
        if share
    ]
    most = min(carried, default=1)
    if not most:
        told = f"{resources.get('CPU', 0.0):g} CPUs and {resources.get('GPU', 0.0):g} GPUs"
        asked = f"{cluster.cpus:g} and {cluster.gpus:g}"
        raise errors.KerastagError(f"Ray's cluster has {told}, an actor is to have {asked}", "ray_cpus")
    return min(most, cluster.num_workers or most)


def as_given(text: str, *given: str | os.PathLike[str]) -> str:
    """A text that begins with a path from the root, with that path as the user gave it.

    Actors work in another folder than the driver, so that they are told paths from the root.

    Args:
      text: "/data/music/a.mp3: no such file", for instance.
      given: files or folders that the path may be, or be in.
    """
    for name in given:
        whole = os.path.abspath(name)
        rest = text.removeprefix(whole)
        if text.startswith(whole) and rest[:1] in ("", os.sep, ":"):
            return os.fspath(name) + rest
    return text
