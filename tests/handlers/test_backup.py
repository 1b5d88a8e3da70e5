"""A backup comes back into an empty storage account: the brake is engaged, chains go on, no ticket is opened twice."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import pytest
import pytest_asyncio
from azure.data.tables.aio import TableServiceClient
from azure.storage.queue.aio import QueueServiceClient

from cli.backup import IN_ORDER, faults, read_backup
from clients.connect import connect
from clients.settings import load
from clients.storage.backup import BackedUp
from devhost.azurite import azurite
from domain.incident import SERVICE
from handlers.delivery import deliver
from handlers.loop import waves
from handlers.loop.tick import tick
from handlers.waves import WaveRequest, begin_wave
from tests.filters import NEW, WIDER, deployed
from tests.handlers.command import holdfast, told
from tests.handlers.conftest import fresh
from tests.handlers.harness import DEV_KEY, Service
from tests.handlers.tickets.msp import Msp, desk_of, settings
from tests.handlers.tickets.msp import told as told_by_ticket
from tests.handlers.web import ask, of

OTHER = "0e0f3c2b-8a5d-4a67-9d0e-6a4c1f2b3d4e"


@pytest_asyncio.fixture
async def msp(azurite_connection) -> AsyncIterator[Msp]:
    async with fresh(azurite_connection, **settings("halopsa", None, **desk_of("halopsa"))) as service:
        system = service.world.psa.by_name["halopsa"]
        system.companies = {250}
        yield Msp(service, system)


async def backed_up(service: Service, file: Path) -> list[tuple[str, dict[str, Any]]]:
    """The rows of a backup that the command line wrote."""
    told(await holdfast(service, "backup", file))
    return read_backup(file)


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
    await told_by_ticket(msp)
    assert len(msp.tickets) == 1
    return tenant


async def test_all_of_it_comes_back_into_an_empty_account_and_nothing_is_written_before_a_person_says_so(msp, tmp_path):
    tenant = await lasting(msp)
    made, rows = told(await holdfast(msp.service, "backup", tmp_path / "backup")), read_backup(tmp_path / "backup")
    async with azurite() as empty, elsewhere(msp.service, empty) as other:
        restored = told(await holdfast(other, "restore", tmp_path / "backup"))
        assert restored == {"tenants": 1, "chains": 1}
        brake = await other.clients.storage.switches.brake()
        assert (brake.engaged, "restored" in brake.reason) == (True, True)
        state = of(await ask(other, "GET", f"tenants/{tenant.tenant_id}/state"))["controls"]
        assert {each["state"] for each in state} == {"unknown"}
        assert [each["exception"]["owner"] for each in state if each["exception"]] == ["Ann"]
        verified = await holdfast(other, "ledger", "verify")
        assert verified.exit_code == 0, told(verified)
        [goes_on] = [each for each in await other.ledger(tenant) if each.event == "checkpoint"]
        [there] = [row for table, row in rows if table == "heads" and row["RowKey"] == tenant.tenant_id]
        assert goes_on.after == {"sequence": there["sequence"], "hash": there["hash"], "backup": made["sha256"]}
        again = Msp(other, msp.system)
        await again.look(tenant)
        await told_by_ticket(again)
        assert len(msp.tickets) == 1


async def test_the_next_tick_asks_for_every_tenant_that_came_back(msp, tmp_path):
    tenant = await lasting(msp)
    await backed_up(msp.service, tmp_path / "backup")
    async with azurite() as empty, elsewhere(msp.service, empty) as other:
        gone = {"tenant_id": OTHER, "name": "Gone", "initial_domain": "gone.onmicrosoft.com"}
        await ask(other, "PUT", f"tenants/{OTHER}", gone)
        await ask(other, "DELETE", f"tenants/{OTHER}")
        await tick(other.clients)  # which has compared its index with the configs, and does so hourly
        told(await holdfast(other, "restore", tmp_path / "backup"))
        other.clock.advance(minutes=15)
        await tick(other.clients)
        await other.work()
        assert (await other.state(tenant, "inbound-lockdown")).state == "compliant"
        assert (await other.state(tenant, "alert-policies")).state != "unknown"


async def test_what_nobody_saw_between_the_backup_and_the_restore_is_not_proven(msp, tmp_path):
    tenant = msp.service.world.add_tenant("contoso.example")
    await msp.service.look_after(tenant)
    msp.service.clock.time = datetime(2026, 10, 31, tzinfo=UTC)
    await msp.service.sweep()
    msp.service.clock.advance(minutes=9)
    await msp.service.sweep()
    await backed_up(msp.service, tmp_path / "backup")
    async with azurite() as empty, elsewhere(msp.service, empty) as other:
        other.clock.time = datetime(2026, 11, 10, tzinfo=UTC)
        told(await holdfast(other, "restore", tmp_path / "backup"))
        await other.sweep()
        other.clock.advance(minutes=9)
        await other.sweep()
        assert [each.event for each in await other.ledger(tenant)].count("not_looked") == 1
        for month, expected in (("2026-10", 9 * 60), ("2026-11", 9 * 60)):
            made = of(await ask(other, "GET", f"tenants/{tenant.tenant_id}/evidence/{month}"))
            [control] = [each for each in made["controls"] if each["id"] == "oof-connector"]
            assert control["seconds"]["proven"] == expected


async def test_ticks_that_come_while_rows_come_back_break_no_chain_and_a_cut_restore_goes_on(msp, tmp_path):
    await lasting(msp)
    rows = await backed_up(msp.service, tmp_path / "backup")
    backup, another = {"export": "ab" * 32}, {"export": "cd" * 32}
    async with azurite() as empty, elsewhere(msp.service, empty) as other:
        for tables in (IN_ORDER[:-1], IN_ORDER):  # the first time the line is cut
            assert (await ask(other, "POST", "restore/begin", backup)).status_code == 204
            for table in tables:
                some = {"table": table, "rows": [row for each, row in rows if each == table]}
                assert (await ask(other, "POST", "restore/rows", some)).status_code == 200
                other.clock.advance(minutes=15)
                await tick(other.clients)
                await other.work()
        assert (await ask(other, "POST", "restore/begin", another)).status_code == 409
        assert (await ask(other, "POST", "restore/end", backup)).status_code == 200
        verified = await holdfast(other, "ledger", "verify")
        assert verified.exit_code == 0, told(verified)


@pytest.mark.parametrize("odd", ["states", "tenants"])
async def test_what_a_later_version_wrote_of_a_tenant_keeps_nobody_else_from_coming_back(msp, tmp_path, odd):
    tenant = await lasting(msp)
    await msp.service.look_after(msp.service.world.add_tenant("fabrikam.example"))
    rows = await backed_up(msp.service, tmp_path / "backup")
    for table, row in rows:
        if table == odd and row["RowKey"] == tenant.tenant_id:
            row["version"] = 99
    lines = (json.dumps({"table": table, "row": row}) + "\n" for table, row in rows)
    (tmp_path / "backup").write_text("".join(lines))
    async with azurite() as empty, elsewhere(msp.service, empty) as other:
        assert told(await holdfast(other, "restore", tmp_path / "backup"))["tenants"] == 2
        assert set((await other.states(tenant)).values()) <= {"unknown"}
        fleet = of(await ask(other, "GET", "fleet"))
        assert (fleet["tenants"], fleet["states"]["unknown"]) == (2, 2)


async def moved_by(service, tenant):
    row = await service.clients.storage.tenants.find(tenant.tenant_id)
    return row.move.wave if row and row.move else ""


async def test_a_wave_that_was_under_way_comes_back_paused_and_goes_on_when_a_person_says_so(msp, tmp_path):
    tenant = await lasting(msp)
    msp.service.clients = deployed(msp.service.clients, WIDER)
    wish = WaveRequest(version=NEW, canaries=[tenant.tenant_id], reason="a new range")
    begun = await begin_wave(wish, "key dev", msp.service.clients)
    await backed_up(msp.service, tmp_path / "backup")
    async with azurite() as empty, elsewhere(msp.service, empty) as other:
        other.clients = deployed(other.clients, WIDER)
        told(await holdfast(other, "restore", tmp_path / "backup"))
        [wave] = told(await holdfast(other, "waves", "list"))
        assert (wave["id"], wave["state"], wave["stage"]) == (begun.id, "paused", "canaries")
        entries = await other.clients.storage.ledger.page(SERVICE)
        assert ("wave_paused", "a backup was restored") in [(each.event, each.reason) for each in entries]
        await ask(other, "PUT", "brake", {"engaged": False, "reason": "looked at"})
        await waves.go_on(other.clients)
        assert await moved_by(other, tenant) == ""
        told(await holdfast(other, "waves", "resume", begun.id, "--reason", "looked at"))
        await waves.go_on(other.clients)
        assert await moved_by(other, tenant) == begun.id


def test_the_command_line_asks_for_every_table_that_is_backed_up():
    assert set(IN_ORDER) == set(get_args(BackedUp.__value__))


async def test_a_backup_comes_back_into_no_installation_that_looks_after_somebody(msp, tmp_path):
    await lasting(msp)
    await backed_up(msp.service, tmp_path / "backup")
    refused = await holdfast(msp.service, "restore", tmp_path / "backup")
    assert str(refused.exception).startswith("409: this installation looks after tenants")
    assert (await ask(msp.service, "POST", "restore/rows", {"table": "tenants", "rows": []})).status_code == 409
    assert (await ask(msp.service, "POST", "restore/end", {"export": "ab" * 32})).status_code == 409
    assert not (await msp.service.clients.storage.switches.brake()).engaged


CLAIM = {"engaged": True, "reason": "a backup is being restored, or was: look, then release"}
WHOLE = {"export": "ab" * 32}


async def sneaked(service, tenant):
    """The answer to a config that lets in more than the profile, as a row of a backup; nobody's config changes by it."""
    path = f"tenants/{tenant.tenant_id}"
    before = of(await ask(service, "GET", path))
    [row] = of(await ask(service, "GET", "backup/tenants"))["rows"]
    wider = json.loads(row["body0"]) | {"overrides": {"delivery_networks": ["65.99.255.0/24", "203.0.113.0/24"]}}
    rows = [row | {"body0": json.dumps(wider)}]
    answer = await ask(service, "POST", "restore/rows", {"table": "tenants", "rows": rows})
    assert answer.status_code == 200 or of(await ask(service, "GET", path)) == before
    return answer.status_code


async def test_who_says_that_a_backup_is_being_restored_writes_no_row(service):
    tenant = service.world.add_tenant("contoso.example")
    await service.look_after(tenant)
    for claim in (CLAIM, CLAIM | {"reason": f"{CLAIM['reason']} ({'ab' * 6})"}):
        assert (await ask(service, "PUT", "brake", claim)).status_code == 200
        assert (await ask(service, "POST", "restore/begin", WHOLE)).status_code == 409
        assert await sneaked(service, tenant) == 409
        assert (await ask(service, "POST", "restore/end", WHOLE)).status_code == 409


async def test_a_restore_ends_at_its_end_though_the_brake_waits_for_a_person(service):
    assert (await ask(service, "POST", "restore/begin", WHOLE)).status_code == 204
    tenant = service.world.add_tenant("contoso.example")
    await service.look_after(tenant)
    assert await sneaked(service, tenant) == 200
    assert (await ask(service, "POST", "restore/end", {"export": "cd" * 32})).status_code == 409
    assert (await ask(service, "POST", "restore/end", WHOLE)).status_code == 200
    assert of(await ask(service, "GET", "brake"))["engaged"]
    assert await sneaked(service, tenant) == 409


async def test_a_restore_that_nobody_ended_is_over_when_the_brake_is_released(service):
    assert (await ask(service, "POST", "restore/begin", WHOLE)).status_code == 204
    tenant = service.world.add_tenant("contoso.example")
    await service.look_after(tenant)
    told_why = {"engaged": True, "reason": "restoring, do not release"}
    assert (await ask(service, "PUT", "brake", told_why)).status_code == 200
    assert await sneaked(service, tenant) == 200
    service.clock.advance(minutes=1)
    for change in ({"engaged": False, "reason": "looked at"}, CLAIM):
        assert (await ask(service, "PUT", "brake", change)).status_code == 200
        assert await sneaked(service, tenant) == 409


@pytest.mark.parametrize("change", [{"body0": "{"}, {"version": 99}])
async def test_a_restore_that_cannot_be_read_is_none(service, azurite_connection, change):
    assert (await ask(service, "POST", "restore/begin", WHOLE)).status_code == 204
    tenant = service.world.add_tenant("contoso.example")
    await service.look_after(tenant)
    async with TableServiceClient.from_connection_string(azurite_connection) as tables:
        row = {"PartitionKey": "restore", "RowKey": "restore"}
        await tables.get_table_client("switches").update_entity(row | change)
    assert await sneaked(service, tenant) == 409


async def test_no_backup_brings_a_restore_of_elsewhere_along(service):
    assert (await ask(service, "POST", "restore/begin", WHOLE)).status_code == 204
    rows = of(await ask(service, "GET", "backup/switches"))["rows"]
    [restore] = [row for row in rows if row["PartitionKey"] == "restore"]
    sent = {"table": "switches", "rows": [restore]}
    assert of(await ask(service, "POST", "restore/rows", sent)) == {"written": 0}


async def test_a_forged_backup_is_named_before_anything_is_written(msp, tmp_path):
    await lasting(msp)
    rows = await backed_up(msp.service, tmp_path / "backup")
    forged = next(row for table, row in rows if table == "ledger" and "body0" in row)
    forged["body0"] = json.dumps({**json.loads(forged["body0"]), "actor": "nobody"})
    [(_, fault)] = list(faults(rows))
    assert fault.why.startswith("edited")


async def test_rows_that_make_no_sense_are_refused(msp):
    assert (await ask(msp.service, "POST", "restore/begin", {"export": "ab" * 32})).status_code == 204
    for rows in ([{"PartitionKey": "tenant"}], [{"PartitionKey": "tenant", "RowKey": "x", "body0": None}]):
        answer = await ask(msp.service, "POST", "restore/rows", {"table": "tenants", "rows": rows})
        assert answer.status_code == 422, of(answer)
    await deliver("checks", b"x", msp.service.clients)
