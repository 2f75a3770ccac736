"""Batches on their way to the devices of a strategy: copied ahead, while what the host needs stays there."""

import queue
import threading
from collections.abc import Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf

from kerastag.tensors import Tensor

AHEAD = 2  # batches that wait on the devices
_END = object()


def feed(
    batches: tf.data.Dataset, strategy: tf.distribute.Strategy, on_host: Sequence[str], first_row: int = 0
) -> Iterator[tuple[dict[str, np.ndarray], dict[str, Tensor]]]:
    """Each batch twice: what the host needs of it, and all else where it is computed with.

    A value that the host read back from a device would have to wait for all that the device has still to do. Copies to
    a GPU, or to several devices, are made by a thread, AHEAD of their use.

    Args:
      batches: dicts of tensors (batch, ...).
      strategy: each of its devices here gets a share, in order, the first ones one row more where it does not come out
        even.
      on_host: names of what the host needs alone.
      first_row: of the whole batch, of which other processes have other parts, the row that is the first here.

    Yields:
      NumPy arrays (batch, ...) by name; the other values by name, distributed over the replicas, with `first_row` (),
      the place in the batch of a share's first row, int64.
    """
    devices = strategy.extended.worker_devices
    if len(devices) == 1 and "GPU" not in devices[0].upper():  # the dataset makes its batches in the same memory
        for batch in batches:
            yield _taken(batch, on_host), {**_others(batch, on_host), "first_row": _row(first_row)}
        return
    yield from _in_thread(
        (_taken(batch, on_host), _shared_out(_others(batch, on_host), strategy, devices, first_row))
        for batch in batches
    )


def values_of(variables: Sequence[keras.Variable]) -> list[Tensor]:
    """What variables hold, on a replica its own copies; for functions that XLA compiles, which take tensors alone."""
    return [tf.convert_to_tensor(variable.value) for variable in variables]


def _taken(batch: dict[str, Tensor], names: Sequence[str]) -> dict[str, np.ndarray]:
    return {name: batch[name].numpy() for name in names}


def _others(batch: dict[str, Tensor], names: Sequence[str]) -> dict[str, Tensor]:
    return {name: values for name, values in batch.items() if name not in names}


def _row(number: int) -> Tensor:
    return tf.constant(number, tf.int64)


def _shared_out(
    batch: dict[str, Tensor], strategy: tf.distribute.Strategy, devices: Sequence[str], first_row: int
) -> dict[str, Tensor]:
    """A batch in the host's memory, divided among the devices and copied to them."""
    size = len(next(iter(batch.values())))
    ends = np.cumsum([len(rows) for rows in np.array_split(np.arange(size), len(devices))])
    shares = []
    for device, start, stop in zip(devices, [0, *ends[:-1]], ends, strict=True):
        with tf.device("/cpu:0"):
            share = {name: values[start:stop] for name, values in batch.items()} if len(devices) > 1 else batch
        with tf.device(device):
            shares.append(
                {name: tf.identity(values) for name, values in share.items()} | {"first_row": _row(first_row + start)}
            )
    if len(shares) == 1:
        return shares[0]
    return {
        name: strategy.experimental_distribute_values_from_function(
            # replicas are counted over all processes, each of which has as many
            lambda context, name=name: shares[context.replica_id_in_sync_group % len(shares)][name]
        )
        for name in shares[0]
    }


def _in_thread(items: Iterator[tuple]) -> Iterator[tuple]:
    """The items, made by a thread, AHEAD of their use; it ends with them, or when nobody asks for more."""
    waiting: queue.Queue = queue.Queue(AHEAD)
    stopped = threading.Event()

    def put(item: object) -> bool:
        while not stopped.is_set():
            try:
                waiting.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def make() -> None:
        try:
            for item in items:
                if not put(item):
                    return
            put(_END)
        except BaseException as error:  # raised where the items are used
            put(error)

    thread = threading.Thread(target=make, name="feed", daemon=True)
    thread.start()
    try:
        while (item := waiting.get()) is not _END:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stopped.set()
        thread.join()
