"""Plans follow from costs and rates by hand."""

import math

import pytest

from kerastag import errors
from tools import plan_catalogue

# a track: 0.5 core-seconds, 5 MB; a machine: 10 cores, 1 Gbit/s; the storage: 1 GB/s
COSTS = plan_catalogue.Costs(0.5, 0.0, 0.005, 10, 0, 0.125, 1.0, machine_price=2.0, egress_price=0.01)


def test_the_slowest_of_a_machine_limits_it():
    assert COSTS.machine_rates == {"its cores": 20.0, "its network": 25.0} and COSTS.storage_rate == 200.0
    done = plan_catalogue.plan(COSTS, 720_000, hours=5.0)  # 40 tracks a second: two machines
    assert (done.num_machines, done.bottleneck) == (2, "its cores")
    assert done.hours == pytest.approx(5.0)
    assert done.price == pytest.approx(2 * 5 * 2.0 + 720_000 * 0.005 * 0.01)


def test_the_storage_limits_all():
    done = plan_catalogue.plan(COSTS, 7_200_000, hours=1.0)  # 2,000 a second, where the storage gives 200
    assert (done.num_machines, done.bottleneck, done.hours) == (10, "the storage", pytest.approx(10.0))
    more = plan_catalogue.plan(COSTS, 7_200_000, hours=1.0, num_machines=40)
    assert (more.num_machines, more.bottleneck, more.hours) == (40, "the storage", pytest.approx(10.0))


def test_starts_and_lost_work_come_on_top():
    slower = plan_catalogue.dataclasses.replace(COSTS, start_seconds=36.0, spare=0.5)
    done = plan_catalogue.plan(slower, 72_000, hours=9.0, num_machines=1)
    assert done.hours == pytest.approx(72_000 * 1.5 / 20 / 3600 + 0.01)
    with pytest.raises(errors.KerastagError, match="less than a worker's start"):
        plan_catalogue.plan(slower, 1, hours=0.01)


def test_flags_become_costs(capsys):
    run = plan_catalogue.COMMAND.run
    assert run(["--num_tracks=1000", "--num_chunks=10", "--read_core_ms=10", "--gpu_chunks=1000"]) == 0
    # 8 cores decode 80 tracks a second, the GPU scores 100, 10 Gbit/s bring 208
    assert "its cores 80.0, its GPUs 100.0, its network 208.3" in capsys.readouterr().out
    assert run(["--num_tracks=many"]) == 2
    assert run(["--read_core_ms=0", "--network_core_ms=0", "--read_share=0"]) == 2


def test_without_bytes_the_storage_is_no_limit():
    assert plan_catalogue.dataclasses.replace(COSTS, gigabytes=0.0).storage_rate == math.inf
