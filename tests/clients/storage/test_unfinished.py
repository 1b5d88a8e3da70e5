"""An operation is found once nobody was heard of it for long, and a worker that was heard meanwhile keeps it."""

from datetime import UTC, datetime, timedelta

import pytest
from azure.data.tables import UpdateMode

from clients.storage.unfinished import UnfinishedOperation, UnfinishedTable

NOON = datetime(2026, 8, 11, 12, 0, tzinfo=UTC)
LATER = NOON + timedelta(minutes=1)
ONE = UnfinishedOperation(operation_id="one", queue="checks", body='{"version": 1}', heard_until=NOON)


@pytest.fixture
def unfinished(table):
    return UnfinishedTable(table)


async def found_in(table, now=LATER):
    return [each async for each in table.unheard(now)]


async def unheard(table, now=LATER):
    return [each.operation_id for each in await found_in(table, now)]


async def test_one_is_found_after_its_time_with_its_message(unfinished):
    await unfinished.keep(ONE)
    assert await unheard(unfinished, NOON) == []
    [found] = await found_in(unfinished)
    assert (found.queue, found.body, found.sent_again) == (ONE.queue, ONE.body, False)


async def test_one_that_a_worker_is_at_is_found_later(unfinished):
    await unfinished.keep(ONE)
    await unfinished.hear("one", LATER)
    assert await unheard(unfinished, LATER) == []
    assert await unheard(unfinished, LATER + timedelta(seconds=1)) == ["one"]


async def test_one_that_has_ended_does_not_come_back_by_being_heard_of(unfinished):
    await unfinished.keep(ONE)
    await unfinished.remove("one")
    await unfinished.remove("one")
    await unfinished.hear("one", NOON)
    assert await unheard(unfinished) == []


async def test_who_was_heard_of_meanwhile_is_neither_given_up_nor_taken_for_sent_again(unfinished):
    await unfinished.keep(ONE)
    [found] = await found_in(unfinished)
    await unfinished.hear("one", LATER)
    await unfinished.note_sent_again(found, LATER + timedelta(hours=1))
    assert await unfinished.give_up(found) is False
    [kept] = await found_in(unfinished, LATER + timedelta(seconds=1))
    assert (kept.sent_again, kept.heard_until) == (False, LATER)


async def test_who_begins_and_is_cut_is_told_from_who_waits(unfinished):
    await unfinished.keep(ONE)
    await unfinished.hear("one", LATER, cut_at=NOON)
    [begun] = await found_in(unfinished)
    assert (begun.cut_at, begun.heard_until, begun.cut) == (NOON, LATER, 0)
    await unfinished.note_cut(begun, LATER)
    assert await unheard(unfinished) == []
    [waits] = await found_in(unfinished, LATER + timedelta(seconds=1))
    assert (waits.cut_at, waits.cut, waits.sent_again) == (None, 1, False)


async def test_one_of_the_former_version_is_found_as_one_that_waits(unfinished, table):
    await unfinished.keep(ONE)
    former = {"PartitionKey": "unfinished", "RowKey": "one", "queue": "checks", "body": ONE.body, "heard_until": NOON}
    await table.upsert_entity(former | {"sent_again": False}, mode=UpdateMode.REPLACE)
    [found] = await found_in(unfinished)
    assert (found.cut_at, found.cut) == (None, 0)


async def test_one_is_given_up_once(unfinished):
    await unfinished.keep(ONE)
    [found] = await found_in(unfinished)
    assert [await unfinished.give_up(found) for _ in range(2)] == [True, False]
