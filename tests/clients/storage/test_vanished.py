"""Tables and queues that somebody deletes while the service runs are made again when they are met."""

import asyncio

import pytest
from azure.data.tables.aio import TableClient, TableServiceClient
from azure.storage.queue.aio import QueueServiceClient

from clients.storage import LEDGER_VANISHED, TABLES
from clients.storage.documents import chunks, pack
from clients.storage.switches import Untold
from domain.gate import Brake
from domain.incident import service_entry
from domain.jobs import QUEUES
from handlers.loop.tick import tick
from tests.handlers.conftest import fresh
from tests.handlers.harness import holdfast
from tests.handlers.web import ask


@pytest.fixture
async def service(azurite_connection):
    async with fresh(azurite_connection) as service:
        yield service
        async with TableServiceClient.from_connection_string(azurite_connection) as account:
            for table in TABLES:  # for the tests that come after
                await account.create_table_if_not_exists(table)


async def drop(azurite_connection, *tables):
    async with TableServiceClient.from_connection_string(azurite_connection) as account:
        for table in tables:
            await account.delete_table(table)


async def drifted(service):
    tenant = service.world.add_tenant("contoso.example")
    await service.look_after(tenant)
    await service.sweep()
    service.clock.advance(hours=1)
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)
    return tenant


async def test_states_and_places_that_vanished_are_found_out_and_put_back_again(service, azurite_connection):
    tenant = await drifted(service)
    await drop(azurite_connection, "states", "written", "fleet")
    await tick(service.clients)
    service.clock.advance(minutes=15)
    await tick(service.clients)
    await service.work()
    assert (await service.state(tenant, "oof-rule")).state == "compliant"
    assert set(await service.clients.storage.index.all()) == {tenant.tenant_id}


async def test_a_ledger_that_vanished_comes_back_braked_and_says_so_first(service, azurite_connection):
    tenant = await drifted(service)
    await drop(azurite_connection, "ledger")
    await service.sweep()
    assert tenant.writes == []
    brake = await service.clients.storage.switches.brake()
    assert (brake.engaged, brake.reason) == (True, LEDGER_VANISHED)
    first = (await service.clients.storage.ledger.page("service"))[-1]
    assert (first.event, first.detail) == ("brake_engaged", LEDGER_VANISHED)
    assert await service.ledger(tenant)


async def test_a_ledger_that_vanished_with_the_switches_comes_back_braked(service, azurite_connection):
    tenant = await drifted(service)
    await drop(azurite_connection, "ledger", "switches", "heads", "fleet")
    async with asyncio.timeout(60):
        await service.check(tenant)
        await service.work()
    assert tenant.writes == []
    assert (await service.clients.storage.switches.brake()).engaged
    first = (await service.clients.storage.ledger.page("service"))[-1]
    assert (first.event, first.detail) == ("brake_engaged", LEDGER_VANISHED)
    assert await service.ledger(tenant)


async def test_what_waits_in_the_brakes_row_for_a_ledger_that_vanished_is_copied_by_the_next_move(
    service, azurite_connection
):
    tenant = await drifted(service)
    moved = service_entry("brake_released", service.clock(), detail="all is well", by="ann")
    async with TableClient.from_connection_string(azurite_connection, "switches") as table:
        await table.upsert_entity(pack("brake", "brake", Brake(by="ann"), **chunks("outbox", Untold((moved,)))))
    await drop(azurite_connection, "ledger")
    async with asyncio.timeout(60):
        await service.sweep()
    assert tenant.writes == []
    assert (await service.clients.storage.switches.brake()).reason == LEDGER_VANISHED
    await ask(service, "PUT", "brake", {"engaged": False})
    assert moved.id in {each.id for each in await service.clients.storage.ledger.page("service")}


async def test_a_brake_that_a_person_has_engaged_keeps_its_reason_when_the_ledger_comes_back(
    service, azurite_connection
):
    await drifted(service)
    await service.clients.storage.switches.set_brake(Brake(engaged=True, reason="moving house", by="ann"))
    await drop(azurite_connection, "ledger")
    await service.sweep()
    brake = await service.clients.storage.switches.brake()
    assert (brake.engaged, brake.reason, brake.by) == (True, "moving house", "ann")


async def test_a_ledger_that_vanished_while_nobody_ran_comes_back_braked(service, azurite_connection):
    await drifted(service)
    await drop(azurite_connection, "ledger")
    async with holdfast(azurite_connection) as restarted:
        assert (await restarted.clients.storage.switches.brake()).reason == LEDGER_VANISHED


async def test_switches_that_vanished_come_back_engaged(service, azurite_connection):
    tenant = await drifted(service)
    await drop(azurite_connection, "switches")
    await service.sweep()
    assert tenant.writes == []
    assert (await service.clients.storage.switches.brake()).engaged


async def test_queues_that_vanished_are_made_again_by_the_next_tick(service, azurite_connection):
    tenant = await drifted(service)
    async with QueueServiceClient.from_connection_string(azurite_connection) as account:
        for queue in QUEUES:
            await account.delete_queue(queue)
        await tick(service.clients)
        service.clock.advance(minutes=5)
        await tick(service.clients)
        assert {each.name async for each in account.list_queues()} >= {*QUEUES}
    await service.work()
    assert (await service.state(tenant, "inbound-lockdown")).state == "compliant"
