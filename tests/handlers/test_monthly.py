"""The evidence of a month: made once when it is over, kept, hashed, named in the ledger, and sent to the customer."""

import asyncio
import json
from datetime import UTC, datetime
from hashlib import sha256
from itertools import count

import pytest
from azure.storage.blob.aio import BlobServiceClient

from cli import chains
from clients.storage.leases import Leases
from domain.chain import verify_proof
from domain.evidence.message import monthly_text
from domain.incident import SERVICE
from domain.jobs import MakeEvidence
from handlers.delivery import deliver
from handlers.evidence import anchor_heads
from handlers.loop.tick import tick
from tests.handlers.web import ask, of

NOVEMBER = "2026-11"
DECEMBER = datetime(2026, 12, 1, 3, 50, tzinfo=UTC)


@pytest.fixture
async def tenant(service):
    tenant = service.world.add_tenant("contoso.example")
    await service.look_after(tenant, name="Contoso")
    return tenant


async def made(service, tenant, month=NOVEMBER):
    job = MakeEvidence(tenant_id=tenant if isinstance(tenant, str) else tenant.tenant_id, month=month)
    await deliver("notifications", job.body.encode(), service.clients)


async def stored(service, tenant, form="json"):
    return await service.clients.storage.evidence.get(tenant.tenant_id, NOVEMBER, form)


async def test_a_month_is_made_once_kept_hashed_and_named_in_the_ledger(service, tenant):
    await service.sweep()
    service.clock.time = DECEMBER
    await anchor_heads(service.clients)
    await made(service, tenant)
    [entry] = [each for each in await service.ledger(tenant) if each.event == "evidence_made"]
    for form in ("json", "html", "csv"):
        assert entry.after["sha256"][form] == sha256(await stored(service, tenant, form)).hexdigest()
    before = await stored(service, tenant)
    service.clock.advance(days=1)
    await made(service, tenant)
    assert await stored(service, tenant) == before
    assert [each.id for each in await service.ledger(tenant) if each.event == "evidence_made"] == [entry.id]


async def test_a_month_that_is_asked_for_while_it_is_made_is_named_once(service, tenant):
    await service.sweep()
    service.clock.time = DECEMBER
    path, wish = f"tenants/{tenant.tenant_id}/evidence", {"month": NOVEMBER}
    answers = await asyncio.gather(*(ask(service, "POST", path, wish) for _ in range(2)), made(service, tenant))
    assert [each.status_code for each in answers[:2]] == [201, 201]
    assert [each.event for each in await service.ledger(tenant)].count("evidence_made") == 1


async def test_a_message_that_finds_another_worker_at_it_comes_back(service, tenant):
    await service.sweep()
    service.clock.time = DECEMBER
    async with service.clients.storage.leases.hold(f"evidence-{tenant.tenant_id}"):
        await made(service, tenant)
        assert await stored(service, tenant) is None
    assert await service.hidden("notifications") == 1
    await made(service, tenant)
    assert await stored(service, tenant)


async def test_a_worker_that_may_have_lost_its_lease_names_nothing(service, tenant, azurite_connection):
    await service.sweep()
    service.clock.time = DECEMBER
    async with BlobServiceClient.from_connection_string(azurite_connection) as blobs:
        # A minute passes at each look at the stopwatch.
        leases = Leases(blobs.get_container_client("leases"), stopwatch=count(0, 60).__next__)
        service.clients.storage.leases = leases
        path, wish = f"tenants/{tenant.tenant_id}/evidence", {"month": NOVEMBER}
        assert (await ask(service, "POST", path, wish)).status_code == 409
    del service.clients.storage.leases
    assert "evidence_made" not in [each.event for each in await service.ledger(tenant)]
    assert (await ask(service, "POST", path, wish)).status_code == 201


async def test_what_was_looked_at_is_proven_and_what_nobody_looked_at_is_not(service, tenant):
    service.clock.time = datetime(2026, 11, 29, tzinfo=UTC)
    await service.sweep()
    service.clock.advance(minutes=9)
    await service.sweep()
    service.clock.advance(hours=5)  # the service stood still
    await service.sweep()
    service.clock.advance(minutes=9)
    await service.sweep()
    tenant.admin("Set-OutboundConnector", Identity="Automatic Replies (Out of Office) Only", Enabled=False)
    service.clock.advance(minutes=5)
    await service.sweep()
    month = of(await ask(service, "GET", f"tenants/{tenant.tenant_id}/evidence/{NOVEMBER}"))
    [control] = [each for each in month["controls"] if each["id"] == "oof-connector"]
    standings = [(each["standing"], each["start"][11:16]) for each in control["spans"]]
    assert standings[:5] == [
        ("unknown", "00:00"),  # before the first look of all
        ("proven", "00:00"),
        ("unknown", "00:09"),
        ("proven", "05:09"),
        ("unknown", "05:18"),
    ]
    assert control["at_end"] == "proven"
    [drift] = month["drifts"]
    assert (drift["control"], drift["fixed_at"] > drift["seen_at"] > drift["last_good"]) == ("oof-connector", True)
    assert month["complete"] is False


async def test_the_tick_asks_for_each_tenant_once_and_for_the_msp_after(service, tenant):
    await service.sweep()
    service.clock.time = DECEMBER
    await tick(service.clients)
    asked = []
    assert await taken(service) == [(SERVICE, "2026-10")]  # of the day before, which it is late for
    for _ in range(130):
        service.clock.advance(minutes=1)
        await tick(service.clients)
        await service.messages("checks")
        asked += [json.loads(body) for body in await service.messages("notifications")]
    found = [(each["tenant_id"], each["month"]) for each in asked if each["kind"] == "evidence"]
    assert found == [(tenant.tenant_id, NOVEMBER), (SERVICE, NOVEMBER)]


async def taken(service, queue="notifications"):
    """The evidence that is asked for on the queue, taken off it."""
    asked = [json.loads(body) for body in await service.messages(queue)]
    return [(each["tenant_id"], each["month"]) for each in asked if each["kind"] == "evidence"]


async def test_evidence_that_a_cleared_queue_has_lost_is_asked_for_each_day_until_it_is_made(service, tenant):
    await service.sweep()
    service.clock.time = DECEMBER
    for _ in range(3):
        await tick(service.clients)
        service.clock.advance(hours=1)
    assert (SERVICE, NOVEMBER) in await taken(service)  # and here the queue was cleared
    new = service.world.add_tenant("fabrikam.example")
    await service.look_after(new)
    await service.sweep()
    for day, missing in ((2, [(tenant.tenant_id, NOVEMBER)]), (3, [])):
        service.clock.time = DECEMBER.replace(day=day, hour=5, minute=29)
        await tick(service.clients)
        await taken(service)
        service.clock.advance(minutes=2)
        await tick(service.clients)
        assert await taken(service) == [(SERVICE, NOVEMBER)]
        await made(service, SERVICE)
        assert await taken(service) == missing
        for each, _ in missing:
            await made(service, each)
    assert await stored(service, tenant)
    assert await stored(service, new) is None
    await made(service, SERVICE, "2026-10")
    fleet = of(await ask(service, "GET", f"evidence/{NOVEMBER}"))
    assert fleet["missing"] == [new.tenant_id]
    named = [e for e in await service.clients.storage.ledger.page(SERVICE) if e.event == "evidence_made"]
    assert len(named) == 1


async def test_a_month_in_which_a_tenant_was_not_looked_after_is_not_asked_for(service, tenant):
    await service.sweep()
    service.clock.time = datetime(2027, 1, 12, 9, tzinfo=UTC)  # switched off in November, and on again
    await made(service, SERVICE, "2026-12")
    assert await taken(service) == []
    await made(service, SERVICE)
    assert await taken(service) == [(tenant.tenant_id, NOVEMBER)]


async def test_evidence_that_the_ledger_names_and_its_container_has_lost_is_not_asked_for(
    service, tenant, azurite_connection
):
    other = service.world.add_tenant("fabrikam.example")
    await service.look_after(other)
    await service.sweep()
    service.clock.time = DECEMBER
    await made(service, tenant)
    async with BlobServiceClient.from_connection_string(azurite_connection) as blobs:
        container = blobs.get_container_client("evidence")
        async for blob in container.list_blobs():
            await container.delete_blob(blob.name)
    await taken(service)
    await made(service, SERVICE)
    assert await taken(service) == [(other.tenant_id, NOVEMBER)]


async def test_once_the_msps_month_is_kept_the_evidence_of_all_tenants_is_not_listed_again(service, tenant, meanwhile):
    other = service.world.add_tenant("fabrikam.example")
    await service.look_after(other)
    await service.sweep()
    service.clock.time = DECEMBER
    await made(service, tenant)
    await made(service, SERVICE)
    await taken(service)
    listed = []

    async def listing():
        listed.append(True)

    meanwhile(r"GET .*/evidence\?.*comp=list", listing)
    await made(service, SERVICE)
    assert (await taken(service), listed) == ([(other.tenant_id, NOVEMBER)], [])
    await made(service, SERVICE, "2026-10")  # which no tenant has, so that it is not kept
    assert listed == [True]


async def test_the_customers_message_verifies_without_us(service, tenant, tmp_path):
    await service.sweep()
    service.clock.time = DECEMBER
    await anchor_heads(service.clients)
    await made(service, tenant)
    [entry] = [each for each in await service.ledger(tenant) if each.event == "evidence_made"]
    message = tmp_path / "message.txt"
    message.write_text(f"Dear customer,\n\n{monthly_text(entry)}\n-- \nNorthwind MSP\n")
    [chain] = chains.read_files([message])
    assert (chain.ledger, chain.fault()) == (tenant.tenant_id, None)
    page, _ = await service.clients.storage.chains.page(tenant.tenant_id, 0, 1000)
    assert verify_proof(chain.proofs[0], page) is None


async def test_the_msps_month_has_a_row_for_each_tenant_and_names_those_without(service, tenant, spoil):
    other = service.world.add_tenant("fabrikam.example")
    await service.look_after(other, name="Fabrikam")
    await service.sweep()
    service.clock.time = DECEMBER
    await made(service, tenant)
    await spoil("tenants", other.tenant_id)  # what its config says nobody knows, but that it is there
    await made(service, SERVICE)
    fleet = of(await ask(service, "GET", f"evidence/{NOVEMBER}"))
    assert [each["name"] for each in fleet["tenants"]] == ["Contoso"]
    assert fleet["missing"] == [other.tenant_id]
    [entry] = [e for e in await service.clients.storage.ledger.page(SERVICE) if e.event == "evidence_made"]
    assert len(entry.after["sha256"]["html"]) == 64


async def test_a_tenant_that_is_gone_has_no_evidence_made(service):
    await made(service, "7b1f6a3e-52c4-4d0e-9c1a-2f8e61d0a9b4")
    assert await service.clients.storage.evidence.months() == []


COPIER = {
    "finding": "0123456789abcdef",
    "kind": "address",
    "control": "inbound-lockdown",
    "name": "ExchangeDefender",
    "value": "198.51.100.7",
    "reason": "a copier",
    "until": "2026-12-20T00:00:00Z",
}


async def accepted(service, tenant, month):
    """Who answered for what in a month, and until which day."""
    found = of(await ask(service, "GET", f"tenants/{tenant.tenant_id}/evidence/{month}"))
    return [(each["owner"], each["what"], each["until"][:10]) for each in found["accepted"]]


async def test_each_month_names_what_was_accepted_in_it_however_long_ago_that_began(service, tenant):
    path = f"tenants/{tenant.tenant_id}"
    config = of(await ask(service, "GET", path))
    wish = {"reason": "moves", "owner": "Ann", "until": "2026-12-10T00:00:00Z"}
    service.clock.time = datetime(2026, 1, 1, 9, tzinfo=UTC)
    assert (await ask(service, "POST", f"{path}/controls/dmarc/except", wish)).status_code == 200
    ann = COPIER | {"owner": "Ann"}
    assert (await ask(service, "PUT", path, config | {"declared": [ann]})).status_code == 200
    service.clock.time = datetime(2026, 6, 20, 12, tzinfo=UTC)
    assert (await ask(service, "DELETE", f"{path}/controls/dmarc/except")).status_code == 204
    bob = COPIER | {"owner": "Bob", "until": "2027-01-10T00:00:00Z"}
    assert (await ask(service, "PUT", path, config | {"declared": [bob]})).status_code == 200
    service.clock.time = datetime(2026, 7, 1, 2, tzinfo=UTC)
    late = wish | {"owner": "Cy", "until": "2026-07-31T00:00:00Z"}
    assert (await ask(service, "POST", f"{path}/controls/spf/except", late)).status_code == 200
    service.clock.advance(hours=2)
    what = "address 198.51.100.7"
    assert await accepted(service, tenant, "2026-06") == [
        ("Ann", "", "2026-06-20"),
        ("Ann", what, "2026-06-20"),
        ("Bob", what, "2027-01-10"),
    ]
    assert await accepted(service, tenant, "2026-07") == [("Cy", "", "2026-07-31"), ("Bob", what, "2027-01-10")]


async def test_what_was_opened_and_closed_again_early_is_told_with_its_true_end(service, tenant):
    await service.sweep()
    path, wish = f"tenants/{tenant.tenant_id}", {"reason": "mail stopped", "until": "2026-12-20T00:00:00Z"}
    assert (await ask(service, "POST", f"{path}/open", wish)).status_code == 202
    await service.work()
    service.clock.time = datetime(2026, 11, 25, 12, tzinfo=UTC)
    assert (await ask(service, "DELETE", f"{path}/controls/inbound-lockdown/except")).status_code == 204
    service.clock.time = DECEMBER
    assert await accepted(service, tenant, NOVEMBER) == [("key dev", "", "2026-11-25"), ("key dev", "", "2026-12-20")]
    assert await accepted(service, tenant, "2026-10") == []
