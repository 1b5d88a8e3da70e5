"""What cannot be read is unknown, with what would mend it, and stops nobody else."""

import asyncio

import pytest

from domain.controls import CATALOGUE
from simulator.faults import Fault

LOCK = "inbound-lockdown"


@pytest.mark.parametrize(
    "kind",
    [
        "html",
        "truncated",
        "empty",
        "value_missing",
        "adminapi_errors",
        "nul_403",
        "cut",
        "server_error",
        "gateway_timeout",
    ],
)
async def test_a_read_that_goes_wrong_is_unknown_and_writes_nothing(service, kind):
    tenant = service.world.add_tenant("contoso.example")
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)
    await service.look_after(tenant)
    tenant.faults.script(
        Fault(kind, cmdlet="Get-InboundConnector", times=50),
        Fault("missing_item", cmdlet="Get-InboundConnector", times=50),
    )
    await service.sweep()
    state = await service.state(tenant, LOCK)
    assert (state.state, state.drift, state.read_at) == ("unknown", (), None)
    assert state.detail
    assert tenant.writes == []
    others = {"unknown"} if kind == "cut" else {"compliant"}  # a cut takes the whole batch with it
    assert {(await service.state(tenant, "oof-rule")).state} == others


@pytest.mark.parametrize("cmdlet", ["Get-AcceptedDomain", "Get-AntiPhishPolicy", "Get-ProtectionAlert"])
async def test_a_list_that_cannot_be_empty_and_is_proves_nothing(service, cmdlet):
    tenant = service.world.add_tenant("contoso.example")
    await service.look_after(tenant)
    tenant.faults.script(Fault("value_empty", cmdlet=cmdlet, times=50))
    await service.sweep()
    assert "unknown" in (await service.states(tenant)).values()
    assert tenant.writes == []


async def test_a_service_that_answers_nothing_for_everything_leads_to_no_write(service):
    tenant = service.world.add_tenant("contoso.example")
    await service.look_after(tenant)
    tenant.faults.script(Fault("value_empty", times=500))
    await service.sweep()
    assert set((await service.states(tenant)).values()) <= {"unknown", "not_applicable"}
    assert tenant.writes == []


async def test_a_dead_tenant_does_not_stop_the_others(service):
    dead = service.world.add_tenant("dead.example")
    alive = service.world.add_tenant("alive.example")
    alive.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)
    for tenant in (dead, alive):
        await service.look_after(tenant)
    dead.access.consented = False
    await service.sweep()
    profile = service.clients.profiles.newest["exchangedefender"]
    states = await service.states(dead)
    assert states == {each.id: "unknown" if each.applies(profile) else "not_applicable" for each in CATALOGUE.values()}
    assert "adminconsent" in (await service.state(dead, LOCK)).detail
    assert (await service.state(alive, LOCK)).state == "compliant"


async def test_a_missing_role_is_named(service):
    tenant = service.world.add_tenant("contoso.example")
    tenant.access.directory_roles.clear()
    await service.look_after(tenant)
    await service.sweep()
    state = await service.state(tenant, LOCK)
    assert state.state == "unknown"
    assert "Exchange Administrator" in state.detail or "Global Reader" in state.detail


async def test_the_last_good_read_stays_when_the_next_one_fails(service):
    tenant = service.world.add_tenant("contoso.example")
    await service.look_after(tenant)
    await service.sweep()
    seen = (await service.state(tenant, LOCK)).read_at
    tenant.faults.script(Fault("nul_403", times=500))
    await service.sweep()
    state = await service.state(tenant, LOCK)
    assert (state.state, state.read_at) == ("unknown", seen)


async def test_a_short_throttle_is_waited_out(service):
    tenant = service.world.add_tenant("contoso.example")
    await service.look_after(tenant)
    tenant.faults.script(Fault("throttled", retry_after=1), Fault("throttled", plain=True))
    await service.sweep()
    assert set((await service.states(tenant)).values()) == {"compliant", "not_applicable"}


async def test_a_tenant_that_moved_its_compliance_region_is_found_again(service):
    tenant = service.world.add_tenant("contoso.example", alert_set="works")
    await service.look_after(tenant)
    await service.sweep()
    tenant.region = "nam12b"
    await service.sweep()
    assert (await service.state(tenant, "alert-policies")).state == "compliant"


async def test_a_check_that_read_before_a_write_does_not_overwrite_what_came_of_it(service):
    """The states moved under the check: it goes back to the queue, and looks afresh."""
    tenant = service.world.add_tenant("contoso.example")
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)
    await service.look_after(tenant)
    tenant.faults.script(Fault("slow", cmdlet="$batch", seconds=0.5))
    late = asyncio.create_task(service.check(tenant, lane="fast"))
    while not tenant.http_requests["exchange"]:
        await asyncio.sleep(0.01)
    await service.remediate(tenant, LOCK)
    await late
    assert await service.hidden("checks") == 1
    assert (await service.state(tenant, LOCK)).state == "compliant"
