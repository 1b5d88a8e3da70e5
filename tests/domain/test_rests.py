"""How long a tenant rests at a service that turned it away."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from domain.rests import RESTS_FORGOTTEN_AFTER, Rest, next_rest

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)


def test_the_wait_that_was_named_is_kept():
    assert next_rest(None, timedelta(minutes=7), NOW, "t").until == NOW + timedelta(minutes=7)


def test_a_wait_that_nobody_named_doubles_from_a_minute_to_half_an_hour():
    rest, now, waits = None, NOW, []
    for _ in range(8):
        rest = next_rest(rest, None, now, "t")
        waits.append((rest.until - now).total_seconds() / 60)
        now = rest.until
    assert [min(named for named in (1, 2, 4, 8, 16, 30) if wait <= named * 1.2) for wait in waits] == [
        1,
        2,
        4,
        8,
        16,
        30,
        30,
        30,
    ]
    assert all(wait >= named for wait, named in zip(waits, (1, 2, 4, 8, 16, 30, 30, 30), strict=True))


def test_after_an_hour_without_cause_it_begins_anew():
    before = Rest(until=NOW - RESTS_FORGOTTEN_AFTER, times=5)
    assert next_rest(before, None, NOW, "t").times == 1


@given(st.text(max_size=36), st.text(max_size=36))
def test_tenants_that_were_turned_away_together_do_not_come_back_together(one, other):
    waits = {next_rest(Rest(NOW, times), None, NOW, salt).until for salt in {one, other} for times in range(1, 4)}
    assert len(waits) == 3 * len({one, other})


def test_a_rest_holds_until_its_end():
    rest = Rest(until=NOW)
    assert rest.holds_at(NOW - timedelta(seconds=1))
    assert not rest.holds_at(NOW)
