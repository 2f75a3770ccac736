"""A shard has one holder at a time; one who slept through its lease finds out."""

import concurrent.futures
import os
import time

import pytest

from kerastag.catalogue import leases


@pytest.fixture
def queue(tmp_path):
    return leases.Leases(tmp_path, lease_seconds=1.0)


def age(queue, shard, term, seconds):
    path = queue._folder / f"{shard:06d}.{term}"
    there = path.stat().st_mtime
    os.utime(path, (there - seconds, there - seconds))


def test_of_many_who_take_a_term_one_gets_it(tmp_path):
    queues = [leases.Leases(tmp_path, 60.0) for _ in range(8)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for shard in range(50):
            taken = list(pool.map(lambda queue, shard=shard: queue.take(shard, 1), queues))
            assert sum(lease is not None for lease in taken) == 1
    assert queues[0].terms() == {shard: 1 for shard in range(50)}


def test_a_lease_is_over_when_it_was_not_renewed(queue):
    lease = queue.take(3, 1)
    assert not queue.is_over(3, 1, queue.now())
    age(queue, 3, 1, 2.0)
    assert queue.is_over(3, 1, queue.now())
    lease.check()  # nobody took it meanwhile: it goes on
    assert not queue.is_over(3, 1, queue.now())


def test_who_was_taken_over_has_lost_it_for_good(queue):
    first = queue.take(3, 1)
    age(queue, 3, 1, 2.0)
    second = queue.take(3, 2)
    assert second is not None and queue.take(3, 2) is None
    with pytest.raises(leases.LeaseLost):
        first.check()
    second.check()
    queue.forget(3, 2)  # it is done
    for lease in (first, second):
        with pytest.raises(leases.LeaseLost):
            lease.check()
    assert not queue.is_over(3, 2, queue.now()) and queue.terms() == {}


def test_a_thread_renews_it_and_notices_a_later_term(queue):
    with queue.take(0, 1) as lease:
        age(queue, 0, 1, 0.9)
        time.sleep(0.6)
        assert not queue.is_over(0, 1, queue.now() + 0.3)  # without renewal it would be 1.8 s old
        lease.check_quickly()
        queue.take(0, 2)
        time.sleep(0.6)
        with pytest.raises(leases.LeaseLost):
            lease.check_quickly()


def test_what_is_given_back_may_be_taken_at_once(queue):
    lease = queue.take(1, 1)
    lease.give_back()
    assert queue.is_over(1, 1, queue.now()) and queue.take(1, 2) is not None
    queue.give_back(1, 2)
    assert queue.is_over(1, 2, queue.now())
    queue.give_back(9, 1)  # its holder died before it took it


def test_the_time_is_that_of_the_folder(queue, monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 0.0)  # a clock that is decades late
    assert queue.now() > 1.7e9
    assert os.listdir(queue._folder) == []
