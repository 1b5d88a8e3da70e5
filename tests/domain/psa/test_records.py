"""What is remembered of tickets comes back as it was kept."""

from datetime import UTC, datetime

from pydantic import TypeAdapter

from domain.psa.records import (
    LONGEST_PAUSE,
    MOST_FAILURES,
    MOST_REFUSALS,
    AskingTicket,
    CauseTicket,
    KnownTicket,
    NotTaken,
    Polled,
    Told,
)

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def test_every_record_comes_back_from_its_json():
    for record in (
        CauseTicket(provider="autotask", ticket_id="7", posting=("a",), closed_at=NOON),
        Told(until=NOON, ids=("a", "b"), not_taken={"spf": NotTaken(2, NOON)}),
        KnownTicket(read_at=NOON, asking="check"),
        AskingTicket(provider="autotask", ticket_id="7", operation_id="op"),
        Polled(until=NOON),
    ):
        adapter = TypeAdapter[object](type(record))
        assert adapter.validate_json(adapter.dump_json(record)) == record


def test_what_was_told_before_rows_knew_of_causes_that_are_not_taken_still_loads():
    told = TypeAdapter(Told).validate_json('{"until": "2026-11-23T12:00:00Z", "ids": ["a"]}')
    assert told == Told(until=NOON, ids=("a",))


def test_a_cause_that_is_not_taken_is_tried_ever_more_rarely_for_about_a_day():
    untold, now = NotTaken.after(None, NOON), NOON
    while not untold.given_up(refused=True):
        assert untold.due_at - now <= LONGEST_PAUSE
        now = untold.due_at
        untold = NotTaken.after(untold, now)
    assert untold.tries == MOST_REFUSALS
    assert 12 <= (now - NOON).total_seconds() / 3600 <= 36
    assert not untold.given_up(refused=False)
    assert NotTaken(MOST_FAILURES, NOON).given_up(refused=False)
