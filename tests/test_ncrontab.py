import json
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import pytest

from ncrontab import Ncrontab

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
PLATFORM = json.loads((Path(__file__).parent / "ncrontab.json").read_text())
"""What the platform's own parser says of 500 expressions: the verdict, and the next five moments within three years."""


@pytest.mark.parametrize("row", PLATFORM["rows"], ids=lambda row: repr(row["expression"]))
def test_the_grammar_is_the_platforms(row):
    if not row["valid"]:
        with pytest.raises(ValueError, match=r"^'"):
            Ncrontab(row["expression"])
        return
    start = datetime.fromisoformat(PLATFORM["start"]).replace(tzinfo=UTC)
    last = start.replace(year=start.year + PLATFORM["until_years"])
    moments = [moment for moment in islice(Ncrontab(row["expression"]).after(start), 5) if moment <= last]
    assert [f"{moment:%Y-%m-%dT%H:%M:%S}" for moment in moments] == row["next"]


@pytest.mark.parametrize(
    ("expression", "following"),
    [
        pytest.param("*/5 * * * * *", NOON + timedelta(seconds=5), id="seconds come first"),
        pytest.param("*/5 * * * *", NOON + timedelta(minutes=5), id="five fields begin with minutes"),
        pytest.param("0 0 12 * * *", NOON + timedelta(days=1), id="a match now is not the next one"),
        pytest.param("0 0 0 13 * 5", datetime(2027, 8, 13, tzinfo=UTC), id="day and day of week both match"),
        pytest.param("0 0 0 * ja Mon", datetime(2027, 1, 4, tzinfo=UTC), id="shortened names of months and days"),
        pytest.param("0 0 0 * * 0", datetime(2026, 11, 29, tzinfo=UTC), id="Sunday is 0"),
        pytest.param("0 0 18-14 * * *", NOON + timedelta(hours=2), id="a range backwards"),
        pytest.param("0 */-1 * * * *", NOON + timedelta(minutes=1), id="a step below 1 is 1"),
        pytest.param("0 0 0 31 2 *", None, id="never"),
    ],
)
def test_the_next_moment_is_the_platforms(expression, following):
    assert next(Ncrontab(expression).after(NOON), None) == following


@pytest.mark.parametrize(
    "expression",
    [
        *("every day", "* * * *", "99 99 99 99 99 99", "- - - - - -", "1, * * * * *", "/5 * * * * *", "*-5 * * * * *"),
        *("1-2-3 * * * * *", "1/2/3 * * * * *", "1_0 * * * * *", "0 0 Jan * * *", "0 0 0 * Mon *", "0 0 0 * * Sundays"),
    ],
)
def test_what_the_platform_does_not_take_is_refused(expression):
    with pytest.raises(ValueError, match=r"^'.*' is not an NCRONTAB expression"):
        Ncrontab(expression)


@pytest.mark.parametrize(
    ("expression", "shortest"),
    [
        ("*/30 * * * * *", timedelta(seconds=30)),
        ("0 0,1 3 * * *", timedelta(minutes=1)),
        ("0 */7 * * * *", timedelta(minutes=4)),
        ("0 0 8-17 * * 1-5", timedelta(hours=1)),
        ("0 0 0 31 2 *", None),
    ],
)
def test_the_interval_is_the_shortest_gap(expression, shortest):
    assert Ncrontab(expression).interval(NOON) == shortest
