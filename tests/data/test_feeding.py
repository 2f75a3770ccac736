"""Batches on their way to devices: all of them, in order, and what the host needs stays there."""

import threading

import numpy as np
import pytest
import tensorflow as tf

from kerastag.data import feeding
from kerastag.training import devices


def batches(sizes=(7, 7, 4)):
    rows = np.arange(sum(sizes))
    dataset = tf.data.Dataset.from_tensor_slices({"waveform": rows[:, None] * np.float32(1), "row": rows})
    return dataset.batch(sizes[0])


@pytest.mark.parametrize("num_devices", [1, 2])
def test_batches_come_in_order_shared_out_among_the_devices(num_devices):
    strategy = devices.strategy("mirrored", 2) if num_devices == 2 else devices.strategy("one")
    seen = []
    for host, batch in feeding.feed(batches(), strategy, ["row"]):
        assert isinstance(host["row"], np.ndarray) and set(batch) == {"waveform", "first_row"}
        shares = strategy.experimental_local_results(batch["waveform"])
        firsts = [int(first) for first in strategy.experimental_local_results(batch["first_row"])]
        assert firsts == [0, -(-len(host["row"]) // 2)][:num_devices]
        for share, device in zip(shares, strategy.extended.worker_devices, strict=True):
            assert share.device.endswith(device.removeprefix("/job:localhost/replica:0/task:0")) or num_devices == 1
        together = np.concatenate([share.numpy() for share in shares])
        np.testing.assert_array_equal(together[:, 0], host["row"])
        seen += host["row"].tolist()
    assert seen == list(range(18))


def test_the_thread_ends_when_nobody_asks_for_more():
    before = threading.active_count()
    fed = feeding.feed(batches([1] * 50), devices.strategy("mirrored", 2), ["row"])
    next(fed)
    fed.close()
    assert threading.active_count() == before


def test_what_goes_wrong_in_the_thread_is_raised_where_batches_are_used():
    def fail(value):
        raise ValueError("the disk is gone")

    broken = batches().map(lambda batch: {**batch, "row": tf.numpy_function(fail, [batch["row"]], tf.int64)})
    with pytest.raises(tf.errors.InvalidArgumentError, match="the disk is gone"):
        list(feeding.feed(broken, devices.strategy("mirrored", 2), ["row"]))
