"""What readers of the ledger see: entries only, each once, newest or oldest first."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from domain.control import Drift
from domain.ledger import Entry
from tests.handlers.conftest import fresh

TENANT = "7b1f6a3e-52c4-4d0e-9c1a-2f8e61d0a9b4"
START = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
async def ledger(azurite_connection):
    async with fresh(azurite_connection) as service:
        yield service.clients.storage.ledger


def entry(number, event="held", control=""):
    at = START + timedelta(minutes=number)
    return Entry(at=at, tenant_id=TENANT, event=event, control=control, drift=(Drift(field="f", wanted=1, found=2),))


async def test_links_are_no_entries_for_any_reader(ledger):
    made = [entry(1), entry(2, "corrected", "spf"), entry(3)]
    await ledger.append(*made)
    assert await ledger.page(TENANT) == made[::-1]
    assert await ledger.page(TENANT, after=made[1].id) == made[:1]
    assert await ledger.page(TENANT, limit=1) == made[2:]
    assert await ledger.since(TENANT, START + timedelta(minutes=2)) == made[1:]
    assert await ledger.events(TENANT, START, "held") == [made[2], made[0]]
    assert await ledger.put_back(TENANT, "spf", START) == Counter(f=1)
    assert await ledger.get(TENANT, made[0].id) == made[0]


async def test_more_entries_than_a_transaction_takes_are_added_at_once(ledger):
    made = [entry(number) for number in range(95)]
    await ledger.append(*made)
    assert await ledger.page(TENANT) == made[::-1]


async def test_nothing_is_added_where_there_is_nothing_to_say(ledger):
    await ledger.append()
    await ledger.ensure([])
    assert await ledger.page(TENANT) == []
