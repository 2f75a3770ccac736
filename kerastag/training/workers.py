"""The processes that train a run together, on one machine or several, and what they tell each other.

Keras' fit does not run under MultiWorkerMirroredStrategy; the loop here does. All processes hold the same weights and
take the same decisions; the chief alone writes.
"""

import contextlib
import hashlib
import re
from collections.abc import Iterator, Mapping

import numpy as np
import tensorflow as tf

from kerastag import cluster, errors
from kerastag.data import shares

# what TensorFlow raises where a peer has gone, depending on what it was waiting for
_LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
    tf.errors.InternalError,
)
_ABORTED = re.compile(r"aborted by: (.+)")


class Workers:
    """The processes of a strategy; one alone for every strategy but MultiWorkerMirroredStrategy.

    Args:
      strategy: as devices.strategy makes it.
    """

    def __init__(self, strategy: tf.distribute.Strategy):
        self._strategy = strategy
        self._place = _place(strategy)
        self._sum = tf.function(lambda values: strategy.reduce("SUM", values, axis=None), autograph=False)

    @property
    def index(self) -> int:
        return self._place.index

    @property
    def count(self) -> int:
        return self._place.count

    @property
    def is_chief(self) -> bool:
        return self._place.is_chief

    @property
    def share(self) -> shares.Share:
        """What this process reads of every batch."""
        return shares.Share(self.index, self.count)

    def total(self, values: np.ndarray) -> np.ndarray:
        """The sum of every process' values, which all of them call for at the same place, of one shape and dtype."""
        if self.count == 1:
            return values
        given = iter([values])
        here = self._strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(next(given, np.zeros_like(values)))
        )
        return self._sum(here).numpy()

    def of_chief(self, value: float) -> float:
        """The chief's value."""
        return float(self.total(np.array(value if self.is_chief else 0.0)))

    def wait(self) -> None:
        """Until all processes are here."""
        self.total(np.zeros(1))

    def check_same(self, facts: Mapping[str, object]) -> None:
        """Checks that all processes are about to do the same.

        Args:
          facts: what must be equal, by name; each is told apart by its repr.

        Raises:
          KerastagError: one differs from the chief's.
        """
        if self.count == 1:
            return
        digests = [hashlib.sha256(repr(fact).encode()).digest()[:8] for fact in facts.values()]
        rows = np.zeros((self.count, len(facts)), np.int64)
        rows[self.index] = [int.from_bytes(digest, "big", signed=True) for digest in digests]
        rows = self.total(rows)
        for index, name in zip(*np.nonzero(rows != rows[0]), strict=True):
            other = list(facts)[name]
            raise errors.KerastagError(f"worker {index} has other {other} than worker 0: all must be the same", other)

    @contextlib.contextmanager
    def losses_told(self) -> Iterator[None]:
        """Within, an error of TensorFlow because another process has gone is one line.

        Raises:
          KerastagError: another process has gone.
        """
        try:
            yield
        except _LOST as error:
            if self.count == 1:
                raise
            told = _ABORTED.search(error.message)
            reason = told.group(1) if told else type(error).__name__
            line = f"worker {self.index} of {self.count} has lost another ({reason})"
            raise errors.KerastagError(f"{line}; start all of them again with --resume") from error


def _place(strategy: tf.distribute.Strategy) -> cluster.Place:
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return cluster.ALONE
    resolver = strategy.cluster_resolver
    counts = {role: resolver.cluster_spec().num_tasks(role) for role in resolver.cluster_spec().jobs}
    before = counts.get("chief", 0) if resolver.task_type == "worker" else 0
    return cluster.Place(before + resolver.task_id, sum(counts.values()))
