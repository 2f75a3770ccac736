"""What processes hold: figures of this process and its children, and growth worked out by hand."""

import os
import subprocess
import time

import numpy as np
import pytest

from kerastag import errors
from tools import vitals


def test_memory_is_that_of_this_process():
    before = vitals.peak_mb()
    array = np.ones(100_000_000, np.uint8)
    assert vitals.held_mb() > 95 and vitals.peak_mb() >= before
    assert vitals.peak_mb() >= vitals.held_mb() - 1
    assert array[-1] == 1


def test_children_count_and_handles_are_counted(tmp_path):
    with subprocess.Popen(["sh", "-c", "sleep 60 & echo ready; wait"], stdout=-1, start_new_session=True) as parent:
        try:
            assert parent.stdout.readline() == b"ready\n"
            (child,) = vitals.descendants(parent.pid)
            assert parent.pid in vitals.descendants(os.getpid())
            both, alone = vitals.sample(parent.pid, 3.0), vitals.sample(child, 0.0)
            assert (both.seconds, both.threads, alone.threads) == (3.0, 2, 1)
            assert both.handles > alone.handles and both.megabytes > alone.megabytes > 0
        finally:
            os.killpg(parent.pid, 9)
    before = vitals.sample(os.getpid(), 0.0).handles
    with (tmp_path / "a").open("w"), (tmp_path / "b").open("w"):
        assert vitals.sample(os.getpid(), 0.0).handles == before + 2


def test_a_watch_looks_until_the_end_and_bears_the_end_of_the_process():
    with subprocess.Popen(["sleep", "60"]) as process:
        with vitals.Watch(process.pid, 0.02) as watch:
            time.sleep(0.2)
        assert len(watch.samples) > 3 and watch.samples[0].seconds == 0.0
        assert sorted(one.seconds for one in watch.samples) == [one.seconds for one in watch.samples]
        with vitals.Watch(process.pid, 0.02) as short:
            process.kill()
            process.wait()
        assert 1 <= len(short.samples) <= 2
    refused = pytest.raises(errors.KerastagError, match=f"process {process.pid}: cannot be watched")
    with refused, vitals.Watch(process.pid, 1.0):
        pass


def test_growth_by_hand():
    # the first third, in which 1,000 MB come and go, does not count; then 2 MB and half a handle come with each second
    samples = [vitals.Sample(float(second), 1000.0, 50, 90) for second in range(10)]
    samples += [vitals.Sample(float(second), 2.0 * second, 7, 5 + (second - 10) // 2) for second in range(10, 30)]
    growth = vitals.growth(samples)
    # of 20 samples five each: their medians are those of 12 s and 27 s
    assert (growth.megabytes, growth.threads, growth.handles) == (30.0, 0, 7)
    assert growth.megabytes_per_second == pytest.approx(2.0)


def test_the_table_shows_a_tenth_half_and_all():
    samples = [vitals.Sample(60.0 * minute, 100.0 + minute, 3, 4) for minute in range(1, 21)]
    table = vitals.table(samples, -1.5, "MB an hour")
    assert table.rows == (
        ("10%", "2.0", "102.0", 3, 4),
        ("50%", "10.0", "110.0", 3, 4),
        ("100%", "20.0", "120.0", 3, 4),
    )
    assert "-1.50 MB an hour; 20 samples" in table.note
