"""What is kept for a set time is deleted after it, and nothing else is."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableServiceClient

from clients.storage.documents import pack
from domain.operations import LOST, Operation
from handlers.retention import PARTS, forget_old
from tests.handlers.web import ask, of

LOCK = "inbound-lockdown"
OFF = {"Identity": "ExchangeDefender", "Enabled": False}


@pytest.fixture
def environment():
    return {"HOLDFAST_KEEP_OPERATIONS": "30", "HOLDFAST_KEEP_WRITTEN": "2"}


@pytest.fixture
async def tenant(service):
    tenant = service.world.add_tenant("contoso.example")
    await service.look_after(tenant)
    return tenant


async def a_day_of_it(service):
    """Every hour has its part."""
    for _ in range(PARTS):
        service.clock.advance(hours=1)
        await forget_old(service.clients)


async def listed(service):
    return [each["id"] for each in of(await ask(service, "GET", "operations"))]


def made(service, number, **fields):
    """One whose id is in another part of the ids for each *number*."""
    base = {"id": str(UUID(int=number << 120)), "kind": "reprovision", "tenant_id": str(UUID(int=1))}
    base |= {"state": "succeeded"}
    times = {"created_at": service.clock(), "finished_at": service.clock()}
    return Operation(**base | times | fields)


async def test_operations_are_deleted_after_their_time_wherever_their_ids_lie(service):
    operations = service.clients.storage.operations
    old = [await operations.create(made(service, number)) for number in (0, 1, 99, 255)]
    service.clock.advance(days=28)
    new = await operations.create(made(service, 7))
    await a_day_of_it(service)
    assert set(await listed(service)) == {each.id for each in (*old, new)}
    service.clock.advance(days=2)
    await a_day_of_it(service)
    assert await listed(service) == [new.id]
    assert [await operations.get(each.id) for each in old] == [None] * 4


async def test_an_idempotency_key_lives_as_long_as_its_operation(service, tenant):
    path = f"tenants/{tenant.tenant_id}/check"
    first = of(await ask(service, "POST", path, idempotency_key="k1"))
    await service.work()
    service.clock.advance(days=28)
    await a_day_of_it(service)
    assert of(await ask(service, "POST", path, idempotency_key="k1"))["id"] == first["id"]
    assert await service.messages("checks") == []
    service.clock.advance(days=2)
    await a_day_of_it(service)
    again = of(await ask(service, "POST", path, idempotency_key="k1"))
    assert again["state"] == "queued"
    assert len(await service.messages("checks")) == 1


async def test_a_key_whose_worker_died_before_its_operation_is_deleted_in_its_time(service):
    operations, request = service.clients.storage.operations, str(UUID(int=99 << 120))
    await operations.claim(request, "fingerprint", service.clock())
    await a_day_of_it(service)
    assert await operations.claimed(request) == "fingerprint"
    service.clock.advance(days=30)
    await a_day_of_it(service)
    assert await operations.claimed(request) is None


async def test_what_an_operation_allows_for_longer_is_kept_for_longer(service):
    """Else a note that opens the lock until spring would be taken for a new one in winter."""
    until = service.clock() + timedelta(days=60)
    kept = await service.clients.storage.operations.create(made(service, 5, kind="open", until=until))
    service.clock.advance(days=70)
    await a_day_of_it(service)
    assert await listed(service) == [kept.id]
    service.clock.advance(days=30)
    await a_day_of_it(service)
    assert await listed(service) == []


async def test_an_operation_of_before_messages_were_kept_ends_as_lost(service, tenant, azurite_connection):
    """Such a row has no message that could be sent again, and maybe no line in the list either."""
    former = made(service, 3, state="running", finished_at=None, tenant_id=tenant.tenant_id)
    async with TableServiceClient.from_connection_string(azurite_connection) as tables:
        row = pack(former.id, "operation", former) | {"version": 1}
        await tables.get_table_client("operations").upsert_entity(row, mode=UpdateMode.REPLACE)
    await forget_old(service.clients)
    assert (await service.clients.storage.operations.get(former.id)).state == "running"
    service.clock.advance(days=1)
    await a_day_of_it(service)
    ended = await service.clients.storage.operations.get(former.id)
    assert (ended.state, ended.controls[0].detail) == ("failed", LOST)
    assert [each.event for each in await service.ledger(tenant)] == ["operation_lost"]


async def test_an_operation_that_somebody_works_on_is_never_touched(service, tenant):
    begun = of(await ask(service, "POST", f"tenants/{tenant.tenant_id}/check"))["id"]
    operations = service.clients.storage.operations
    await operations.put(replace(await operations.get(begun), state="running"))
    service.clock.advance(days=100)
    await a_day_of_it(service)
    assert of(await ask(service, "GET", f"operations/{begun}"))["state"] == "running"


async def test_places_within_the_blast_radius_are_deleted_after_their_time(service):
    written, start = service.clients.storage.written, service.clock()
    for number in range(150):
        await written.reserve("spf:dns", f"tenant-{number:03}", start, start)
    service.clock.advance(days=1)
    await written.reserve("mx:dns", "tenant-000", service.clock(), start)
    await forget_old(service.clients)
    assert await written.counts(start) == {"spf:dns": 150, "mx:dns": 1}
    service.clock.advance(days=1, minutes=1)
    await forget_old(service.clients)
    assert await written.counts(start) == {"mx:dns": 1}


@pytest.mark.parametrize("row", [{"version": 99}, {"body0": "{"}], ids=["later version", "malformed"])
async def test_an_operation_that_cannot_be_read_stays_and_keeps_no_other(service, azurite_connection, caplog, row):
    operations = service.clients.storage.operations
    old = [await operations.create(made(service, 3, id=str(UUID(int=(3 << 120) + each)))) for each in range(3)]
    for each in old:
        await operations.claim(each.id, "fingerprint", service.clock())
    async with TableServiceClient.from_connection_string(azurite_connection) as tables:
        table = tables.get_table_client("operations")
        odd = {"PartitionKey": old[1].id, "RowKey": "operation"}
        await table.update_entity(odd | row, mode=UpdateMode.MERGE)
        service.clock.advance(days=30)
        await a_day_of_it(service)
        left = [each["PartitionKey"] async for each in table.query_entities("RowKey eq 'operation'")]
    assert left == [old[1].id]
    assert await operations.claimed(old[1].id) == "fingerprint"
    assert old[1].id in caplog.text
    assert "failed_alone" not in caplog.text
