"""Events out: signed, in order, at least once, and again from a position; taken by the receiver of the docs."""

import asyncio
import base64
import json
import os
import socket
import sys
from asyncio import create_subprocess_exec, subprocess, timeout
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import pytest
import pytest_asyncio
from azure.data.tables.aio import TableClient
from standardwebhooks import Webhook

from domain.ledger import Entry
from handlers.delivery import deliver
from handlers.notices import ask_for_unsent
from tests.clients.storage.test_chains import put_without_link
from tests.devhost.processes import ROOT
from tests.handlers.conftest import fresh
from tests.handlers.harness import Service
from tests.handlers.web import ask
from tests.receiver import Receiver, receiver

SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
OFF = {"Identity": "ExchangeDefender", "Enabled": False}


@pytest.fixture
def taker() -> Iterator[Receiver]:
    with receiver() as service:
        yield service


@pytest_asyncio.fixture
async def service(azurite_connection, taker) -> AsyncIterator[Service]:
    url = f"http://127.0.0.1:{taker.port}/events"
    async with fresh(azurite_connection, HOLDFAST_EVENTS=json.dumps({"url": url, "secret": SECRET})) as service:
        service.web.route(host="127.0.0.1").pass_through()
        yield service


async def drifted(service):
    tenant = service.world.add_tenant("contoso.example")
    tenant.admin("Set-InboundConnector", **OFF)
    await service.look_after(tenant)
    await service.sweep()
    return tenant


async def told(service):
    service.clock.advance(seconds=10)
    await ask_for_unsent(service.clients)
    for body in await service.messages("notifications"):
        await deliver("notifications", body, service.clients)


async def test_drift_and_correction_go_out_in_order_once_and_signed(service, taker):
    await drifted(service)
    await told(service)
    await told(service)
    assert [each["type"].partition(".")[2] for each in taker.bodies] == [
        "drift.found",
        "correction.begun",
        "correction.proven",
    ]
    positions = [each["data"]["position"] for each in taker.bodies]
    assert positions == sorted(positions)
    for body, headers in zip(taker.got, taker.headers, strict=True):
        event = json.loads(body)
        assert headers["content-type"].startswith("application/cloudevents+json")
        assert headers["webhook-id"] == event["id"]
        signed = Webhook(SECRET).sign(
            event["id"],
            datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC),
            body.decode(),
        )
        assert headers["webhook-signature"] == signed
    schema = json.loads((await ask(service, "GET", "events/schema")).get_body())
    assert set(taker.bodies[0]) == set(schema["properties"])


async def test_an_entry_that_makes_no_sense_keeps_no_later_one_from_the_receiver(service, taker, azurite_connection):
    tenant = await drifted(service)
    entry = next(each for each in await service.ledger(tenant) if each.event == "drift_found")
    async with TableClient.from_connection_string(azurite_connection, "ledger") as table:
        await table.update_entity({"PartitionKey": tenant.tenant_id, "RowKey": entry.id, "body0": '{"event": "odd"}'})
    await told(service)
    assert [each["type"].partition(".")[2] for each in taker.bodies] == ["correction.begun", "correction.proven"]


async def test_a_receiver_that_is_away_gets_all_of_it_later_in_order(service, taker):
    taker.status = 503
    await drifted(service)
    await told(service)
    assert taker.bodies == []
    taker.status = 200
    await told(service)
    assert taker.bodies[0]["type"] == "holdfast.drift.found"
    assert len({each["id"] for each in taker.bodies}) == len(taker.bodies) == 3


async def test_events_are_sent_again_from_a_position_of_the_ledger(service, taker):
    tenant = await drifted(service)
    await told(service)
    after = taker.bodies[0]["data"]["position"]
    assert (
        await ask(service, "POST", f"tenants/{tenant.tenant_id}/events/replay", {"after": after})
    ).status_code == 202
    await told(service)
    assert [each["id"] for each in taker.bodies[3:]] == [each["id"] for each in taker.bodies[1:3]]


async def test_a_replay_that_is_asked_for_while_an_event_is_sent_is_not_lost(service, taker):
    tenant = await drifted(service)
    await told(service)
    again = Entry(at=service.clock(), tenant_id=tenant.tenant_id, control="spf", event="drift_found")
    await service.clients.storage.ledger.append(again)
    taker.open.clear()
    sending = asyncio.create_task(told(service))
    async with asyncio.timeout(10):
        while taker.asked < 4:
            await asyncio.sleep(0.02)
    answer = await ask(service, "POST", f"tenants/{tenant.tenant_id}/events/replay", {"after": 0})
    assert answer.status_code == 202
    taker.open.set()
    await sending
    await told(service)
    everything = [each["id"] for each in taker.bodies[4:]]
    assert everything == [each["id"] for each in taker.bodies[:4]]
    assert await service.clients.storage.notices.unsent.all() == []


async def test_what_a_worker_of_the_version_before_wrote_is_sent_first(service, taker, azurite_connection):
    tenant = service.world.add_tenant("contoso.example")
    await service.look_after(tenant)
    spf, dkim = (
        Entry(at=service.clock(), tenant_id=tenant.tenant_id, control=each, event="drift_found")
        for each in ("spf", "dkim")
    )
    await put_without_link(azurite_connection, spf)
    await service.clients.storage.ledger.append(dkim)
    await told(service)
    assert {each["subject"] for each in taker.bodies} == {"spf", "dkim"}


async def test_without_a_receiver_there_is_nothing_to_replay(azurite_connection):
    async with fresh(azurite_connection) as service:
        tenant = await drifted(service)
        answer = await ask(service, "POST", f"tenants/{tenant.tenant_id}/events/replay", {"after": 0})
        assert answer.status_code == 409


async def test_the_receiver_of_the_docs_takes_events_and_refuses_forged_ones(azurite_connection):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    example = ROOT / "docs" / "examples" / "receiver.py"
    assert len([line for line in example.read_text("utf-8").splitlines() if line]) <= 20
    environ = os.environ | {"HOLDFAST_EVENTS_SECRET": SECRET}
    process = await create_subprocess_exec(sys.executable, str(example), str(port), env=environ, stdout=subprocess.PIPE)
    assert process.stdout
    try:
        for secret, printed in ((SECRET, True), ("whsec_" + base64.b64encode(b"x" * 32).decode(), False)):
            target = json.dumps({"url": f"http://127.0.0.1:{port}/", "secret": secret})
            async with fresh(azurite_connection, HOLDFAST_EVENTS=target) as service:
                service.web.route(host="127.0.0.1").pass_through()
                service.clock.time = datetime.now(UTC)
                tenant = await drifted(service)
                for _ in range(50):
                    await told(service)
                    if not await service.clients.storage.notices.unsent.all() or not printed:
                        break
                assert bool(await service.clients.storage.notices.unsent.all()) is not printed, tenant
                if printed:
                    async with timeout(20):
                        assert b"holdfast.drift.found inbound-lockdown" in await process.stdout.readline()
    finally:
        process.terminate()
        await process.wait()
