"""A plan that waits is taken when a person says yes to it: that plan, and no other."""

import pytest

from domain.errors import PlanMoved
from domain.operations import IdempotencyKey, Operation
from handlers import on_request
from handlers.delivery import deliver
from handlers.on_request import ApprovalRequest, Requester

RULE, LOCK, ALERTS = "oof-rule", "inbound-lockdown", "alert-policies"
OFF = {"Identity": "ExchangeDefender", "Enabled": False}


@pytest.fixture
async def tenant(service):
    tenant = service.world.add_tenant("contoso.example")
    tenant.admin("Set-InboundConnector", **OFF)
    await service.look_after(tenant, mode="approve")
    await service.sweep()
    return tenant


async def yes(service, tenant, plan, control=LOCK, by="ann@msp.example"):
    wish = ApprovalRequest(plan=plan)
    return await on_request.approve(tenant.tenant_id, control, wish, Requester(by), service.clients)


async def test_the_plan_that_was_shown_is_taken_and_the_ledger_says_who_said_yes(service, tenant):
    shown = await service.state(tenant, LOCK)
    operation = await yes(service, tenant, shown.plan)
    await service.work()
    ended = await service.clients.storage.operations.get(operation.id)
    assert (ended.kind, ended.state) == ("approve", "succeeded")
    assert ended.controls[-1].steps == shown.steps
    entries = await service.ledger(tenant, LOCK)
    assert [e.event for e in entries] == ["drift_found", "awaiting_approval", "approved", "applying", "corrected"]
    assert {e.actor for e in entries[2:]} == {"ann@msp.example"}


async def test_a_yes_that_names_no_plan_takes_the_one_that_waits_at_that_moment(service, tenant):
    shown = await service.state(tenant, LOCK)
    operation = await yes(service, tenant, None)
    assert operation.plan == shown.plan
    await service.work()
    assert (await service.state(tenant, LOCK)).state == "compliant"


async def test_when_the_tenant_changed_meanwhile_a_new_plan_waits(service, tenant):
    shown = await service.state(tenant, LOCK)
    operation = await yes(service, tenant, shown.plan)
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", RequireTls=False)
    await service.work()
    assert tenant.writes == []
    state = await service.state(tenant, LOCK)
    assert state.state == "awaiting_approval"
    assert state.plan != shown.plan
    assert (await service.clients.storage.operations.get(operation.id)).state == "held"
    await yes(service, tenant, state.plan)
    await service.work()
    assert (await service.state(tenant, LOCK)).state == "compliant"


async def test_only_a_plan_that_waits_can_be_approved(service, tenant):
    shown = await service.state(tenant, LOCK)
    with pytest.raises(PlanMoved, match=f"plan {shown.plan} waits"):
        await yes(service, tenant, "0" * 16)
    with pytest.raises(PlanMoved, match="nothing of it waits"):
        await yes(service, tenant, shown.plan, control=RULE)
    assert await service.messages("remediations") == []
    assert "approved" not in [e.event for e in await service.ledger(tenant)]


async def test_a_yes_that_is_delivered_twice_writes_once(service, tenant):
    await yes(service, tenant, (await service.state(tenant, LOCK)).plan)
    [body] = await service.messages("remediations")
    await deliver("remediations", body, service.clients)
    await deliver("remediations", body, service.clients)
    assert len(tenant.writes) == 1


async def test_a_yes_passes_nothing_but_the_mode(service, tenant):
    shown = await service.state(tenant, LOCK)
    service.world.dns.set("contoso.example", "MX", "0 contoso-example.mail.protection.outlook.com.")
    await yes(service, tenant, shown.plan)
    await service.work()
    assert tenant.writes == []
    assert "move the MX first" in (await service.state(tenant, LOCK)).detail


async def test_what_waits_beside_a_refused_step_keeps_waiting_and_is_taken_on_a_yes(service, tenant):
    etr, allow = "Phish delivered due to an ETR override", "Phish delivered due to an IP allow policy"
    roles = tenant.access.directory_roles
    tenant.admin("Set-InboundConnector", **OFF | {"Enabled": True})  # alerts are only switched off behind a lock
    tenant.admin("Set-ProtectionAlert", Identity=etr, Disabled=False)
    await service.sweep()
    tenant.access.directory_roles = {"Global Reader"}
    tenant.expire_tokens()
    await yes(service, tenant, (await service.state(tenant, ALERTS)).plan, control=ALERTS)
    await service.work()
    assert (await service.state(tenant, ALERTS)).state == "needs_person"
    tenant.access.directory_roles = roles
    tenant.expire_tokens()
    tenant.admin("Set-ProtectionAlert", Identity=allow, Disabled=False)
    await service.sweep()
    shown, told = await service.state(tenant, ALERTS), await service.ledger(tenant, ALERTS)
    assert (shown.state, len(shown.steps)) == ("awaiting_approval", 1)
    await service.sweep()
    still = await service.state(tenant, ALERTS)
    assert (still.state, still.plan, still.steps, still.since) == (shown.state, shown.plan, shown.steps, shown.since)
    assert await service.ledger(tenant, ALERTS) == told
    earlier = len(tenant.writes)
    await yes(service, tenant, shown.plan, control=ALERTS)
    await service.work()
    assert [write.parameters["Identity"] for write in tenant.writes[earlier:]] == [allow]


async def test_an_approval_that_was_cut_short_ends_when_its_plan_no_longer_waits(service, tenant):
    shown = await service.state(tenant, LOCK)
    key, operations = IdempotencyKey("ann", "k1", "approve"), service.clients.storage.operations
    await operations.claim(key.operation_id, key.fingerprint, service.clock())
    known = {"kind": "approve", "tenant_id": tenant.tenant_id, "plan": shown.plan, "created_at": service.clock()}
    await operations.create(Operation(id=key.operation_id, **known))
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=True)
    await service.sweep()
    with pytest.raises(PlanMoved, match="nothing of it waits"):
        await on_request.approve(
            tenant.tenant_id,
            LOCK,
            ApprovalRequest(plan=shown.plan),
            Requester("ann@msp.example", key),
            service.clients,
        )
    ended = await operations.get(key.operation_id)
    assert ended.state == "failed"
    assert "nothing of it waits" in ended.controls[0].detail
    assert await service.messages("remediations") == []
