"""Objectives: what is within them, and what is left of the error budget."""

from datetime import timedelta

import pytest

from domain.objectives import OBJECTIVES, DayTallies, MetTally, health_of, is_met, seen_objective
from tests.domain.builders import NOW


@pytest.mark.parametrize(("objective", "minutes"), [("fast-seen", 5.5), ("fast-proven", 7), ("slow-seen", 16)])
def test_an_objective_is_met_up_to_its_time(objective, minutes):
    limit = NOW + timedelta(minutes=minutes)
    assert is_met(objective, NOW, limit)
    assert not is_met(objective, NOW, limit + timedelta(seconds=1))


def test_each_lane_has_its_own():
    assert (seen_objective("fast"), seen_objective("slow")) == ("fast-seen", "slow-seen")


def test_the_budget_is_what_may_be_missed():
    objective = OBJECTIVES["fast-seen"]
    quiet = health_of(objective, [], DayTallies())
    assert (quiet.measured, quiet.achieved, quiet.budget_left, quiet.burn) == (0, None, 1, 0)
    today = DayTallies().counting("fast-seen", met=True).counting("fast-seen", met=False)
    assert today.tallies["fast-seen"] == MetTally(1, 1)
    before = DayTallies({"fast-seen": MetTally(198, 0), "slow-seen": MetTally(0, 9)})
    health = health_of(objective, [before, today], today)
    assert (health.measured, health.achieved) == (200, 0.995)
    assert health.budget_left == pytest.approx(0.9)
    assert health.burn == pytest.approx(10)
    assert health_of(objective, [today], today).budget_left == pytest.approx(-9)
