"""Which looks come due between two ticks: every tenant once an interval, and none when the schedule says not to."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.fleet import LOOKS, Cursor, LookName, Rhythm, Window, due, late, place_of, shards

NOON = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
FIVE = Rhythm.of("0 */5 * * * *", NOON)
TENANTS = [str(UUID(int=number)) for number in range(1, 201)]


def looked_at(rhythm, ticks, tenants=TENANTS):
    """How often each tenant is due in the windows between *ticks*."""
    found: Counter[str] = Counter()
    for after, until in pairwise(ticks):
        window = rhythm.window(after, until)
        found.update(tenant for tenant in tenants if window.has(place_of(tenant)))
    return found


def each_minute(minutes, start=NOON):
    return [start + number * MINUTE for number in range(minutes + 1)]


@given(
    st.sampled_from(["0 */5 * * * *", "30 */5 * * * *", "0 */15 * * * *", "*/2 * * * * *", "0 0 * * * *"]),
    st.lists(st.integers(1, 200), min_size=1, max_size=8),
)
def test_however_irregular_the_ticks_every_tenant_is_due_once_an_interval(expression, gaps_s):
    rhythm = Rhythm.of(expression, NOON)
    every = rhythm.interval or MINUTE
    ticks = [NOON]
    for gap in gaps_s:
        ticks.append(ticks[-1] + min(timedelta(seconds=gap), every))
    intervals = (ticks[-1] - NOON) // every
    found = looked_at(rhythm, ticks, TENANTS[:10])
    assert all(intervals <= found[tenant] <= intervals + 1 for tenant in TENANTS[:10])


def test_the_fleet_is_spread_over_the_interval():
    busiest = [
        sum(FIVE.window(after, after + MINUTE).has(place_of(tenant)) for tenant in TENANTS) for after in each_minute(4)
    ]
    assert sum(busiest) == len(TENANTS)
    assert max(busiest) < 2 * min(busiest)


def test_no_tenant_is_visited_twice_for_two_lanes():
    windows: list[dict[LookName, Window]] = [
        {
            "fast": FIVE.window(after, after + MINUTE),
            "slow": Rhythm.of("0 */15 * * * *", NOON).window(after, after + MINUTE),
        }
        for after in each_minute(14)
    ]
    visits = [looks for each in windows for looks in due(TENANTS, each).values()]
    assert Counter(visits) == {("fast",): 2 * len(TENANTS), ("fast", "slow"): len(TENANTS)}


def test_catching_up_never_asks_for_more_than_one_intervals_work():
    assert set(looked_at(FIVE, [NOON, NOON + timedelta(days=3)]).values()) == {1}


def test_nothing_is_due_where_time_stands_still_or_goes_back():
    assert looked_at(FIVE, [NOON, NOON, NOON - MINUTE]) == {}


@pytest.mark.parametrize("expression", ["0 */5 8-17 * * 1-5", "0 0 2 * * *", "0 0 */6 * * *", "0 0 6 1 * *"])
def test_hours_and_days_that_are_not_named_are_left_alone(expression):
    rhythm, monday = Rhythm.of(expression, NOON), datetime(2026, 11, 30, tzinfo=UTC)
    ticks = [monday + timedelta(minutes=30 * number) for number in range(2 * 24 * 8)]
    named = rhythm.schedule
    for after, until in pairwise(ticks):
        window = rhythm.window(after, until)
        if not (named.names_day_and_hour_of(after) or named.names_day_and_hour_of(until - timedelta(seconds=1))):
            assert not any(window.has(place_of(tenant)) for tenant in TENANTS[:10])


@pytest.mark.parametrize(("expression", "days"), [("0 0 2 * * *", 1), ("0 0 2 * * 1", 7), ("0 0 0 */2 * *", 2)])
def test_a_schedule_of_days_looks_at_each_tenant_on_each_of_its_days(expression, days):
    rhythm = Rhythm.of(expression, NOON)
    monday = datetime(2026, 11, 30, tzinfo=UTC)
    found = looked_at(rhythm, [monday + timedelta(hours=n) for n in range(24 * 14 + 1)], TENANTS[:10])
    assert {found[tenant] for tenant in TENANTS[:10]} == {14 // days}


def test_a_schedule_that_never_comes_is_never_due():
    assert looked_at(Rhythm.of("0 0 0 31 2 *", NOON), [NOON, NOON + timedelta(days=900)]) == {}


MONDAY = datetime(2026, 11, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "looked_h", "now_h", "waited_h"),
    [
        ("0 */5 * * * *", 1.5, 26.25, 24.75),
        ("0 */5 * * * *", 2, 1, 0),
        ("0 */5 8-17 * * 1-5", 17.75, 19.5, 0.25),
        ("0 */5 8-17 * * 1-5", 17.75, 24 + 8.25, 0.5),
        ("0 */5 8-17 * * 1-5", 12, 19.5, 6),
        ("0 */5 8-17 * * 1-5", 4 * 24 + 17.75, 7 * 24 + 8, 0.25),
        ("0 0 2 * * *", 2.75, 24 + 2.75, 0),
        ("0 0 2 * * *", 2.75, 24 + 3.25, 0.25),
        ("0 0 0 31 2 *", 0, 900 * 24, 0),
    ],
)
def test_a_tenant_waits_for_its_look_only_while_the_schedule_asks_for_one(expression, looked_h, now_h, waited_h):
    looked, now = (MONDAY + timedelta(hours=each) for each in (looked_h, now_h))
    assert Rhythm.of(expression, now).waited(looked, now) == timedelta(hours=waited_h)


@pytest.mark.parametrize("expression", ["0 */5 * * * *", "0 */15 8-17 * * *", "0 0 * * * *", "0 0 2,14 * * *"])
@pytest.mark.parametrize("tenant", TENANTS[:3])
def test_who_is_looked_at_whenever_it_is_due_never_waits_longer_than_an_interval(expression, tenant):
    rhythm, looked, step = Rhythm.of(expression, MONDAY), MONDAY, 5 * MINUTE
    for number in range(2 * 24 * 12):
        after, now = MONDAY + number * step, MONDAY + (number + 1) * step
        if rhythm.window(after, now).has(place_of(tenant)):
            looked = now
        assert rhythm.waited(looked, now) <= min(rhythm.interval or step, timedelta(hours=1)) + step


def test_shards_hold_tenants_with_the_same_looks_and_no_more_than_their_size():
    visits = {tenant: LOOKS if number % 3 else ("fast",) for number, tenant in enumerate(TENANTS)}
    made = list(shards(visits, 25))
    assert {tenant: looks for looks, tenants in made for tenant in tenants} == visits
    assert sum(len(tenants) for _, tenants in made) == len(TENANTS)
    assert max(len(tenants) for _, tenants in made) == 25


@pytest.mark.parametrize(
    ("cursor", "expression", "by_s"),
    [
        (None, "0 * * * * *", 0),
        (Cursor(done=NOON - timedelta(seconds=30)), "0 * * * * *", 0),
        (Cursor(done=NOON - timedelta(seconds=210)), "0 * * * * *", 180),
        (Cursor(done=NOON - timedelta(days=2)), "0 0 0 1 1 *", 0),
        (Cursor(done=NOON - timedelta(days=2)), "0 0 0 31 2 *", 0),
        (Cursor(done=NOON + timedelta(seconds=60)), "0 * * * * *", 0),
        (Cursor(done=NOON + timedelta(days=2)), "0 * * * * *", 2 * 24 * 3600),
    ],
)
def test_a_tick_is_late_by_what_has_passed_since_it_was_to_come(cursor, expression, by_s):
    assert late(cursor, Rhythm.of(expression, NOON), NOON) == timedelta(seconds=by_s)


@pytest.mark.parametrize(
    ("claimed_s", "expression", "held"),
    [
        (None, "0 * * * * *", False),
        (59, "0 * * * * *", True),
        (60, "0 * * * * *", False),
        (4, "* * * * * *", True),
        (5, "* * * * * *", False),
        (59, "0 0 0 31 2 *", True),
        (-59, "0 * * * * *", True),
        (-60, "0 * * * * *", False),
        (-3600, "0 0 0 31 2 *", False),
    ],
)
def test_a_claim_is_worth_one_interval_of_the_tick_and_so_is_one_by_a_clock_that_is_ahead(claimed_s, expression, held):
    claimed = None if claimed_s is None else NOON - timedelta(seconds=claimed_s)
    assert Cursor(done=NOON - MINUTE, claimed=claimed).is_claimed(NOON, Rhythm.of(expression, NOON)) is held


@given(st.integers(-3600, 3600), st.lists(st.integers(1, 90), min_size=1, max_size=8))
def test_wherever_a_wrong_clock_put_the_cursor_ticks_go_on_from_now(ahead_s, gaps_s):
    cursor, now = Cursor(done=NOON + timedelta(seconds=ahead_s), compared=NOON, timer_at=NOON), NOON
    for gap in gaps_s:
        now += timedelta(seconds=gap)
        before = cursor.at(now)
        assert before.done <= now + MINUTE
        assert before == cursor or (before.done, before.compared, before.timer_at) == (now, None, None)
        cursor = Cursor(done=max(now, before.done))
        assert late(cursor, Rhythm.of("0 * * * * *", now), now) == timedelta()
