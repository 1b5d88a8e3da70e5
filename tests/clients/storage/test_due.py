"""A job that waits is kept once, comes up when it is due, and is forgotten only when it is on its queue."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from clients.storage.due import DueTable
from domain.jobs import CheckTenant, ReadTicket
from tests.clients.conftest import TENANT

NOON = datetime(2026, 8, 11, 12, 0, tzinfo=UTC)
CHECK = CheckTenant(tenant_id=TENANT, lane="fast")
TICKET = ReadTicket(provider="halopsa", ticket_id="7", asked_at=NOON)


@pytest.fixture
def table_of_due(table):
    return DueTable(table)


async def due(table, now):
    return [each async for each in table.due(now)]


async def test_a_job_comes_up_when_it_is_due_and_not_before(table_of_due):
    await table_of_due.add(CHECK, NOON + timedelta(minutes=5))
    await table_of_due.add(TICKET, NOON)
    assert [each.queue for each in await due(table_of_due, NOON)] == ["tickets"]
    assert {each.queue for each in await due(table_of_due, NOON + timedelta(minutes=5))} == {"tickets", "checks"}


async def test_the_same_job_is_kept_once_with_its_latest_attempt(table_of_due):
    await table_of_due.add(CHECK, NOON)
    await table_of_due.add(CHECK.again(), NOON)
    assert [json.loads(each.body)["attempt"] for each in await due(table_of_due, NOON)] == [1]


async def test_a_job_that_came_back_to_wait_meanwhile_is_not_forgotten(table_of_due):
    """A worker may be done with it before the tick that enqueued it has crossed it off."""
    await table_of_due.add(CHECK, NOON)
    [enqueued] = await due(table_of_due, NOON)
    await table_of_due.add(CHECK.again(), NOON)
    await table_of_due.remove(enqueued)
    [waiting] = await due(table_of_due, NOON)
    assert json.loads(waiting.body)["attempt"] == 1

    await table_of_due.remove(waiting)
    await table_of_due.remove(waiting)
    assert await due(table_of_due, NOON) == []
