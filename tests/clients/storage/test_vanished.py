"""Tables and queues that somebody deletes while the service runs are made again when they are met."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import aiohttp
import pytest
from aiohttp import web
from azure.data.tables.aio import TableClient, TableServiceClient
from azure.storage.queue.aio import QueueServiceClient
from yarl import URL

from clients.storage import LEDGER_VANISHED, TABLES, vanished
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


class Deleting:
    """Stands before the storage account, which is still deleting what is *named* for so many more requests to it."""

    def __init__(self, azurite_connection):
        self.named, self.left = frozenset[str](), 0
        self._azurite = dict(part.split("=", 1) for part in azurite_connection.split(";") if part)

    @asynccontextmanager
    async def standing(self):
        """Gives the connection string that leads here."""
        async with AsyncExitStack() as stack:
            self._session = await stack.enter_async_context(aiohttp.ClientSession(auto_decompress=False))
            ends = {}
            for kind, code in (("Table", "TableBeingDeleted"), ("Queue", "QueueBeingDeleted")):
                app = web.Application()
                app.router.add_route("*", "/{rest:.*}", partial(self._answer, self._azurite[f"{kind}Endpoint"], code))
                runner = web.AppRunner(app)
                await runner.setup()
                stack.push_async_callback(runner.cleanup)
                await web.TCPSite(runner, "127.0.0.1", 0).start()
                ends[f"{kind}Endpoint"] = f"http://127.0.0.1:{runner.addresses[0][1]}/devstoreaccount1"
            yield ";".join(f"{name}={value}" for name, value in (self._azurite | ends).items())

    async def _answer(self, endpoint, code, request):
        body = await request.read()
        if self.left and any(name in request.path or name.encode() in body for name in self.named):
            self.left -= 1
            said = {"odata.error": {"code": code, "message": {"lang": "en-US", "value": "it is being deleted"}}}
            return web.json_response(said, status=409, headers={"x-ms-error-code": code})
        url = URL(endpoint.removesuffix("/devstoreaccount1") + request.raw_path, encoded=True)
        headers = {name: value for name, value in request.headers.items() if name not in {"Host", "Content-Length"}}
        none = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")  # what is signed stays as it came
        async with self._session.request(
            request.method, url, headers=headers, data=body or None, skip_auto_headers=none
        ) as answer:
            kept = {name: value for name, value in answer.headers.items() if name not in NOT_HANDED_ON}
            return web.Response(status=answer.status, body=await answer.read(), headers=kept)


NOT_HANDED_ON = {"Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive"}


@pytest.mark.parametrize("named", ["states", "checks", "ledger"])
async def test_what_the_service_is_still_deleting_is_waited_for_and_made_again(azurite_connection, monkeypatch, named):
    monkeypatch.setattr(vanished, "AGAIN_AFTER_S", (0, 0, 0, 0, 0))
    account = Deleting(azurite_connection)
    async with account.standing() as connection, fresh(connection) as late:
        tenant = await drifted(late)
        if named in QUEUES:
            async with QueueServiceClient.from_connection_string(azurite_connection) as queues:
                await queues.delete_queue(named)
        else:
            await drop(azurite_connection, named)
        account.named, account.left = frozenset({named}), 6
        await late.ask("fast", "slow")
        await late.work()
        assert account.left == 0
        state = await late.state(tenant, "oof-rule")
        brake = await late.clients.storage.switches.brake()
    assert (state.state, brake.engaged) == ("compliant", named == "ledger")


async def test_what_made_its_queue_again_is_sent_once(service, azurite_connection, monkeypatch):
    monkeypatch.setattr(vanished, "AGAIN_AFTER_S", (0, 0.01, 0.01))
    async with QueueServiceClient.from_connection_string(azurite_connection) as queues:
        await queues.delete_queue("checks")
    await service.clients.storage.queues.put("checks", "{}")
    assert await service.messages("checks") == [b"{}"]


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
