"""The shards of a job on a Ray cluster: actors that keep one model each, and the same leases and markers as elsewhere.

Which shards are done stands in the shared folder, not in Ray: a driver or a cluster that dies loses the shards in work,
and other workers may take part, on Ray or not.
"""

import dataclasses
import functools
import os
import time
from collections.abc import Iterator
from typing import Any

from kerastag import ray_actors, remote
from kerastag.catalogue import shards, worker


class Actor:
    """What runs in a process of Ray's: a worker with its model.

    Args:
      spec: the job.
    """

    def __init__(self, spec: worker.Spec):
        self._spec = spec

    @functools.cached_property
    def _worker(self) -> worker.Worker:
        return worker.Worker(self._spec)

    def do(self, shard: int, term: int) -> dict[str, int] | None:
        """See worker.Worker.do; the model is loaded with the first shard, and stays."""
        return self._worker.do(shard, term)


def work(spec: worker.Spec, cluster: ray_actors.Cluster) -> Iterator[tuple[int, dict[str, int]]]:
    """Does what is left of a job on actors; yields each shard that they have done, with counts of rows and failed.

    Args:
      spec: the job; kerastag, the table, the folder and the music must be under the same names on every machine.
      cluster: where.

    Raises:
      KerastagError: Ray is missing or cannot be reached, the cluster carries no such actor, a shard has ended
        several of them, or see worker.Worker.work.
    """
    ray_actors.require()
    spec = _absolute(spec)
    job = worker.Worker(spec).job
    with ray_actors.connected(cluster) as ray:
        driver = _Driver(ray, job, spec, cluster)
        try:
            yield from driver.run()
        finally:
            driver.end()


class _Driver:
    """Hands out shards, one to each actor, and takes those of actors that died back."""

    def __init__(self, ray: Any, job: shards.Job, spec: worker.Spec, cluster: ray_actors.Cluster):
        self._job, self._lease_seconds = job, spec.lease_seconds
        self._actors: ray_actors.Actors[int] = ray_actors.Actors(ray, cluster, Actor, [spec], "shard {}".format)
        self._terms: dict[int, int] = {}  # of the shards in work

    def run(self) -> Iterator[tuple[int, dict[str, int]]]:
        while True:
            free, num_taken = self._job.free()
            waiting = [(shard, term) for shard, term in free.items() if shard not in self._terms]
            if not waiting and not self._terms:
                if not num_taken:
                    return
                time.sleep(self._lease_seconds / worker.LOOKS)
            yield from self._hand_out(waiting)

    def end(self) -> None:
        """Ends the actors; their shards may be taken at once."""
        self._actors.end()
        for shard in list(self._terms):
            self._give_back(shard)

    def _hand_out(self, waiting: list[tuple[int, int]]) -> Iterator[tuple[int, dict[str, int]]]:
        """Goes on until all that waits is handed out, or nothing was for a while."""
        while waiting or self._terms:
            while waiting and not self._actors.are_busy:
                shard, term = waiting.pop()
                self._terms[shard] = term
                self._actors.start(shard, shard, term)
            over = self._actors.wait()
            for ended in over:
                if ended.died:
                    self._give_back(ended.key)
                    continue
                del self._terms[ended.key]
                if ended.answer is not None:
                    yield ended.key, ended.answer
            if not waiting and not over:
                return

    def _give_back(self, shard: int) -> None:
        self._job.leases.give_back(shard, self._terms.pop(shard))


def _absolute(spec: worker.Spec) -> worker.Spec:
    """The same with paths from the root: actors work in another folder."""
    paths = {name: getattr(spec, name) for name in ("tracks", "output", "root", "results")}
    local = {name: path for name, path in paths.items() if path is not None and not remote.is_url(path)}
    whole = {name: os.path.abspath(path) for name, path in local.items()}
    model = os.path.abspath(spec.model) if os.path.isdir(spec.model) else spec.model
    return dataclasses.replace(spec, model=model, **whole)
