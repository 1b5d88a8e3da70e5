"""Drift that a person accepted stays until its end date, and the ledger says from when to when and by whom."""

from datetime import timedelta

import pytest

from tests.handlers.web import ask, of

LOCK, RULE = "inbound-lockdown", "oof-rule"
OFF = {"Identity": "ExchangeDefender", "Enabled": False}


@pytest.fixture
async def tenant(service):
    tenant = service.world.add_tenant("contoso.example")
    tenant.admin("Set-InboundConnector", **OFF)
    return tenant


def wish(service, **changes):
    until = service.clock() + timedelta(days=1)
    return {"reason": "migration", "owner": "Ann", "until": until.isoformat()} | changes


async def accept(service, tenant, control=LOCK, **changes):
    path = f"tenants/{tenant.tenant_id}/controls/{control}/except"
    return await ask(service, "POST", path, wish(service, **changes))


@pytest.mark.parametrize("mode", ["correct", "approve", "observe"])
async def test_accepted_drift_stays_until_its_end_and_the_ledger_says_so(service, tenant, mode):
    await service.look_after(tenant, mode=mode)
    await accept(service, tenant)
    await service.sweep()
    state = await service.state(tenant, LOCK)
    assert (state.state, bool(state.drift)) == ("excepted", True)
    assert "accepted by Ann until 2026-11-24" in state.detail
    assert tenant.writes == []
    service.clock.advance(days=1)
    await service.sweep()
    events = [e.event for e in await service.ledger(tenant, LOCK)]
    after = {"correct": "corrected", "approve": "awaiting_approval", "observe": "drift_found"}
    assert events[:3] == ["exception_made", "excepted", "exception_ended"]
    assert events[-1] == after[mode]
    assert events.count("exception_ended") == 1
    [made, *_] = await service.ledger(tenant, LOCK)
    assert (made.actor, made.reason) == ("key dev", "migration")


async def test_what_only_a_person_could_mend_can_be_accepted_too(service, tenant):
    service.world.dns.set("contoso.example", "MX", "0 contoso-example.mail.protection.outlook.com.")
    await service.look_after(tenant, mode="observe")
    await service.sweep()
    assert (await service.state(tenant, "mx")).state == "needs_person"
    await accept(service, tenant, "mx")
    await service.work()
    assert (await service.state(tenant, "mx")).state == "excepted"


async def test_an_exception_can_be_taken_back(service, tenant):
    await service.look_after(tenant)
    await accept(service, tenant)
    await service.work()
    path = f"tenants/{tenant.tenant_id}/controls/{LOCK}/except"
    assert (await ask(service, "DELETE", path)).status_code == 204
    await service.work()
    assert (await service.state(tenant, LOCK)).state == "compliant"
    again = await ask(service, "DELETE", path)
    assert (again.status_code, of(again)["detail"]) == (404, f"there is no exception of '{LOCK}'")


async def test_the_same_exception_twice_is_one(service, tenant):
    await service.look_after(tenant)
    until = wish(service)["until"]
    for _ in range(2):
        await accept(service, tenant, until=until)
    assert [e.event for e in await service.ledger(tenant)] == ["exception_made"]


async def test_an_exception_made_while_the_plan_is_on_its_way_stops_it(service, tenant):
    await service.look_after(tenant)
    await service.check(tenant)
    await accept(service, tenant)
    [body] = await service.messages("remediations")
    await service.remediate(tenant, LOCK)
    assert tenant.writes == []
    assert (await service.state(tenant, LOCK)).state == "excepted"
    assert body


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"until": "2026-11-23T11:00:00Z"}, "body.until: should be in the future"),
        ({"until": "2027-11-23T11:00:00"}, "body.until"),
        ({"until": "soon"}, "body.until"),
        ({"owner": ""}, "body.owner"),
        ({"reason": "x" * 1001}, "body.reason"),
        ({"for": "ever"}, "body.for"),
    ],
    ids=str,
)
async def test_an_exception_that_makes_no_sense_is_refused(service, tenant, changes, named):
    await service.look_after(tenant)
    refused = await accept(service, tenant, **changes)
    assert refused.status_code == 422
    assert named in of(refused)["detail"]
    assert await service.ledger(tenant) == []


async def test_an_exception_of_an_unknown_control_is_not_found(service, tenant):
    await service.look_after(tenant)
    refused = await accept(service, tenant, "mxx")
    assert (refused.status_code, of(refused)["detail"]) == (404, "there is no control 'mxx'")
