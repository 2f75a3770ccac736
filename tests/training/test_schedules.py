"""When which optimiser is at work, and at which rate."""

import pytest

from kerastag.training import schedules


def test_the_papers_schedule_by_hand():
    schedule = schedules.Schedule("staged")
    expected = {
        0: (0, "adam", 1e-4),
        79: (0, "adam", 1e-4),
        80: (1, "sgd", 1e-2),
        109: (1, "sgd", 1e-2),
        110: (2, "sgd", 1e-3),
        140: (3, "sgd", 1e-4),
        170: (4, "sgd", 1e-5),
        199: (4, "sgd", 1e-5),
        500: (4, "sgd", 1e-5),
    }
    for epoch, (number, optimizer, rate) in expected.items():
        assert schedule.stage(epoch) == schedules.Stage(number, optimizer, rate)
        assert schedule.optimizer_of(number) == optimizer


def test_cosine_starts_at_the_rate_passes_its_half_and_falls():
    schedule = schedules.Schedule("cosine", learning_rate=0.2, epochs=10)
    rates = [schedule.stage(epoch).learning_rate for epoch in range(10)]
    assert rates[0] == 0.2 and rates[5] == pytest.approx(0.1)
    assert rates == sorted(rates, reverse=True) and rates[-1] > 0


def test_constant_stays():
    assert {schedules.Schedule(learning_rate=3.0).stage(epoch).learning_rate for epoch in range(300)} == {3.0}
