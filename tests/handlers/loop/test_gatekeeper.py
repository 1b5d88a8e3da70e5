"""Nothing is written past the gate, and what holds a plan is said."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from domain.gate import Brake
from domain.jobs import ReadAudit
from handlers.delivery import deliver
from handlers.loop.tick import tick
from handlers.security.audit import read_audit
from simulator.faults import Fault
from tests.handlers.web import ask

LOCK, RULE = "inbound-lockdown", "oof-rule"


def drifted(service, domain="contoso.example"):
    tenant = service.world.add_tenant(domain)
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)
    tenant.admin(
        "Disable-TransportRule", Identity="Send Automatic Replies to connector Automatic Replies", Confirm=False
    )
    return tenant


async def test_observing_tells_and_never_writes(service):
    tenant = drifted(service)
    await service.look_after(tenant, mode="observe")
    await service.sweep()
    assert (await service.state(tenant, LOCK)).state == "drifted"
    assert (await service.state(tenant, LOCK)).steps
    assert tenant.writes == []


async def test_one_control_may_be_observed_only(service):
    tenant = drifted(service)
    await service.look_after(tenant, controls={LOCK: {"mode": "observe"}})
    await service.sweep()
    assert (await service.state(tenant, LOCK)).state == "drifted"
    assert (await service.state(tenant, RULE)).state == "compliant"


async def test_approving_waits_for_a_person_with_the_exact_steps(service):
    tenant = drifted(service)
    await service.look_after(tenant, mode="approve")
    await service.sweep()
    await service.sweep()
    state = await service.state(tenant, RULE)
    assert (state.state, state.steps[0].cmdlet) == ("awaiting_approval", "Enable-TransportRule")
    assert state.plan in state.detail
    assert tenant.writes == []
    assert len([e for e in await service.ledger(tenant, RULE) if e.event == "awaiting_approval"]) == 1


async def test_a_disabled_tenant_is_not_even_looked_at(service):
    tenant = drifted(service)
    await service.look_after(tenant, enabled=False)
    await service.sweep()
    await service.check(tenant)
    await service.remediate(tenant, LOCK)
    assert tenant.writes == []


async def test_a_frozen_tenant_is_held_and_put_back_when_the_window_ends(service):
    tenant = drifted(service)
    now = service.clock()
    window = {"start": now.isoformat(), "end": (now + timedelta(hours=1)).isoformat(), "reason": "migration"}
    await service.look_after(tenant, freeze=[window])
    await service.sweep()
    state = await service.state(tenant, RULE)
    assert state.state == "held"
    assert "migration" in state.detail
    service.clock.advance(hours=1)
    await service.sweep()
    assert (await service.state(tenant, RULE)).state == "compliant"


async def test_the_brake_stops_every_write_and_releasing_it_resumes(service):
    tenant = drifted(service)
    await service.look_after(tenant)
    await service.clients.storage.switches.set_brake(Brake(engaged=True, reason="incident 7"))
    await service.sweep()
    assert tenant.writes == []
    assert "incident 7" in (await service.state(tenant, RULE)).detail
    await service.clients.storage.switches.set_brake(Brake())
    await service.sweep()
    assert (await service.state(tenant, RULE)).state == "compliant"


@pytest.mark.parametrize(
    ("break_dns", "reason"),
    [
        (
            lambda dns: dns.set("contoso.example", "MX", "0 contoso-example.mail.protection.outlook.com."),
            "move the MX first",
        ),
        (lambda dns: dns.remove("contoso.example", "MX"), "no MX record"),
        (lambda dns: dns.fail("contoso.example", "servfail"), "unknown"),
    ],
    ids=["at_microsoft", "no_mx", "servfail"],
)
async def test_the_lock_never_closes_before_the_mx_is_the_filters(service, break_dns, reason):
    tenant = drifted(service)
    await service.look_after(tenant)
    break_dns(service.world.dns)
    await service.sweep()
    state = await service.state(tenant, LOCK)
    assert state.state == "held"
    assert "contoso.example" in state.detail
    assert reason in state.detail
    assert "Set-InboundConnector" not in [entry.cmdlet for entry in tenant.writes]
    service.world.dns.heal("contoso.example")
    service.world.dns.set("contoso.example", "MX", "10 inbound30.exchangedefender.com.")
    service.clock.advance(minutes=15)
    await service.sweep()
    service.clock.advance(minutes=15)
    await service.sweep()
    assert (await service.state(tenant, LOCK)).state == "compliant"


async def test_the_lock_waits_until_the_old_mx_is_forgotten(service):
    tenant = drifted(service)
    await service.look_after(tenant)
    service.world.dns.set("contoso.example", "MX", "0 contoso-example.mail.protection.outlook.com.", ttl=3600)
    await service.sweep()
    service.world.dns.set("contoso.example", "MX", "10 inbound30.exchangedefender.com.", ttl=60)
    service.clock.advance(minutes=15)
    await service.sweep()
    waiting = await service.state(tenant, LOCK)
    for _ in range(3):
        service.clock.advance(minutes=15)
        await service.sweep()
    assert (await service.state(tenant, LOCK)).detail == waiting.detail
    assert waiting.detail.startswith(
        "guard: contoso.example: its MX was contoso-example.mail.protection.outlook.com, "
        "which senders may still use until 2026-11-23 13:15:00 UTC (TTL 3600 s). "
        f"while it is locked, mail sent straight to {tenant.initial_domain} is refused, as its MX is Microsoft's"
    )
    service.clock.advance(minutes=15)
    await service.sweep()
    assert (await service.state(tenant, LOCK)).state == "compliant"
    assert len([entry for entry in await service.ledger(tenant, LOCK) if entry.event == "held"]) == 2


async def test_a_domain_that_a_lagging_list_leaves_out_holds_the_lock_all_the_same(service):
    tenant = drifted(service)
    await service.look_after(tenant)
    tenant.add_domain("fabrikam.example")
    service.world.dns.set("fabrikam.example", "MX", "0 fabrikam-example.mail.protection.outlook.com.")
    await service.sweep()
    assert "fabrikam.example: its MX" in (await service.state(tenant, LOCK)).detail
    tenant.domains = ("contoso.example",)
    service.clock.advance(minutes=15)
    await service.sweep()
    state = await service.state(tenant, LOCK)
    assert state.state == "held"
    assert "fabrikam.example: the list of accepted domains" in state.detail
    assert "Set-InboundConnector" not in [entry.cmdlet for entry in tenant.writes]
    service.clock.advance(hours=1)
    await service.sweep()
    assert (await service.state(tenant, LOCK)).state == "compliant"


def never_locked(service):
    tenant = drifted(service)
    tenant.admin("Remove-InboundConnector", Identity="ExchangeDefender", Confirm=False)
    return tenant


async def test_a_lock_that_was_off_when_we_came_proves_nothing_of_the_mx_so_it_waits(service):
    tenant = drifted(service)
    await service.look_after(tenant, known=False)
    await service.sweep()
    state = await service.state(tenant, LOCK)
    assert state.state == "held"
    assert "until 2026-11-25 12:00:00 UTC; mx_at_filter_since" in state.detail


async def test_a_lock_that_the_audit_log_shows_is_put_back_at_once(service):
    tenant = never_locked(service)
    service.clock.advance(minutes=-30)
    lock = {"SenderDomains": ["*"], "SenderIPAddresses": ["65.99.255.0/24"], "RestrictDomainsToIPAddresses": True}
    tenant.admin("New-InboundConnector", Name="ExchangeDefender", ConnectorType="Partner", Enabled=True, **lock)
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)
    service.clock.advance(minutes=30)
    await service.look_after(tenant, known=False)
    await service.sweep()
    assert (await service.state(tenant, LOCK)).state == "held"
    service.clock.advance(minutes=70)
    await read_audit(ReadAudit(tenant_id=tenant.tenant_id), service.clients)
    await service.sweep()
    assert (await service.state(tenant, LOCK)).state == "compliant"


async def test_a_zone_that_was_given_to_other_name_servers_is_waited_for(service):
    tenant = service.world.add_tenant("contoso.example")
    service.world.dns.set("contoso.example", "NS", "ns1.old.example.", ttl=7200)
    await service.look_after(tenant)
    await service.sweep()
    service.world.dns.set("contoso.example", "NS", "ns1.new.example.", ttl=300)
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)
    service.clock.advance(minutes=15)
    await service.sweep()
    state = await service.state(tenant, LOCK)
    assert state.state == "held"
    assert "its name servers were ns1.old.example, which resolvers may still ask until 2026-11-23 14:15" in state.detail
    service.clock.advance(hours=2)
    await service.sweep()
    assert (await service.state(tenant, LOCK)).state == "compliant"


@pytest.mark.parametrize(
    ("records", "said"),
    [
        (["0 ."], "no MX of contoso.example is the filter's"),
        (["10 exchangedefender.com."], "move the MX first"),
        (["10 outbound.exchangedefender.com."], "move the MX first"),
    ],
    ids=["null MX only", "the filter's own name", "its way out"],
)
async def test_an_mx_by_which_no_mail_comes_from_the_filter_stops(service, records, said):
    tenant = drifted(service)
    await service.look_after(tenant)
    service.world.dns.set("contoso.example", "MX", *records)
    await service.sweep()
    state = await service.state(tenant, LOCK)
    assert state.state == "held"
    assert said in state.detail


async def test_a_tenant_that_never_had_a_lock_waits_as_its_mx_may_just_have_moved(service):
    tenant = never_locked(service)
    await service.look_after(tenant, known=False)
    await service.sweep()
    state = await service.state(tenant, LOCK)
    assert state.state == "held"
    assert "until 2026-11-25 12:00:00 UTC; mx_at_filter_since" in state.detail
    for _ in range(3):
        service.clock.advance(hours=20)
        await service.sweep()
    assert (await service.state(tenant, LOCK)).state == "compliant"


async def test_what_the_operator_says_of_the_mx_shortens_the_wait_of_a_new_tenant(service):
    tenant = never_locked(service)
    await service.look_after(tenant, known=False, mx_at_filter_since="2026-11-01T00:00:00Z")
    await service.sweep()
    assert (await service.state(tenant, LOCK)).state == "compliant"


async def test_a_lock_that_was_seen_once_is_put_back_at_once_even_where_no_mx_was_looked_at(service):
    tenant = service.world.add_tenant("contoso.example")
    await service.look_after(tenant, known=False)
    await service.check(tenant, lane="fast")
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)
    service.clock.advance(minutes=5)
    await service.check(tenant, lane="fast")
    await service.work()
    assert (await service.state(tenant, LOCK)).state == "compliant"


async def test_every_domain_counts_for_the_lock(service):
    tenant = service.world.add_tenant("contoso.example", "contoso.test")
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)
    await service.look_after(tenant)
    service.world.dns.set("contoso.test", "MX", "0 contoso-test.mail.protection.outlook.com.")
    await service.sweep()
    assert "contoso.test" in (await service.state(tenant, LOCK)).detail


async def test_a_person_who_asks_does_not_pass_the_guard(service):
    tenant = drifted(service)
    await service.look_after(tenant)
    service.world.dns.fail("contoso.example", "servfail")
    await service.remediate(tenant, LOCK, requested_by="ann")
    assert tenant.writes == []


async def test_a_control_that_is_undone_again_and_again_is_left_to_a_person(service):
    tenant = service.world.add_tenant("contoso.example")
    await service.look_after(tenant)
    for _ in range(5):
        tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)
        await service.sweep()
        service.clock.advance(minutes=30)
    state = await service.state(tenant, LOCK)
    assert state.state == "held"
    assert "put back 3 times in 24 hours" in state.detail
    assert len(tenant.writes) == 3
    service.clock.advance(hours=24)
    await service.sweep()
    assert (await service.state(tenant, LOCK)).state == "compliant"


async def test_the_same_drift_everywhere_is_held_until_an_admin_releases_it_and_nothing_else_is(service):
    settings = service.clients.settings.model_copy(update={"most_tenants_per_hour": 2})
    service.clients = replace(service.clients, settings=settings)
    tenants = [drifted(service, f"t{number}.example") for number in range(5)]
    for tenant in tenants:
        await service.look_after(tenant)

    def locked() -> int:
        return sum(any(write.cmdlet == "Set-InboundConnector" for write in tenant.writes) for tenant in tenants)

    await service.sweep()
    assert locked() == 2
    states = [await service.state(tenant, LOCK) for tenant in tenants]
    held = [state.detail for state in states if state.state == "held"]
    why = "radius: more than 2 of 5 tenants would get inbound-lockdown:Set-InboundConnector within an hour"
    assert [detail.startswith(why) for detail in held] == [True] * 3
    assert not (await service.clients.storage.switches.brake()).engaged

    other = next(tenant for tenant in tenants if not tenant.writes)
    other.admin("Set-OutboundConnector", Identity="Automatic Replies (Out of Office) Only", Enabled=False)
    service.clock.advance(hours=2)
    await service.sweep()
    assert locked() == 2
    assert (await service.state(other, "oof-connector")).state == "compliant"

    path = "radius/inbound-lockdown:Set-InboundConnector/release"
    assert (await ask(service, "POST", path, {"reason": "looked at"})).status_code == 200
    await service.sweep()
    assert locked() == 4


async def test_until_a_tick_has_counted_the_fleet_every_step_is_held(service):
    tenant, fleet = drifted(service), service.clients.storage.fleet
    await service.look_after(tenant)
    cursor, version = await fleet.cursor()
    await fleet.move(replace(cursor, tenants=0, counted=False), version)
    await service.check(tenant)
    [body] = await service.messages("remediations")
    await deliver("remediations", body, service.clients)
    state = await service.state(tenant, LOCK)
    assert (state.state, state.detail.split(":")[:2]) == ("held", ["radius", " fleet size unknown"])
    assert tenant.writes == []
    service.clock.advance(minutes=5)
    await tick(service.clients)
    await service.work()
    assert (await service.state(tenant, LOCK)).state == "compliant"


async def test_the_brake_stops_between_two_steps_of_one_plan(service):
    tenant = service.world.add_tenant("contoso.example")
    rule = "Send Automatic Replies to connector Automatic Replies"
    tenant.admin("Set-TransportRule", Identity=rule, Mode="Audit")
    tenant.admin("Disable-TransportRule", Identity=rule, Confirm=False)
    tenant.faults.script(Fault("slow", cmdlet="Set-TransportRule", seconds=0.5))
    await service.look_after(tenant)
    sweeping = asyncio.create_task(service.sweep())
    while not tenant.writes:
        await asyncio.sleep(0.01)
    await service.clients.storage.switches.set_brake(Brake(engaged=True, reason="now"))
    await sweeping
    assert [entry.cmdlet for entry in tenant.writes] == ["Set-TransportRule"]
    assert (await service.state(tenant, RULE)).state == "held"
    await service.clients.storage.switches.set_brake(Brake())
    await service.sweep()
    assert (await service.state(tenant, RULE)).state == "compliant"


async def test_a_fault_in_one_control_does_not_stop_the_next(service):
    tenant = drifted(service)
    tenant.faults.script(Fault("nul_403", cmdlet="Enable-TransportRule", times=9))
    await service.look_after(tenant)
    await service.sweep()
    assert (await service.state(tenant, RULE)).state == "needs_person"
    assert (await service.state(tenant, LOCK)).state == "compliant"


async def test_a_brake_that_was_released_by_a_clock_ahead_of_ours_stops_nothing(service):
    tenant = drifted(service)
    await service.look_after(tenant)
    ahead = service.clock() + timedelta(minutes=5)
    await service.clients.storage.switches.set_brake(Brake(engaged=False, changed_at=ahead))
    await service.sweep()
    assert (await service.state(tenant, RULE)).state == "compliant"
    await service.clients.storage.switches.set_brake(Brake())
