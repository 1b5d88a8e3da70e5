"""Writes are few, absolute, proven by a read, and never blindly repeated."""

import asyncio
from datetime import datetime, timedelta

import pytest

from domain.corrections import LOST_PATIENCE, PROOF_PATIENCE, TRY_AGAIN_AFTER
from domain.jobs import RemediateTenant
from handlers.delivery import deliver
from simulator.faults import Fault

LOCK, RULE = "inbound-lockdown", "Send Automatic Replies to connector Automatic Replies"


def unlocked(service, **switches):
    tenant = service.world.add_tenant("contoso.example", **switches)
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)
    return tenant


async def test_a_message_delivered_twice_writes_once(service):
    tenant = unlocked(service)
    await service.look_after(tenant)
    for _ in range(3):
        await service.remediate(tenant, LOCK)
    assert len(tenant.writes) == 1


async def test_a_write_that_shows_late_is_waited_for_and_made_once(service):
    tenant = unlocked(service)
    tenant.lag(3)
    await service.look_after(tenant)
    await service.sweep()
    assert (await service.state(tenant, LOCK)).state == "compliant"
    assert len(tenant.writes) == 1


async def test_a_write_that_shows_very_late_is_left_to_the_queue_and_proven_by_a_later_look(service):
    tenant = unlocked(service)
    tenant.lag(6)
    await service.look_after(tenant)
    await service.sweep()
    assert (await service.state(tenant, LOCK)).state == "correcting"
    assert await service.hidden("remediations") == 1
    for _ in range(2):
        service.clock.advance(minutes=2)
        await service.sweep()
    assert (await service.state(tenant, LOCK)).state == "compliant"
    assert len(tenant.writes) == 1


async def test_a_write_without_effect_ends_with_a_person(service):
    tenant = service.world.add_tenant("contoso.example", alert_set="ignored")
    tenant.admin("Set-ProtectionAlert", Identity="Phish delivered due to an ETR override", Disabled=False)
    await service.look_after(tenant)
    await service.sweep()
    service.clock.advance(seconds=PROOF_PATIENCE.total_seconds())
    await service.sweep()
    state = await service.state(tenant, "alert-policies")
    assert state.state == "needs_person"
    assert "does not show" in state.detail
    assert "security.microsoft.com" in state.detail
    for _ in range(3):
        service.clock.advance(days=30)
        await service.sweep()
    assert len(tenant.writes) == 1


async def test_a_refused_alert_policy_is_tried_once_and_then_told_with_what_to_do(service):
    tenant = service.world.add_tenant("contoso.example", alert_set="not_found")
    tenant.admin("Set-ProtectionAlert", Identity="Phish delivered due to an ETR override", Disabled=False)
    await service.look_after(tenant)
    for _ in range(4):
        await service.sweep()
        service.clock.advance(days=1)
    state = await service.state(tenant, "alert-policies")
    assert state.state == "needs_person"
    assert "Alert policy" in state.detail
    assert len(tenant.writes) == 1


async def test_a_refused_write_is_offered_again_after_some_hours(service):
    tenant = unlocked(service)
    tenant.access.directory_roles = {"Global Reader", "Security Administrator"}
    await service.look_after(tenant)
    await service.sweep()
    state = await service.state(tenant, LOCK)
    assert state.state == "needs_person"
    assert "the Exchange role 'Remote and Accepted Domains' (role group Holdfast" in state.detail
    tenant.access.directory_roles.add("Exchange Administrator")
    tenant.expire_tokens()
    await service.sweep()
    assert (await service.state(tenant, LOCK)).state == "needs_person"
    service.clock.advance(seconds=(TRY_AGAIN_AFTER + timedelta(minutes=1)).total_seconds())
    await service.sweep()
    assert (await service.state(tenant, LOCK)).state == "compliant"


async def test_a_new_object_whose_answer_was_lost_gets_no_twin(service):
    tenant = service.world.add_tenant("contoso.example")
    tenant.admin("Remove-InboundConnector", Identity="ExchangeDefender", Confirm=False)
    tenant.lag(2, "InboundConnector")
    tenant.faults.script(Fault("cut", cmdlet="New-InboundConnector", phase="after"))
    await service.look_after(tenant)
    for _ in range(4):
        await service.sweep()
        service.clock.advance(minutes=2)
    assert (await service.state(tenant, LOCK)).state == "compliant"
    assert len(tenant.admin("Get-InboundConnector")) == 1
    assert len(tenant.writes) == 1


async def test_a_new_object_that_was_lost_on_the_way_is_made_once_it_had_time_to_show(service):
    tenant = service.world.add_tenant("contoso.example")
    tenant.admin("Remove-InboundConnector", Identity="ExchangeDefender", Confirm=False)
    tenant.faults.script(Fault("cut", cmdlet="New-InboundConnector", phase="before"))
    await service.look_after(tenant)
    await service.sweep()
    await service.sweep()
    assert tenant.admin("Get-InboundConnector") == []
    service.clock.advance(seconds=LOST_PATIENCE.total_seconds())
    await service.sweep()
    assert (await service.state(tenant, LOCK)).state == "compliant"
    assert len(tenant.admin("Get-InboundConnector")) == 1


@pytest.mark.parametrize("phase", ["before", "after"])
async def test_a_set_whose_answer_was_lost_ends_at_the_wanted_value(service, phase):
    tenant = unlocked(service)
    tenant.faults.script(Fault("cut", cmdlet="Set-InboundConnector", phase=phase))
    await service.look_after(tenant)
    await service.sweep()
    service.clock.advance(minutes=2)
    await service.sweep()
    assert (await service.state(tenant, LOCK)).state == "compliant"


async def test_an_object_that_turns_out_to_exist_is_read_again(service):
    tenant = service.world.add_tenant("contoso.example")
    tenant.admin("Remove-InboundConnector", Identity="ExchangeDefender", Confirm=False)
    await service.look_after(tenant)
    await service.check(tenant, lane="fast")
    tenant.lag(3, "InboundConnector")
    tenant.admin("New-InboundConnector", Name="ExchangeDefender", ConnectorType="Partner", SenderDomains=["*"],
                 SenderIPAddresses=["65.99.255.0/24"], RestrictDomainsToIPAddresses=True, RequireTls=True, Enabled=True)  # fmt: skip
    await service.work()
    for _ in range(3):
        await service.sweep()
    assert (await service.state(tenant, LOCK)).state == "compliant"
    assert len(tenant.admin("Get-InboundConnector")) == 1


async def test_a_connector_that_microsoft_made_disabled_ends_with_a_person(service):
    tenant = service.world.add_tenant("contoso.example", created_disabled="always")
    tenant.admin("Remove-InboundConnector", Identity="ExchangeDefender", Confirm=False)
    await service.look_after(tenant)
    await service.sweep()
    state = await service.state(tenant, LOCK)
    assert state.state == "needs_person"
    assert "Contact Support" in state.detail


async def test_a_tenant_that_is_not_customised_is_told_the_command(service):
    tenant = service.world.add_tenant("contoso.example", state="never_configured", dehydrated=True)
    service.world.dns.set("contoso.example", "MX", "10 inbound30.exchangedefender.com.")
    await service.look_after(tenant)
    await service.sweep()
    state = await service.state(tenant, "spoof-intelligence")
    assert state.state == "needs_person"
    assert "Enable-OrganizationCustomization" in state.detail


async def test_a_rule_is_not_switched_on_with_settings_that_could_not_be_written(service):
    tenant = service.world.add_tenant("contoso.example")
    rule = {"Identity": "Send Automatic Replies to connector Automatic Replies"}
    tenant.admin("Set-TransportRule", **rule, MessageTypeMatches=None)
    tenant.admin("Disable-TransportRule", **rule, Confirm=False)
    tenant.faults.script(Fault("nul_403", cmdlet="Set-TransportRule"))
    await service.look_after(tenant)
    await service.sweep()
    for _ in range(2):
        state = await service.state(tenant, "oof-rule")
        assert state.state == "needs_person"
        assert [drift.field for drift in state.drift] == ["MessageTypeMatches", "State"]
        assert "Enable-TransportRule" not in {entry.cmdlet for entry in tenant.writes}
        service.clock.advance(minutes=15)
        await service.sweep()
    service.clock.advance(minutes=6 * 60)
    await service.sweep()
    assert (await service.state(tenant, "oof-rule")).state == "compliant"


async def test_the_rule_waits_for_its_connector(service):
    tenant = service.world.add_tenant("contoso.example", state="never_configured")
    tenant.faults.script(Fault("nul_403", cmdlet="New-OutboundConnector", times=9))
    await service.look_after(tenant)
    await service.sweep()
    assert (await service.state(tenant, "oof-connector")).state == "needs_person"
    state = await service.state(tenant, "oof-rule")
    assert (state.state, state.detail) == ("held", "order: waits for oof-connector")
    assert "New-TransportRule" not in [entry.cmdlet for entry in tenant.writes]


async def test_a_throttled_write_is_put_off_and_made_later(service):
    tenant = unlocked(service)
    tenant.faults.script(Fault("throttled", cmdlet="Set-InboundConnector", retry_after=300))
    await service.look_after(tenant)
    await service.sweep()
    assert (await service.state(tenant, LOCK)).state == "drifted"
    waiting = service.clients.storage.due.due(service.clock() + timedelta(seconds=300))
    assert [job.queue async for job in waiting] == ["remediations"]
    service.clock.advance(seconds=301)
    await service.sweep()
    assert (await service.state(tenant, LOCK)).state == "compliant"


async def test_two_workers_on_one_tenant_write_once(service):
    tenant = unlocked(service)
    await service.look_after(tenant)
    async with service.clients.storage.leases.hold(tenant.tenant_id) as lease:
        assert lease
        await service.remediate(tenant, LOCK)
        assert tenant.writes == []
        assert await service.hidden("remediations") == 1
    await service.remediate(tenant, LOCK)
    assert len(tenant.writes) == 1


async def test_only_what_drifted_is_written(service):
    tenant = service.world.add_tenant("contoso.example")
    tenant.admin("Disable-TransportRule", Identity=RULE, Confirm=False)
    await service.look_after(tenant)
    await service.sweep()
    assert [(entry.cmdlet, dict(entry.parameters)) for entry in tenant.writes] == [
        ("Enable-TransportRule", {"Identity": RULE, "Confirm": False})
    ]


async def test_what_was_sent_before_a_throttle_is_not_sent_again(service):
    """Two pairs to make: the first is made and lags, the second is turned away. Only the second is made later."""
    tenant = service.world.add_tenant("contoso.example", state="never_configured")
    tenant.lag(4, "TenantAllowBlockListSpoofItems")
    await service.look_after(tenant)
    await service.check(tenant, controls=("spoof-allow",))
    new = "New-TenantAllowBlockListSpoofItems"
    tenant.faults.script(Fault("slow", cmdlet=new), Fault("throttled", cmdlet=new, retry_after=60))
    await service.work()
    assert (await service.state(tenant, "spoof-allow")).state == "correcting"
    service.clock.advance(seconds=61)
    for _ in range(8):
        await service.remediate(tenant, "spoof-allow")
    assert (await service.state(tenant, "spoof-allow")).state == "compliant"
    made = [e.parameters["SendingInfrastructure"] for e in tenant.writes if e.cmdlet == new and e.changed]
    assert sorted(made) == ["206.125.40.0/24", "65.99.255.0/24"]
    assert len(tenant.admin("Get-TenantAllowBlockListSpoofItems")) == 2


async def test_a_write_that_somebody_undid_before_the_proof_is_not_called_proven(service):
    tenant = unlocked(service)
    tenant.lag(6, "InboundConnector")
    await service.look_after(tenant)
    await service.sweep()
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)
    tenant.admin("New-InboundConnector", Name="Second", ConnectorType="Partner", SenderDomains=["*"],
                 SenderIPAddresses=["65.99.255.0/24"], RestrictDomainsToIPAddresses=True, RequireTls=True, Enabled=True)  # fmt: skip
    for _ in range(6):
        service.clock.advance(seconds=70)
        await service.sweep()
    events = [entry.event for entry in await service.ledger(tenant, LOCK)]
    assert "superseded" in events
    assert "corrected" not in events
    assert (await service.state(tenant, LOCK)).state == "needs_person"


async def test_the_lock_waits_for_the_connectors_of_declared_services(service):
    tenant = unlocked(service)
    tenant.faults.script(Fault("nul_403", cmdlet="New-InboundConnector", times=9))
    await service.look_after(tenant, service_connectors=[{"name": "Scanner", "sender_ips": ["203.0.113.7"]}])
    await service.sweep()
    state = await service.state(tenant, LOCK)
    assert state.state == "held"
    assert state.detail.startswith("order: waits for service-connectors")
    assert "Set-InboundConnector" not in [entry.cmdlet for entry in tenant.writes]


async def test_a_tenant_that_is_switched_off_meanwhile_is_not_written(service):
    tenant = unlocked(service)
    tenant.admin("Disable-TransportRule", Identity=RULE, Confirm=False)
    tenant.faults.script(Fault("slow", cmdlet="Set-InboundConnector", seconds=0.5))
    await service.look_after(tenant)
    sweeping = asyncio.create_task(service.sweep())
    while not tenant.writes:
        await asyncio.sleep(0.01)
    await service.look_after(tenant, enabled=False)
    await sweeping
    assert [entry.cmdlet for entry in tenant.writes] == ["Set-InboundConnector"]
    assert (await service.state(tenant, "oof-rule")).detail == "tenant: switched off in its config"


async def test_a_throttled_proof_does_not_write_again(service):
    tenant = unlocked(service)
    tenant.lag(2, "InboundConnector")
    await service.look_after(tenant)
    tenant.faults.script(Fault("slow", cmdlet="Set-InboundConnector", seconds=0.5))
    sweeping = asyncio.create_task(service.sweep())
    while not tenant.writes:
        await asyncio.sleep(0.01)
    tenant.faults.script(Fault("throttled", cmdlet="$batch", retry_after=300))
    await sweeping
    for _ in range(3):
        service.clock.advance(minutes=7)
        await service.sweep()
    assert (await service.state(tenant, LOCK)).state == "compliant"
    assert len(tenant.writes) == 1


EVENTS = ("connection.connect_tcp.started", "http11.send_request_body.started")
"""Of a request, as httpcore names them."""


def slowly(service, upto):
    """The next write gets only as far as *upto*, and hangs there."""
    hung: list[object] = []

    async def answer(request):
        if b'"CmdletName":"Set-' not in request.content or hung:
            return await as_ever(request)
        hung.append(request)
        for event in EVENTS[: EVENTS.index(upto) + 1]:
            await request.extensions["trace"](event, {})
        return await asyncio.Event().wait()

    as_ever = service.microsoft.side_effect
    service.microsoft.side_effect = answer
    return hung


async def test_a_write_that_no_connection_took_in_time_is_planned_again(service, monkeypatch):
    monkeypatch.setattr("clients.dispatch.BEGUN_WITHIN_S", 0.1)
    tenant = unlocked(service)
    await service.look_after(tenant)
    hung = slowly(service, "connection.connect_tcp.started")
    await service.remediate(tenant, LOCK)
    assert hung
    state = await service.state(tenant, LOCK)
    assert (state.state, state.corrections) == ("drifted", ())
    assert "after the brake was read" in state.detail
    assert tenant.writes == []
    await service.remediate(tenant, LOCK)
    assert (await service.state(tenant, LOCK)).state == "compliant"
    assert len(tenant.writes) == 1


async def test_a_write_that_was_cut_half_sent_is_lost_and_read_before_it_is_planned_again(service, monkeypatch):
    monkeypatch.setattr("clients.dispatch.BEGUN_WITHIN_S", 0.1)
    tenant = unlocked(service)
    await service.look_after(tenant)
    slowly(service, "http11.send_request_body.started")
    await service.remediate(tenant, LOCK)
    assert [each.phase for each in (await service.state(tenant, LOCK)).corrections] == ["sent"]
    service.clock.advance(minutes=5)
    await service.sweep()
    assert (await service.state(tenant, LOCK)).state == "compliant"
    assert len(tenant.writes) == 1


async def test_a_lost_new_object_is_followed_by_one_message_that_reads_at_most_six_times_a_minute(service):
    tenant = service.world.add_tenant("contoso.example")
    tenant.admin("Remove-InboundConnector", Identity="ExchangeDefender", Confirm=False)
    tenant.lag(10_000, "InboundConnector")
    tenant.faults.script(Fault("cut", cmdlet="New-InboundConnector", phase="after"))
    await service.look_after(tenant)
    await service.sweep()
    begun, reads = service.clock(), list[datetime]()
    due, waiting = begun, [RemediateTenant(tenant_id=tenant.tenant_id, controls=(LOCK,))]
    sweep_at = begun + timedelta(minutes=5)
    while service.clock() < begun + timedelta(minutes=12):
        service.clock.time = max(service.clock.time, min(due, sweep_at))
        if due <= sweep_at:
            before = len(tenant.log)
            job = waiting[0].again()
            await deliver("remediations", job.body.encode(), service.clients)
            reads += [service.clock()] * sum(e.cmdlet == "Get-InboundConnector" for e in list(tenant.log)[before:])
            waiting = [job]
            due = service.clock() + job.pause
        else:
            under_way = await service.hidden("remediations")
            await service.ask("fast", "slow")
            for body in await service.messages("checks"):
                await deliver("checks", body, service.clients)
            assert await service.hidden("remediations") == under_way
            sweep_at += timedelta(minutes=5)
    assert reads
    assert max(sum(timedelta() <= each - first < timedelta(minutes=1) for each in reads) for first in reads) <= 6
    assert len(tenant.writes) == 1
