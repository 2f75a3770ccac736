"""The simulated queue does every shard, and its figures are those of hand where chance is taken out."""

import random

import pytest

from tools import simulate_shards

SURE = simulate_shards.Setting(10, 30, 100.0, 0.0, 0.0, 40.0, 0.0, 0.0, 0.0)


def simulated(**changes):
    setting = simulate_shards.dataclasses.replace(SURE, **changes)
    return simulate_shards.Simulation(setting, random.Random(1)).run()


def test_without_chance_three_rounds_of_ten():
    one = simulated()
    assert one.seconds == pytest.approx(300.0) and len(one.done_at) == 30
    assert one.counts["claims"] == 30 and one.counts["taken over"] == one.counts["deaths"] == 0


def test_operations_take_their_time_one_after_the_other():
    one = simulated(num_workers=1, num_shards=1, operation_seconds=0.5)
    # a listing is two operations
    operations = 2 + simulate_shards.CLAIM_OPERATIONS + simulate_shards.FINISH_OPERATIONS
    assert one.seconds == pytest.approx(100.0 + 0.5 * operations)


def test_deaths_and_sleepers_cost_claims_and_no_shard():
    one = simulated(num_shards=300, death_rate=0.002, sleep_rate=0.002, start_seconds=5.0)
    lost = one.counts["deaths"] + one.counts["lost leases"]
    assert len(one.done_at) == 300 and one.counts["deaths"] > 20 and one.counts["lost leases"] > 20
    assert one.counts["claims"] == 300 + lost and one.counts["taken over"] == lost
    assert one.seconds > 300 * 100.0 / 10


def test_many_at_once_are_refused_and_get_others():
    one = simulated(num_workers=50, num_shards=60, operation_seconds=0.001)
    assert one.counts["refused"] > 0 and one.counts["claims"] == 60 and len(one.done_at) == 60


def test_the_table_is_printed(capsys):
    assert simulate_shards.COMMAND.run(["--num_workers=20", "--num_shards=50"]) == 0
    assert "20 workers, 50 shards" in capsys.readouterr().out
