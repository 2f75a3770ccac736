"""Training by several processes, as flags and the environment ask for it."""

import contextlib
import pathlib
from collections.abc import Iterator

from absl import flags

from kerastag import cluster, errors, models
from kerastag.runs import lock

MULTI_WORKER = "multi_worker"


def place(values: flags.FlagValues) -> cluster.Place:
    """The place of this process among those that train together, checked before any work.

    Raises:
      UsageError: a flag that does not go with several processes.
      KerastagError: the environment does not tell the place.
    """
    if values.strategy != MULTI_WORKER:
        return cluster.ALONE
    if values.model in (*models.PROBES, "popular"):
        raise errors.UsageError(f"--strategy={MULTI_WORKER}: --model={values.model} is trained by one process")
    for name in ("teacher", "swa_from", "num_devices"):
        if getattr(values, name) is not None:
            raise errors.UsageError(f"--strategy={MULTI_WORKER} and --{name} do not go together")
    if values.decoder == "tfio":
        raise errors.UsageError(f"--strategy={MULTI_WORKER} needs --decoder=soundfile")
    if values.run_dir is None:
        raise errors.UsageError(f"--strategy={MULTI_WORKER} needs --run_dir, a folder that all workers see")
    return cluster.place()


@contextlib.contextmanager
def lock_held(folder: pathlib.Path, place: cluster.Place) -> Iterator[list[str]]:
    """The lock of a run's folder, which the chief holds for all; see lock.held."""
    if not place.is_chief:
        yield []
        return
    with lock.held(folder) as taken_over:
        yield taken_over
