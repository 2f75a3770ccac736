"""The shards of a job on a Ray cluster: actors that keep one model each, and the same leases and markers as elsewhere.

The driver hands each actor one shard at a time, so that no more waits anywhere than there are actors. Which shards
are done stands in the shared folder, not in Ray: a driver or a cluster that dies loses the shards in work, and other
workers may take part, on Ray or not.
"""

import collections
import contextlib
import dataclasses
import importlib
import os
import time
from collections.abc import Iterator
from typing import Any

from kerastag import errors, remote
from kerastag.catalogue import shards, worker

WAIT_SECONDS = 1.0  # for an answer, before the driver looks again at what is free
DEATHS = 3  # of actors on one shard, after which it is the shard's fault


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


class Actor:
    """What runs in a process of Ray's: a worker with its model.

    Args:
      spec: the job.
    """

    def __init__(self, spec: worker.Spec):
        self._worker = worker.Worker(spec)

    def do(self, shard: int, term: int) -> dict[str, int] | None:
        """See worker.Worker.do; the model is loaded with the first shard, and stays."""
        return self._worker.do(shard, term)


def work(spec: worker.Spec, cluster: Cluster) -> Iterator[tuple[int, dict[str, int]]]:
    """Does what is left of a job on actors; yields each shard that they have done, with counts of rows and failed.

    Args:
      spec: the job; kerastag, the table, the folder and the music must be under the same names on every machine.
      cluster: where.

    Raises:
      KerastagError: Ray is missing or cannot be reached, the cluster carries no such actor, a shard has ended
        several of them, or see worker.Worker.work.
    """
    require()
    spec = _absolute(spec)
    job = worker.Worker(spec).job
    with _connected(cluster) as ray:
        driver = _Driver(ray, job, spec, cluster)
        try:
            yield from driver.run()
        finally:
            driver.end()


def require() -> None:
    """Raises KerastagError: Ray is missing, or does not load."""
    try:
        importlib.import_module("ray")
    except ModuleNotFoundError:
        raise errors.KerastagError("Ray is missing: pip install 'kerastag[ray]'", "engine") from None
    except ImportError as error:
        raise errors.KerastagError(f"Ray does not load ({error})", "engine") from None


class _Driver:
    """Hands out shards, one to each actor, and takes those of actors that died back."""

    def __init__(self, ray: Any, job: shards.Job, spec: worker.Spec, cluster: Cluster):
        self._ray, self._job, self._spec = ray, job, spec
        self._num_actors = _num_actors(ray.cluster_resources(), cluster)
        self._remote = ray.remote(num_cpus=cluster.cpus, num_gpus=cluster.gpus, max_restarts=0)(Actor)
        self._idle: list[Any] = []
        self._running: dict[Any, tuple[Any, int, int]] = {}
        self._deaths: collections.Counter[int] = collections.Counter()

    def run(self) -> Iterator[tuple[int, dict[str, int]]]:
        while True:
            free, num_taken = self._job.free()
            in_work = {shard for _, shard, _ in self._running.values()}
            waiting = [(shard, term) for shard, term in free.items() if shard not in in_work]
            if not waiting and not self._running:
                if not num_taken:
                    return
                time.sleep(self._spec.lease_seconds / worker.LOOKS)
            yield from self._hand_out(waiting)

    def end(self) -> None:
        """Ends the actors; their shards may be taken at once."""
        for actor in [*self._idle, *(actor for actor, _, _ in self._running.values())]:
            self._ray.kill(actor)
        for _, shard, term in self._running.values():
            self._job.leases.give_back(shard, term)

    def _hand_out(self, waiting: list[tuple[int, int]]) -> Iterator[tuple[int, dict[str, int]]]:
        """Goes on until all that waits is handed out, or nothing was for a while."""
        while waiting or self._running:
            while waiting and len(self._running) < self._num_actors:
                actor = self._idle.pop() if self._idle else self._remote.remote(self._spec)
                shard, term = waiting.pop()
                self._running[actor.do.remote(shard, term)] = (actor, shard, term)
            ready, _ = self._ray.wait(list(self._running), num_returns=1, timeout=WAIT_SECONDS)
            for answer in ready:
                yield from self._answered(answer)
            if not waiting and not ready:
                return

    def _answered(self, answer: Any) -> Iterator[tuple[int, dict[str, int]]]:
        actor, shard, term = self._running.pop(answer)
        try:
            counts = self._ray.get(answer)
        except self._ray.exceptions.RayActorError as error:
            self._job.leases.give_back(shard, term)
            self._deaths[shard] += 1
            if self._deaths[shard] >= DEATHS:
                reason = " ".join(str(error).split())
                raise errors.KerastagError(f"shard {shard} ended {DEATHS} actors: {reason}") from None
            return
        except self._ray.exceptions.RayTaskError as error:
            self._idle.append(actor)
            cause = error.cause
            raise cause if isinstance(cause, errors.KerastagError) else error from None
        self._idle.append(actor)
        if counts is not None:
            yield shard, counts


@contextlib.contextmanager
def _connected(cluster: Cluster) -> Iterator[Any]:
    """Ray, connected to the cluster; a connection that the program has already is used and kept."""
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


def _num_actors(resources: dict[str, float], cluster: Cluster) -> int:
    """How many actors there are to be.

    Raises:
      KerastagError: the cluster carries none.
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


def _absolute(spec: worker.Spec) -> worker.Spec:
    """The same with paths from the root: actors work in another folder."""
    paths = {name: getattr(spec, name) for name in ("tracks", "output", "root", "results")}
    local = {name: path for name, path in paths.items() if path is not None and not remote.is_url(path)}
    whole = {name: os.path.abspath(path) for name, path in local.items()}
    model = os.path.abspath(spec.model) if os.path.isdir(spec.model) else spec.model
    return dataclasses.replace(spec, model=model, **whole)
