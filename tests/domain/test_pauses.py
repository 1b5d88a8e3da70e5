"""How pauses grow."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.pauses import doubling

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.mark.parametrize(("doublings", "minutes"), [(0, 1), (1, 2), (5, 32), (6, 60), (1000, 60)])
def test_each_pause_is_twice_as_long_as_the_one_before_until_the_longest(doublings, minutes):
    assert doubling(MINUTE, HOUR, doublings) == timedelta(minutes=minutes)


@given(st.integers(0, 10_000))
def test_no_pause_is_shorter_than_the_one_before(doublings):
    assert doubling(MINUTE, HOUR, doublings) <= doubling(MINUTE, HOUR, doublings + 1) <= HOUR
