"""A backup comes back into an empty storage account: the brake is engaged, chains go on, no ticket is opened twice."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest_asyncio
from azure.storage.queue.aio import QueueServiceClient

from cli.backup import IN_ORDER, faults
from clients.connect import connect
from clients.settings import load
from devhost.azurite import azurite
from domain import chain
from domain.chain import Head
from handlers.delivery import deliver
from tests.handlers.conftest import fresh
from tests.handlers.harness import DEV_KEY, Service
from tests.handlers.tickets.msp import Msp, desk_of, settings, told
from tests.handlers.web import ask, of

SHA = "ab" * 32


@pytest_asyncio.fixture
async def msp(azurite_connection) -> AsyncIterator[Msp]:
    async with fresh(azurite_connection, **settings("halopsa", None, **desk_of("halopsa"))) as service:
        system = service.world.psa.by_name["halopsa"]
        system.companies = {250}
        yield Msp(service, system)


async def drawn(service):
    """Every row, as the command line asks for them."""
    rows: list[tuple[str, dict[str, Any]]] = []
    for table in ("heads", *IN_ORDER):
        if table == "heads" and rows:
            continue
        partition, key = "", ""
        while page := of(await ask(service, "GET", f"backup/{table}?limit=3&partition={partition}&row={key}"))["rows"]:
            rows += [(table, row) for row in page]
            partition, key = (
                page[-1][name].replace(" ", "%20").replace(":", "%3A") for name in ("PartitionKey", "RowKey")
            )
    return rows


async def put_back(service, rows):
    assert (await ask(service, "POST", "restore/begin")).status_code == 204
    for table in IN_ORDER:
        given = {"table": table, "rows": [row for each, row in rows if each == table]}
        assert (await ask(service, "POST", "restore/rows", given)).status_code == 200
    return of(await ask(service, "POST", "restore/end", {"export": SHA}))


@asynccontextmanager
async def elsewhere(service: Service, connection: str) -> AsyncIterator[Service]:
    """The same neighbours, and a service on another storage account."""
    before = service.clients.settings
    environment = settings("halopsa", None, **desk_of("halopsa")) | {
        "AzureWebJobsStorage": connection,
        "HOLDFAST_DEV_KEY": DEV_KEY,
        "HOLDFAST_CLIENT_ID": before.client_id,
        "HOLDFAST_CLIENT_SECRET": before.client_secret,
        "HOLDFAST_DNS_SERVERS": ",".join(f"{host}:{port}" for host, port in before.dns_servers),
        "HOLDFAST_FAST_SCHEDULE": before.fast_schedule,
        "HOLDFAST_SLOW_SCHEDULE": before.slow_schedule,
        "HOLDFAST_ALERTS_SCHEDULE": before.alerts_schedule,
        "HOLDFAST_AUDIT_SCHEDULE": before.audit_schedule,
    }
    clients = replace(await connect(load(environment), now=service.clock), rereads_s=(0, 0, 0, 0))
    async with QueueServiceClient.from_connection_string(connection) as queues:
        try:
            yield replace(service, clients=clients, queues=queues)
        finally:
            await clients.aclose()


async def lasting(msp):
    """A tenant with an exception, and with a ticket for what needs a person."""
    tenant = msp.service.world.add_tenant("contoso.example", alert_set="not_found")
    await msp.service.look_after(tenant, psa={"provider": "halopsa", "company_id": "250"})
    until = "2026-12-24T00:00:00Z"
    path = f"tenants/{tenant.tenant_id}/controls/dmarc/except"
    await ask(msp.service, "POST", path, {"reason": "moves", "owner": "Ann", "until": until})
    await msp.service.work()
    await msp.drift(tenant)
    await told(msp)
    assert len(msp.tickets) == 1
    return tenant


async def test_all_of_it_comes_back_into_an_empty_account_and_nothing_is_written_before_a_person_says_so(msp):
    tenant = await lasting(msp)
    rows = await drawn(msp.service)
    assert list(faults(rows)) == []
    async with azurite() as empty, elsewhere(msp.service, empty) as other:
        restored = await put_back(other, rows)
        assert (restored["tenants"], restored["chains"]) == (1, 1)
        brake = await other.clients.storage.switches.brake()
        assert (brake.engaged, "restored" in brake.reason) == (True, True)
        state = of(await ask(other, "GET", f"tenants/{tenant.tenant_id}/state"))["controls"]
        assert {each["state"] for each in state} == {"unknown"}
        assert [each["exception"]["owner"] for each in state if each["exception"]] == ["Ann"]
        links, unlinked = await other.clients.storage.chains.page(tenant.tenant_id, 0, 1000)
        head = await other.clients.storage.chains.heads.get(tenant.tenant_id)
        assert head
        last = Head(tenant.tenant_id, head.place.sequence, head.place.hash)
        assert chain.verify(tenant.tenant_id, links, head=last, unlinked=unlinked) is None
        goes_on = chain.checkpoint(links)
        assert goes_on
        assert goes_on.entry
        assert goes_on.entry["after"]["export"] == SHA
        there = [row for table, row in rows if table == "heads" and row["RowKey"] == tenant.tenant_id]
        assert goes_on.entry["after"]["sequence"] == there[0]["sequence"]
        again = Msp(other, msp.system)
        await again.look(tenant)
        await told(again)
        assert len(msp.tickets) == 1


async def test_a_backup_comes_back_into_no_installation_that_looks_after_somebody(msp):
    await lasting(msp)
    rows = await drawn(msp.service)
    assert (await ask(msp.service, "POST", "restore/begin")).status_code == 409
    some = {"table": "tenants", "rows": [row for table, row in rows if table == "tenants"]}
    assert (await ask(msp.service, "POST", "restore/rows", some)).status_code == 409
    assert (await ask(msp.service, "POST", "restore/end", {"export": SHA})).status_code == 409
    assert not (await msp.service.clients.storage.switches.brake()).engaged


async def test_a_forged_backup_is_named_before_anything_is_written(msp):
    await lasting(msp)
    rows = await drawn(msp.service)
    forged = next(row for table, row in rows if table == "ledger" and "body0" in row)
    forged["body0"] = json.dumps({**json.loads(forged["body0"]), "actor": "nobody"})
    [(_, fault)] = list(faults(rows))
    assert fault.why.startswith("edited")


async def test_rows_that_make_no_sense_are_refused(msp):
    assert (await ask(msp.service, "POST", "restore/begin")).status_code == 204
    for rows in ([{"PartitionKey": "tenant"}], [{"PartitionKey": "tenant", "RowKey": "x", "body0": None}]):
        answer = await ask(msp.service, "POST", "restore/rows", {"table": "tenants", "rows": rows})
        assert answer.status_code == 422, of(answer)
    await deliver("checks", b"x", msp.service.clients)
