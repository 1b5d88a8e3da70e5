from datetime import UTC, datetime, timedelta

import pytest

from devhost.schedule import Schedule

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "following"),
    [
        pytest.param("*/5 * * * * *", NOON + timedelta(seconds=5), id="seconds come first"),
        pytest.param("*/5 * * * *", NOON + timedelta(minutes=5), id="five fields begin with minutes"),
        pytest.param("0 0 12 * * *", NOON + timedelta(days=1), id="a match now is not the next one"),
        pytest.param("0 0 0 13 * 5", datetime(2027, 8, 13, tzinfo=UTC), id="day and day of week both match"),
        pytest.param("0 0 0 * Jan Mon", datetime(2027, 1, 4, tzinfo=UTC), id="names of months and days"),
        pytest.param("0 0 0 * * 0", datetime(2026, 11, 29, tzinfo=UTC), id="Sunday is 0"),
    ],
)
def test_the_next_occurrence_is_the_platforms(expression: str, following: datetime) -> None:
    assert Schedule(expression).after(NOON) == following


@pytest.mark.parametrize(
    "expression",
    [
        *("", "every day", "* * * *", "* * * * * * *", "@hourly", "00:05:00", "70 * * * * *"),
        *("0 0 0 L * *", "0 0 0 ? * *", "0 0 0 * * 7", "0 0 0 31 2 *"),
    ],
)
def test_what_the_platform_does_not_take_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match=r"^'"):
        Schedule(expression)


@pytest.mark.parametrize(
    ("expression", "shortest"),
    [("*/30 * * * * *", timedelta(seconds=30)), ("0 0,1 3 * * *", timedelta(minutes=1))],
)
def test_the_shortest_interval_is_found(expression: str, shortest: timedelta) -> None:
    assert Schedule(expression).shortest_interval() == shortest
