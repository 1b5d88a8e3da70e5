"""What a person asks for: done once, told honestly, ended always."""

import json

import pytest

from domain.jobs import LARGEST_MESSAGE
from handlers import on_request, park
from handlers.delivery import deliver
from handlers.on_request import ReprovisionRequest, Requester
from tests.former import LIVED, restore

RULE, LOCK = "oof-rule", "inbound-lockdown"
ALERT = {"Identity": "Phish delivered due to an ETR override", "Disabled": False}


async def ask(service, tenant, **body):
    wish = ReprovisionRequest.model_validate(body)
    return await on_request.reprovision(tenant.tenant_id, wish, Requester("ann"), service.clients)


async def end_of(service, operation):
    return await service.clients.storage.operations.get(operation.id)


async def test_a_new_tenant_can_be_reprovisioned_before_any_sweep(service):
    tenant = service.world.add_tenant("contoso.example", state="never_configured")
    service.world.dns.set("contoso.example", "MX", "10 inbound30.exchangedefender.com.")
    await service.look_after(tenant)
    operation = await ask(service, tenant, controls=[RULE, "spoof-allow", LOCK])
    await service.work()
    ended = await end_of(service, operation)
    assert ended.state == "succeeded"
    assert {c.id: c.state for c in ended.controls} == {
        "service-connectors": "not_applicable",
        "oof-connector": "compliant",
        RULE: "compliant",
        "spoof-allow": "compliant",
        LOCK: "compliant",
    }
    assert all(c.steps for c in ended.controls if c.id != "service-connectors")


async def test_what_comes_along_is_not_what_was_asked_for(service):
    tenant = service.world.add_tenant("contoso.example")
    tenant.admin("Set-OutboundConnector", Identity="Automatic Replies (Out of Office) Only", Enabled=False)
    tenant.admin(
        "Disable-TransportRule", Identity="Send Automatic Replies to connector Automatic Replies", Confirm=False
    )
    await service.look_after(tenant, controls={"oof-connector": {"mode": "observe"}})
    await ask(service, tenant, controls=[RULE])
    await service.work()
    assert tenant.writes == []
    assert (await service.state(tenant, RULE)).detail == "order: waits for oof-connector"


async def test_a_refused_step_is_tried_once_however_often_the_job_comes_back(service):
    tenant = service.world.add_tenant("contoso.example", alert_set="not_found")
    tenant.admin("Set-ProtectionAlert", **ALERT)
    tenant.admin("Set-OutboundConnector", Identity="Automatic Replies (Out of Office) Only", Enabled=False)
    tenant.lag(400, "OutboundConnector")
    await service.look_after(tenant)
    operation = await ask(service, tenant)
    [body] = await service.messages("remediations")
    for attempt in range(4):
        job = json.loads(body) | {"attempt": attempt}
        await deliver("remediations", json.dumps(job).encode(), service.clients)
    assert [e.cmdlet for e in tenant.writes].count("Set-ProtectionAlert") == 1
    assert (await end_of(service, operation)).state == "running"


async def test_a_job_that_is_let_go_ends_its_operation(service):
    tenant = service.world.add_tenant("contoso.example")
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)
    tenant.lag(40, "InboundConnector")
    await service.look_after(tenant)
    operation = await ask(service, tenant, controls=[LOCK])
    [body] = await service.messages("remediations")
    await deliver("remediations", json.dumps(json.loads(body) | {"attempt": 20}).encode(), service.clients)
    ended = await end_of(service, operation)
    assert (ended.state, bool(ended.finished_at)) == ("failed", True)
    assert "no end after 20 attempts" in ended.controls[0].detail


async def test_a_parked_job_ends_its_operation(service):
    tenant = service.world.add_tenant("contoso.example")
    await service.look_after(tenant)
    operation = await ask(service, tenant)
    [body] = await service.messages("remediations")
    await park.given_up("remediations", body, service.clients)
    assert (await end_of(service, operation)).state == "failed"


@pytest.mark.parametrize("letter", ["\u00e4", '"', "\n", "\U0001f600"])
async def test_the_longest_reason_is_taken_and_kept(service, letter):
    tenant = service.world.add_tenant("contoso.example")
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)
    await service.look_after(tenant)
    await ask(service, tenant, reason=letter * 1000, controls=[LOCK] * 200)
    [body] = await service.messages("remediations")
    assert len(body) < LARGEST_MESSAGE
    await deliver("remediations", body, service.clients)
    assert (await service.ledger(tenant, LOCK))[-1].reason == letter * 1000


@pytest.mark.parametrize("body", [b"[" * 20_000, b"hello", b'{"tenant_id": ' + b"[" * 1000])
async def test_a_message_that_comes_again_is_parked_once(service, body):
    for _ in range(3):
        await deliver("checks", body, service.clients)
        await park.given_up("checks", body, service.clients)
    assert len(await service.clients.storage.parked.all("checks")) == 1


async def test_consent_that_was_lost_under_a_correction_is_told(service):
    tenant = service.world.add_tenant("contoso.example")
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)
    tenant.lag(40, "InboundConnector")
    await service.look_after(tenant)
    await service.sweep()
    tenant.access.consented = False
    tenant.expire_tokens()
    await service.sweep()
    assert "adminconsent" in (await service.state(tenant, LOCK)).detail
    service.clock.advance(minutes=6)
    await service.sweep()
    state = await service.state(tenant, LOCK)
    assert state.state == "unknown"
    assert "adminconsent" in state.detail
    tenant.access.consented = True
    tenant.lag(0)
    tenant.faults.clear()
    service.clock.advance(hours=1)
    for _ in range(12):
        await service.sweep()
    assert (await service.state(tenant, LOCK)).state in {"compliant", "needs_person"}
    assert len(tenant.writes) == 1


async def test_corrections_under_way_from_the_former_version_go_on(service, azurite_connection):
    """A connector was enabled, and a rule made whose answer was lost: both are proven, neither is written again."""
    await restore(azurite_connection, LIVED)
    tenant = service.world.add_tenant("contoso.example", tenant_id=LIVED, alert_set="not_found")
    tenant.admin("Set-ProtectionAlert", Identity="Phish delivered due to an ETR override", Disabled=False)
    await service.look_after(tenant)
    service.clock.advance(minutes=41)
    before = {entry.id for entry in await service.ledger(tenant)}
    assert set((await service.states(tenant)).values()) >= {"correcting", "needs_person"}
    await service.sweep()
    assert tenant.writes == []
    states = await service.states(tenant)
    assert (states["inbound-lockdown"], states["oof-rule"]) == ("compliant", "compliant")
    assert states["alert-policies"] == "needs_person"  # refused once, and never tried again
    entries = [entry for entry in await service.ledger(tenant) if entry.id not in before]
    news = {entry.control: entry for entry in entries if entry.event != "first_look"}
    assert {control: entry.event for control, entry in news.items()} == {
        "inbound-lockdown": "corrected",
        "oof-rule": "corrected",
    }
    assert {entry.of for entry in news.values()} <= before
