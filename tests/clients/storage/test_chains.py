"""The chain in its table: many writers, crashes between entry and head, and entries from before there were chains."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from azure.data.tables.aio import TableServiceClient

from clients.storage import open_storage
from clients.storage.documents import pack
from clients.storage.heads import KeptHead
from domain import chain
from domain.chain import Head, Linked, Place
from domain.ledger import Entry
from tests.former import LIVED, ROWS, restore
from tests.handlers.conftest import fresh

TENANT = "7b1f6a3e-52c4-4d0e-9c1a-2f8e61d0a9b4"
START = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
async def service(azurite_connection):
    async with fresh(azurite_connection) as service:
        yield service


def entry(number: int, event="held", tenant_id=TENANT) -> Entry:
    return Entry(at=START + timedelta(minutes=number), tenant_id=tenant_id, event=event, detail=f"number {number}")


async def head_of(storage, ledger=TENANT):
    return next((head for head in [each async for each in storage.chains.heads.all()] if head.ledger == ledger), None)


async def read(storage, ledger=TENANT, limit=1000):
    """The chain page by page, and the ids that have no link on any."""
    rows, unlinked = list[Linked](), set[str]()
    while True:
        page, strangers = await storage.chains.page(ledger, rows[-1].link.sequence if rows else 0, limit)
        rows += page
        unlinked |= set(strangers)
        if len(page) < limit:
            return rows, unlinked - {row.link.id for row in rows}


async def fault(storage, ledger=TENANT):
    rows, unlinked = await read(storage, ledger)
    return chain.verify(ledger, rows, head=await head_of(storage, ledger), unlinked=unlinked)


async def put_without_link(connection, *entries: Entry):
    """As a worker of the version before writes."""
    async with TableServiceClient.from_connection_string(connection) as tables:
        for each in entries:
            await tables.get_table_client("ledger").create_entity(pack(each.tenant_id, each.id, each))


async def test_entries_are_linked_in_their_order_and_readers_see_entries_only(service):
    storage = service.clients.storage
    await storage.ledger.append(entry(1), entry(2))
    await storage.ledger.append(entry(3))
    rows, _ = await read(storage)
    assert [(row.link.sequence, row.entry["detail"]) for row in rows] == [(n, f"number {n}") for n in (1, 2, 3)]
    assert await fault(storage) is None
    assert await head_of(storage) == Head(TENANT, 3, rows[-1].link.hash)
    assert await storage.ledger.page(TENANT) == [entry(3), entry(2), entry(1)]


@pytest.mark.parametrize(
    "spoiled", ["{", "[]", '"entry"', '{"tenant_id": "' + TENANT + '", "event": "of a later version"}']
)
async def test_an_entry_that_makes_no_sense_is_a_fault_and_keeps_nobody_from_the_others(
    service, azurite_connection, spoiled
):
    storage = service.clients.storage
    await storage.ledger.append(entry(1), entry(2))
    async with TableServiceClient.from_connection_string(azurite_connection) as tables:
        row = {"PartitionKey": TENANT, "RowKey": entry(1).id, "body0": spoiled}
        await tables.get_table_client("ledger").update_entity(row)
    await storage.ledger.append(entry(3))
    assert await storage.ledger.page(TENANT) == [entry(3), entry(2)]
    assert (await fault(storage)).why.startswith("edited")


async def test_an_entry_without_a_link_that_makes_no_sense_gets_none(service, azurite_connection):
    storage = service.clients.storage
    await put_without_link(azurite_connection, entry(1))
    async with TableServiceClient.from_connection_string(azurite_connection) as tables:
        row = {"PartitionKey": TENANT, "RowKey": entry(1).id, "body0": "{"}
        await tables.get_table_client("ledger").update_entity(row)
    await storage.ledger.append(entry(2))
    rows, unlinked = await read(storage)
    assert [row.link.id for row in rows] == [entry(2).id]
    assert unlinked == {entry(1).id}


async def test_an_entry_that_is_added_again_gets_no_second_link(service):
    ledger = service.clients.storage.ledger
    await ledger.append(entry(1), entry(2))
    await ledger.append(entry(2), entry(3))
    await ledger.append(entry(1))
    await ledger.ensure([entry(2), entry(3)])
    rows, _ = await read(service.clients.storage)
    assert [row.entry["detail"] for row in rows] == ["number 1", "number 2", "number 3"]
    assert await fault(service.clients.storage) is None


async def test_many_writers_at_once_make_one_chain(service):
    workers = [await open_storage(service.clients.settings) for _ in range(4)]
    try:
        await asyncio.gather(
            *(worker.ledger.append(entry(10 * n + i)) for n, worker in enumerate(workers) for i in range(5))
        )
    finally:
        for worker in workers:
            await worker.aclose()
    rows, unlinked = await read(service.clients.storage)
    assert (len(rows), unlinked) == (20, set())
    assert await fault(service.clients.storage) is None
    assert (await head_of(service.clients.storage)).sequence == 20


async def test_a_crash_between_entry_and_head_leaves_a_chain_that_verifies_and_goes_on(service, monkeypatch):
    storage = service.clients.storage
    for stage in (1, 2):
        with monkeypatch.context() as patched:
            patched.setattr(storage.chains.heads, "move", crash)
            with pytest.raises(RuntimeError, match="crash"):
                await storage.ledger.append(entry(10 * stage))
        assert await fault(storage) is None
        await storage.ledger.append(entry(10 * stage + 1))
        assert await fault(storage) is None
    rows, _ = await read(storage)
    assert [row.entry["detail"] for row in rows] == ["number 10", "number 11", "number 20", "number 21"]
    assert (await head_of(storage)).sequence == 4


async def crash(*_):
    raise RuntimeError("crash")


async def test_entries_from_before_are_the_first_block_as_they_are(service, azurite_connection):
    storage = service.clients.storage
    await restore(azurite_connection, LIVED)
    before = [row for row in ROWS["ledger"] if row["PartitionKey"] == LIVED]
    assert before
    added = entry(10**6, tenant_id=LIVED)
    await storage.ledger.append(added)
    rows, _ = await read(storage, LIVED)
    oldest_first = sorted((row["RowKey"] for row in before), reverse=True)
    assert [row.link.id for row in rows] == [*oldest_first, added.id]
    assert await fault(storage, LIVED) is None
    assert [row.entry["event"] for row in rows[:-1]] == [
        row["event"] for row in sorted(before, key=lambda row: row["RowKey"], reverse=True)
    ]


async def test_a_first_block_of_more_than_one_transaction_is_taken_by_one_of_several_writers(
    service, azurite_connection
):
    storage = service.clients.storage
    await put_without_link(azurite_connection, *(entry(n) for n in range(120)))
    await asyncio.gather(*(storage.ledger.append(entry(200 + n)) for n in range(3)))
    rows, unlinked = await read(storage)
    assert (len(rows), unlinked) == (123, set())
    assert [row.entry["detail"] for row in rows[:120]] == [f"number {n}" for n in range(120)]
    assert await fault(storage) is None


async def test_what_a_worker_of_the_version_before_writes_in_a_deployment_is_linked_and_later_nothing_is(
    service, azurite_connection
):
    storage = service.clients.storage
    await storage.ledger.append(entry(1))
    await put_without_link(azurite_connection, entry(2))
    await storage.ledger.append(entry(3))
    assert await fault(storage) is None
    a_day = 24 * 60
    await storage.ledger.append(entry(a_day + 2))
    forged = entry(a_day + 3)
    await put_without_link(azurite_connection, forged)
    await storage.ledger.append(entry(a_day + 4))
    found = await fault(storage)
    assert (found.id, found.why) == (forged.id, "inserted: the entry has no link")


async def test_what_a_worker_of_the_version_before_wrote_has_a_place_as_every_entry(service, azurite_connection):
    chains, ledger = service.clients.storage.chains, service.clients.storage.ledger
    await put_without_link(azurite_connection, entry(1))
    assert await chains.sequence_of(TENANT, entry(1).id) == 1
    await put_without_link(azurite_connection, entry(2))
    await ledger.append(entry(3))
    assert [await chains.sequence_of(TENANT, entry(n).id) for n in (1, 2, 3)] == [1, 2, 3]
    assert await fault(service.clients.storage) is None


async def test_an_entry_beside_a_chain_that_takes_none_any_more_has_no_place(service, azurite_connection):
    storage = service.clients.storage
    await storage.ledger.append(entry(1))
    await storage.chains.heads.move(TENANT, await settled(storage))
    await put_without_link(azurite_connection, entry(2))
    assert await storage.chains.sequence_of(TENANT, entry(2).id) == 0


@pytest.mark.parametrize("limit", [1, 2, 3])
async def test_pages_leave_out_no_entry_whichever_clock_was_ahead(service, azurite_connection, limit):
    storage = service.clients.storage
    for number in (5, 1, 9, 7, 8, 2):
        await storage.ledger.append(entry(number))
    await storage.chains.heads.move(TENANT, await settled(storage))
    for number in (0, 3, 6, 10):
        await put_without_link(azurite_connection, entry(number))
    rows, unlinked = await read(storage, limit=limit)
    assert [row.entry["detail"] for row in rows] == [f"number {n}" for n in (5, 1, 9, 7, 8, 2)]
    assert unlinked == {entry(number).id for number in (0, 3, 6, 10)}


async def settled(storage):
    head = await storage.chains.heads.get(TENANT)
    return KeptHead(head.place, head.begun_at, settled=True, etag=head.etag)


async def test_a_head_never_goes_back(service):
    heads = service.clients.storage.chains.heads
    later, earlier = (KeptHead(Place(n, str(n)), START) for n in (2, 1))
    await heads.move(TENANT, later)
    await heads.move(TENANT, earlier)
    assert (await heads.get(TENANT)).place == Place(2, "2")
    known = await heads.get(TENANT)
    await heads.move(TENANT, known.moved(Place(3, "3"), START))
    await heads.move(TENANT, known.moved(Place(4, "4"), START))
    assert (await heads.get(TENANT)).place == Place(4, "4")
