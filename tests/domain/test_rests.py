"""How long a tenant rests at a service that turned it away."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.rests import (
    FIRST_REFUSED_REST,
    JITTER,
    LONGEST_REST,
    PERSISTS_AFTER,
    RESTS_FORGOTTEN_AFTER,
    THROTTLED_LONG,
    Rest,
    next_refusal,
    next_rest,
    next_silence,
)

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)


def test_the_wait_that_was_named_is_kept():
    assert next_rest(None, timedelta(minutes=7), NOW, "t").until == NOW + timedelta(minutes=7)


@pytest.mark.parametrize(("wait", "long"), [(timedelta(minutes=59), False), (timedelta(hours=1), True)])
def test_a_wait_of_an_hour_counts_as_a_rest_of_which_operators_are_told(wait, long):
    assert (next_rest(None, wait, NOW, "t").times >= THROTTLED_LONG) == long


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


def refused_each(interval, visits):
    """What each of so many visits, one *interval* after another, made of a service that refuses us."""
    rest, now, asked = None, NOW, []
    for _ in range(visits):
        if rest is None or not rest.holds_at(now):
            rest = next_refusal(rest, "no", now, "t")
            asked.append((now, rest))
        now += interval
    return asked


def test_a_refusal_is_no_rest_until_it_persists_and_then_each_is_longer_up_to_half_an_hour():
    asked = refused_each(timedelta(minutes=5), 100)
    early = [rest for now, rest in asked if now - NOW < PERSISTS_AFTER]
    assert [(rest.times, rest.holds_at(NOW)) for rest in early[:1]] == [(0, False)]
    waits = [rest.until - now for now, rest in asked[len(early) :]]
    assert len(early) == 3
    assert FIRST_REFUSED_REST <= waits[0] <= FIRST_REFUSED_REST * (1 + JITTER)
    assert all(LONGEST_REST <= wait <= LONGEST_REST * (1 + JITTER) for wait in waits[2:])


def test_a_refusal_says_since_when_and_why():
    (_, first), (_, second) = refused_each(timedelta(minutes=20), 2)
    assert first.refused_since == second.refused_since == NOW
    assert second.sentence.startswith("refused until 2026-11-29T12:2")
    assert second.sentence.endswith(": no")
    assert Rest(until=NOW).sentence == "throttled until 2026-11-29T12:00:00Z"


def test_a_refusal_long_after_another_begins_anew():
    before = Rest(until=NOW - RESTS_FORGOTTEN_AFTER, times=5, refused_since=NOW - timedelta(days=1))
    assert next_refusal(before, "no", NOW, "t") == Rest(until=NOW, times=0, refused_since=NOW, why="no")


def test_a_throttle_and_a_refusal_do_not_count_as_one():
    refused = Rest(until=NOW, times=4, refused_since=NOW)
    assert next_rest(refused, None, NOW, "t").times == 1
    assert next_refusal(Rest(until=NOW, times=4), "no", NOW, "t").times == 0


def test_one_lost_answer_is_no_rest_and_from_the_second_in_a_row_on_each_is_longer():
    first = next_silence(None, "GET -> 504", NOW, "t")
    assert (first.times, first.holds_at(NOW)) == (0, False)
    rest, waits = first, []
    for _ in range(7):
        now = rest.until
        rest = next_silence(rest, "GET -> 504", now, "t")
        waits.append(rest.until - now)
    named = [timedelta(minutes=each) for each in (1, 2, 4, 8, 10, 10, 10)]
    assert all(least <= wait <= least * (1 + JITTER) for least, wait in zip(named, waits, strict=True))
    assert rest.sentence.startswith("no answer, not asked until 2026-11-29T1")
    assert rest.sentence.endswith("Z: GET -> 504")


def test_a_lost_answer_long_after_another_is_the_first():
    before = Rest(until=NOW - RESTS_FORGOTTEN_AFTER, times=5, silent=True)
    assert next_silence(before, "lost", NOW, "t") == Rest(until=NOW, times=0, why="lost", silent=True)


@pytest.mark.parametrize(
    "before",
    [
        Rest(until=NOW + timedelta(hours=20), times=6),
        Rest(until=NOW, times=5),
        Rest(until=NOW, times=5, refused_since=NOW - timedelta(days=1)),
    ],
    ids=["a named wait", "a throttle", "a refusal"],
)
def test_a_lost_answer_forgets_no_throttle_and_no_refusal(before):
    assert next_silence(before, "lost", NOW, "t") == before


def test_a_throttle_after_lost_answers_begins_anew():
    assert next_rest(Rest(until=NOW, times=5, silent=True), None, NOW, "t").times == 1
