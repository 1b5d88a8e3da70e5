"""What a quiet shard asks of the storage account, and what may not be lost by asking so little."""

import asyncio
from contextvars import Context
from dataclasses import replace
from itertools import count
from uuid import UUID

import pytest
from azure.core.exceptions import HttpResponseError
from azure.core.pipeline.transport import AioHttpTransport
from azure.data.tables.aio import TableClient

from benchmarks.wire import storage_counted
from clients.storage import together
from domain.fleet import minute_of
from domain.fleet_index import CATALOGUE_DIGEST, NotCompliant, Summary
from domain.jobs import CheckTenant
from handlers.delivery import deliver
from tests.handlers.conftest import fresh
from tests.handlers.loop.test_visit import visit


@pytest.fixture
async def service(azurite_connection):
    async with fresh(azurite_connection) as service:
        yield service


LOOKS = ("fast", "slow", "alerts", "audit")


async def of_one_minute(service, number):
    """Tenants whose looks come due together, as those of a shard do."""
    ids = (str(UUID(int=each << 90)) for each in count(1))
    those = (each for each in ids if minute_of(each) == 7)
    tenants = [service.world.add_tenant(f"t{each}.example", tenant_id=next(those)) for each in range(number)]
    for tenant in tenants:
        await service.look_after(tenant)
    return tenants


async def settled(service, tenants):
    """Visited until there is no more news of them."""
    for _ in range(2):
        await visit(service, *tenants, looks=LOOKS)
        await service.work()
        service.clock.advance(minutes=5)


async def test_a_quiet_shard_costs_less_than_half_a_request_for_each_tenant(service, monkeypatch):
    monkeypatch.setattr(together, "WRITE_EVERY_S", 600.0)  # a slow machine would write in between
    tenants = await of_one_minute(service, 25)
    await settled(service, tenants)
    with storage_counted() as storage:
        await visit(service, *tenants, looks=LOOKS)
    assert storage.requests < 0.5 * len(tenants)


@pytest.mark.parametrize("lane", ["fast", "slow"])
async def test_a_check_of_one_tenant_is_three_requests(service, lane):
    [tenant] = await of_one_minute(service, 1)
    await settled(service, [tenant])
    body = CheckTenant(tenant_id=tenant.tenant_id, lane=lane).body.encode()
    with storage_counted() as storage:
        await deliver("checks", body, service.clients)
    assert storage.requests <= 3


async def test_every_quiet_visit_is_written_down(service):
    tenants = await of_one_minute(service, 5)
    await settled(service, tenants)
    before = service.clock()
    await visit(service, *tenants, looks=LOOKS)
    entries = await service.clients.storage.index.all()
    for tenant in tenants:
        for name in ("spf", "oof-rule", "audit-feed", "false-alerts"):
            assert (await service.state(tenant, name)).read_at > before
        assert entries[tenant.tenant_id].looked_at("fast") > before


def writes_index(request):
    """Alone or in a transaction."""
    return request.method in {"PUT", "PATCH", "POST"} and "fleet(" in f"{request.url}{request.content}"


DRIFTED = Summary({"spf": NotCompliant("drifted")}, catalogue=CATALOGUE_DIGEST)


async def test_a_shard_that_ends_while_the_index_is_written_loses_nothing(service, monkeypatch):
    monkeypatch.setattr(together, "WRITE_EVERY_S", 0.01)
    [tenant] = await of_one_minute(service, 1)
    leave, begun = AioHttpTransport.send, asyncio.Event()

    async def slowly(transport, request, **options):
        if writes_index(request):
            begun.set()
            await asyncio.sleep(0.05)
        return await leave(transport, request, **options)

    monkeypatch.setattr(AioHttpTransport, "send", slowly)
    async with service.clients.storage.rows.together([tenant.tenant_id], deferring=True) as rows:
        rows.done(tenant.tenant_id, DRIFTED)
        await begun.wait()
    assert (await service.clients.storage.index.all())[tenant.tenant_id].state_of("spf") == "drifted"


async def test_what_the_index_could_not_be_told_is_told_with_the_next_write(service, monkeypatch):
    [tenant] = await of_one_minute(service, 1)
    leave = AioHttpTransport.send

    async def in_vain(transport, request, **options):
        if writes_index(request):
            raise HttpResponseError("the service is busy")
        return await leave(transport, request, **options)

    async with service.clients.storage.rows.together([tenant.tenant_id], deferring=True) as rows:
        rows.done(tenant.tenant_id, DRIFTED)
        with monkeypatch.context() as patch:
            patch.setattr(AioHttpTransport, "send", in_vain)
            with pytest.raises(HttpResponseError):
                await rows.write()
    assert (await service.clients.storage.index.all())[tenant.tenant_id].state_of("spf") == "drifted"


async def test_what_a_person_wrote_during_a_visit_stays_and_the_tenant_is_looked_at_again(service):
    """The write of the shard fails for that tenant alone."""
    tenants = await of_one_minute(service, 3)
    await settled(service, tenants)
    states, first = service.clients.storage.states, tenants[0].tenant_id
    before, answer = service.clock(), service.microsoft.side_effect
    written = False

    async def by_another():
        now = await states.load(first)
        await states.save(first, replace(now, looked={**now.looked, "slow": before}))

    async def meanwhile(request, **parts):
        nonlocal written
        if not written and request.url.host == "outlook.office365.com":
            written = True
            await asyncio.create_task(by_another(), context=Context())
        return await answer(request, **parts)

    service.microsoft.side_effect = meanwhile
    await visit(service, *tenants, looks=("fast",))
    assert (await states.load(first)).looked["slow"] == before
    for tenant in tenants:
        assert (await service.state(tenant, "oof-rule")).read_at > before


async def test_a_config_that_changes_between_two_visits_is_read_again(service):
    [tenant] = await of_one_minute(service, 1)
    await settled(service, [tenant])
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)
    await service.look_after(tenant, mode="observe")
    await visit(service, tenant, looks=("fast",))
    assert (await service.state(tenant, "inbound-lockdown")).state == "drifted"
    assert await service.messages("remediations") == []


async def test_a_state_that_was_kept_where_former_versions_kept_it_is_taken_over(service, azurite_connection):
    [tenant] = await of_one_minute(service, 1)
    await settled(service, [tenant])
    states = service.clients.storage.states
    known = await states.load(tenant.tenant_id)
    async with TableClient.from_connection_string(azurite_connection, "states") as table:
        row = await table.get_entity(together.partition_of(tenant.tenant_id), tenant.tenant_id)
        await table.create_entity({**row, "PartitionKey": tenant.tenant_id, "RowKey": "controls"})
        await table.delete_entity(row["PartitionKey"], row["RowKey"])
    assert (await states.load(tenant.tenant_id)).controls == known.controls
    before = service.clock()
    await visit(service, tenant, looks=LOOKS)
    after = await states.load(tenant.tenant_id)
    assert after.of("spf").since == known.of("spf").since
    assert after.of("spf").read_at > before
