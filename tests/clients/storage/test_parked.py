"""What was given up is kept once, and the last error of a message is no thing of its own."""

from datetime import UTC, datetime, timedelta

import pytest

from clients.storage.parked import ERRORS_KEPT, ParkedTable

NOON = datetime(2026, 8, 11, 12, 0, tzinfo=UTC)


@pytest.fixture
def parked(table):
    return ParkedTable(table)


async def test_the_last_error_of_a_message_is_kept_and_counts_for_nothing(parked):
    await parked.add("checks", b"body", "gave up", NOON)
    for said in ("the first", "the last"):
        await parked.note_error("checks", b"body", said, NOON)
    assert await parked.last_error("checks", b"body") == "the last"
    assert await parked.last_error("alerts", b"body") == ""
    assert await parked.count() == 1
    assert [each.reason for each in await parked.page()] == ["gave up"]
    assert await parked.all("checks") == [(b"body", "gave up")]


async def test_an_error_is_forgotten_when_its_message_has_long_come_to_an_end(parked):
    await parked.note_error("checks", b"old", "no", NOON - ERRORS_KEPT - timedelta(seconds=1))
    await parked.note_error("checks", b"new", "no", NOON)
    await parked.forget_errors(NOON)
    assert await parked.last_error("checks", b"old") == ""
    assert await parked.last_error("checks", b"new") == "no"
