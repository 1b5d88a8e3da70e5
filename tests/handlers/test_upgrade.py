"""The first upgrade: what version fd83152 left in its storage account is taken over, and nothing is lost or doubled.

tests/rows/fd83152-account.json was made by running that commit's code: one tenant whose ticket is open, and two whose
corrections were cut off, one answered and one without an answer.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime
from itertools import batched
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from azure.data.tables.aio import TableServiceClient

from clients.storage.switches import UNKNOWN_BRAKE
from domain.jobs import QUEUES
from handlers.delivery import deliver
from handlers.loop.tick import tick
from simulator.psa.desk import Note, Ticket
from simulator.tenant import Tenant
from tests.handlers.conftest import fresh
from tests.handlers.tickets.msp import Msp, desk_of, settings, told
from tests.handlers.web import ask

LEFT: dict[str, Any] = json.loads((Path(__file__).parents[1] / "rows" / "fd83152-account.json").read_text("utf-8"))
IDS = [
    "11fe0000-0000-4000-8000-0000000000a1",
    "11fe0000-0000-4000-8000-0000000000a2",
    "11fe0000-0000-4000-8000-0000000000a3",
]
LOCK, RULE, ALERTS = "inbound-lockdown", "oof-rule", "alert-policies"
HIDDEN = 2000
"""Messages of the old sweep that come up after the upgrade."""
AT_A_TIME = 24
"""`batchSize` and `newBatchThreshold` of host.json."""


async def restore(azurite_connection: str) -> None:
    async with TableServiceClient.from_connection_string(azurite_connection) as tables:
        for name, rows in LEFT["tables"].items():
            await tables.create_table_if_not_exists(name)
            for row in rows:
                times = {key: datetime.fromisoformat(row[key]) for key in row if key.endswith("_at")}
                await tables.get_table_client(name).upsert_entity(row | times)


@pytest_asyncio.fixture
async def msp(azurite_connection: str) -> AsyncIterator[Msp]:
    """The new version on the old one's account, ten minutes later, with the same ticket system."""
    await restore(azurite_connection)
    async with fresh(azurite_connection, **settings("autotask", None, **desk_of("autotask"))) as service:
        system = service.world.psa.by_name["autotask"]
        system.companies = {300, 301, 302}
        for each in LEFT["tickets"]:
            notes = [Note(**note) for note in each["notes"]]
            system.tickets[each["id"]] = Ticket(**(each | {"notes": notes, "made_by": system.own}))
        service.clock.time = datetime.fromisoformat(LEFT["clock"])
        service.clock.advance(minutes=10)
        yield Msp(service, system)


@pytest.fixture
def tenants(msp: Msp) -> list[Tenant]:
    """The same tenants: of the two writes one was made, and one never arrived."""
    world = msp.service.world
    waits = world.add_tenant("told.example", tenant_id=IDS[0], alert_set="not_found")
    waits.admin("Set-ProtectionAlert", Identity="Phish delivered due to an ETR override", Disabled=False)
    answered = world.add_tenant("answered.example", tenant_id=IDS[1])
    lost = world.add_tenant("lost.example", tenant_id=IDS[2])
    lost.admin("Disable-TransportRule", Identity="Send Automatic Replies to connector Automatic Replies", Confirm=False)
    return [waits, answered, lost]


def looks(msp: Msp) -> int:
    return sum(tenant.http_requests["exchange"] for tenant in msp.service.world.tenants)


async def messages_of_before(msp: Msp) -> None:
    """What the old version left on the queues is delivered: its sweep's, thousands of them, and all others."""
    service = msp.service
    async with service.queues.get_queue_client("checks") as checks:
        bodies = [body for body in LEFT["messages"]["checks"] for _ in range(HIDDEN // len(LEFT["messages"]["checks"]))]
        await asyncio.gather(*(checks.send_message(body, visibility_timeout=1) for body in bodies))
    before, taken = looks(msp), 0
    while taken < len(bodies):
        for batch in batched(await service.messages("checks"), AT_A_TIME, strict=False):
            await asyncio.gather(*(deliver("checks", body, service.clients) for body in batch))
            taken += len(batch)
    assert looks(msp) - before < 10 * AT_A_TIME, "a tenant that was just looked at is not looked at again"
    for queue in ("alerts", "remediations", "notifications"):
        for body in LEFT["messages"][queue]:
            await deliver(queue, body.encode(), service.clients)
    await service.work()


async def turn(msp: Msp) -> None:
    """A quarter of an hour passes, in which everything is due once, and what that asks for is done and told."""
    msp.service.clock.advance(minutes=15)
    await tick(msp.service.clients)
    await msp.service.work()
    await told(msp)


async def test_storage_of_the_former_version_is_taken_over_and_goes_on_once_the_brake_is_released(msp, tenants):
    service, (waits, answered, lost) = msp.service, tenants
    ledger = {row["RowKey"] for row in LEFT["tables"]["ledger"]}
    assert await service.clients.storage.switches.brake() == UNKNOWN_BRAKE

    await turn(msp)
    await messages_of_before(msp)
    await turn(msp)
    assert [tenant.writes for tenant in tenants] == [[], [], []]
    assert [await service.clients.storage.parked.all(queue) for queue in QUEUES] == [[]] * len(QUEUES)
    assert (await service.state(answered, LOCK)).state == "compliant"  # proven by a read, with no write of ours
    assert (await service.state(lost, RULE)).state == "held"
    assert (await service.state(waits, ALERTS)).state == "needs_person"

    assert (await ask(service, "PUT", "brake", {"engaged": False, "reason": "upgraded"})).status_code == 200
    await turn(msp)
    after = await service.state(lost, RULE)
    assert after.state == "compliant", after.detail
    assert [[write.cmdlet for write in tenant.writes] for tenant in tenants] == [[], [], ["Enable-TransportRule"]]

    kept = {entry.id for tenant in tenants for entry in await service.ledger(tenant)}
    assert ledger <= kept
    assert [entry.event for entry in await service.ledger(answered, LOCK)].count("corrected") == 1
    for tenant in tenants:
        summaries = [entry for entry in await service.ledger(tenant) if entry.event == "first_look"]
        assert len(summaries) == 1, "what is judged for the first time is one entry, and no ticket"
    about = [(ticket.company, ticket.closed) for ticket in msp.tickets if ALERTS in ticket.summary]
    assert about == [(300, False)], "the open ticket is taken up, and none is made beside it"
    [ticket] = [each for each in msp.tickets if ALERTS in each.summary]
    assert len(ticket.notes) == 1, "nothing is told twice"
    assert {ticket.company for ticket in msp.tickets} == {300}, "what was not there before opens none"
