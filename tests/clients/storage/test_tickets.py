from datetime import UTC, datetime

import pytest

from clients.storage.tickets import TicketMoved, TicketTable
from clients.storage.untold import WRITTEN_WITHIN
from domain.psa.records import AskingTicket, CauseTicket, KnownTicket, Polled, Told
from tests.clients.conftest import TENANT

AT = datetime(2026, 8, 11, 14, 2, 37, tzinfo=UTC)


@pytest.fixture
def tickets(table):
    return TicketTable(table)


async def test_what_is_remembered_of_a_tenant_comes_back(tickets):
    cause = CauseTicket("connectwise", "4711", plan="p1", posting=("e1", "e2"), closed_at=AT)
    await tickets.put_cause(TENANT, "spf", cause)
    await tickets.put_told(TENANT, Told(AT, ("e1",)))
    await tickets.put_polled("halopsa", Polled(AT))

    assert await tickets.cause(TENANT, "spf") == cause
    assert await tickets.cause(TENANT, "dkim") is None
    assert await tickets.told(TENANT) == Told(AT, ("e1",))
    assert (await tickets.polled("halopsa"), await tickets.polled("autotask")) == (Polled(AT), None)


async def test_a_tenant_is_untold_until_its_mark_of_that_version_is_taken_away(tickets):
    later = AT + WRITTEN_WITHIN
    first = await tickets.news.make(TENANT, AT)
    second = await tickets.news.make(TENANT, AT)
    await tickets.news.clear(TENANT, first)
    assert (await tickets.news.all(), await tickets.news.standing(TENANT, later)) == ([TENANT], second)
    await tickets.news.clear(TENANT, second)
    assert await tickets.news.all() == []
    assert await tickets.news.standing(TENANT, later) not in {first, second}
    assert await tickets.news.all() == [TENANT]


async def test_a_mark_stays_while_what_it_was_made_for_may_not_be_written_yet(tickets):
    made = await tickets.news.make(TENANT, AT)
    await tickets.news.clear(TENANT, await tickets.news.standing(TENANT, AT + WRITTEN_WITHIN / 2))
    assert await tickets.news.all() == [TENANT]
    assert await tickets.news.standing(TENANT, AT + WRITTEN_WITHIN) == made


async def test_what_a_ticket_showed_is_not_written_over_what_somebody_else_read(tickets):
    assert await tickets.known("autotask", "1") == (None, None)
    version = await tickets.put_known("autotask", "1", KnownTicket(AT, asked=1), None)
    for stale in (None, version):
        if stale:
            await tickets.put_known("autotask", "1", KnownTicket(AT, asked=2), version)
        with pytest.raises(TicketMoved):
            await tickets.put_known("autotask", "1", KnownTicket(AT, asked=3), stale)
    assert (await tickets.known("autotask", "1"))[0] == KnownTicket(AT, asked=2)


async def test_a_ticket_waits_for_its_answer_until_it_has_it(tickets):
    asks = [AskingTicket("connectwise", "1", "op-1"), AskingTicket("connectwise", "2", "op-2")]
    for ask in asks:
        await tickets.put_asking(TENANT, ask)
    assert [each async for each in tickets.asking(TENANT)] == asks
    await tickets.answered(TENANT, asks[0])
    assert [each async for each in tickets.asking(TENANT)] == asks[1:]
