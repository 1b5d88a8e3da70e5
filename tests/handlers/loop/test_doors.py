"""No plan locks a tenant without the MX guard, and nothing opens one whose lock is not proven, whoever planned it."""

from datetime import timedelta

import pytest

from domain.errors import BadField
from handlers import findings, on_request
from handlers.findings import DeclarationRequest, RemovalRequest
from handlers.on_request import ApprovalRequest, ReprovisionRequest, Requester, UndoRequest

LOCK, SPOOF, ALERTS = "inbound-lockdown", "spoof-intelligence", "alert-policies"
POLICY = "Office365 AntiPhish Default"
MICROSOFT = "0 contoso-example.mail.protection.outlook.com."
COPIER = "198.51.100.7"
SCANNER = {"name": "Scanner", "sender_ips": [COPIER]}


def watched(service, *, locked=True):
    """A tenant in which somebody has switched spoof intelligence on."""
    tenant = service.world.add_tenant("contoso.example")
    tenant.admin("Set-AntiPhishPolicy", Identity=POLICY, EnableSpoofIntelligence=True)
    if not locked:
        tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)
        service.world.dns.set("contoso.example", "MX", MICROSOFT)
    return tenant


def is_judged(tenant):
    """Whether Microsoft judges senders itself."""
    [policy] = [row for row in tenant.admin("Get-AntiPhishPolicy") if row["Name"] == POLICY]
    return policy["EnableSpoofIntelligence"]


async def approve(service, tenant, control=SPOOF, **answer):
    by = Requester("ann@msp.example")
    await on_request.approve(tenant.tenant_id, control, ApprovalRequest(**answer), by, service.clients)
    await service.work()


async def test_spoof_intelligence_goes_off_behind_a_lock_that_is_proven(service):
    tenant = watched(service)
    await service.look_after(tenant)
    await service.sweep()
    assert (await service.state(tenant, SPOOF)).state == "compliant"
    assert not is_judged(tenant)


async def test_what_opens_is_held_while_the_lock_is_not_proven(service):
    tenant = watched(service, locked=False)
    tenant.admin("Set-ProtectionAlert", Identity="Phish delivered due to an ETR override", Disabled=False)
    await service.look_after(tenant)
    await service.sweep()
    for control, said in ((SPOOF, "spoof intelligence would be off"), (ALERTS, "alert policy")):
        state = await service.state(tenant, control)
        assert state.state == "held"
        assert state.detail.startswith("guard: lock not proven: the connector differs from the profile (Enabled)")
        assert said in state.detail
    assert tenant.writes == []


async def test_a_lock_whose_mx_is_not_the_filters_proves_nothing(service):
    tenant = watched(service)
    service.world.dns.set("contoso.example", "MX", MICROSOFT)
    await service.look_after(tenant)
    await service.sweep()
    state = await service.state(tenant, SPOOF)
    assert state.state == "held"
    assert "lock not proven: contoso.example: its MX contoso-example.mail" in state.detail


async def test_a_person_who_asks_for_it_does_not_pass_the_opening_guard(service):
    tenant = watched(service, locked=False)
    await service.look_after(tenant)
    wish = ReprovisionRequest(controls=(SPOOF,), reason="ticket 4711")
    await on_request.reprovision(tenant.tenant_id, wish, Requester("ann"), service.clients)
    await service.work()
    assert is_judged(tenant)
    assert "lock not proven" in (await service.state(tenant, SPOOF)).detail


async def test_a_new_tenant_is_locked_first_and_opened_after_that_in_one_go(service):
    tenant = service.world.add_tenant("contoso.example", state="never_configured", alert_set="works")
    service.world.dns.set("contoso.example", "MX", "10 inbound30.exchangedefender.com.")
    await service.look_after(tenant)
    await service.sweep()
    cmdlets = [write.cmdlet for write in tenant.writes]
    assert cmdlets.index("New-InboundConnector") < cmdlets.index("Set-AntiPhishPolicy")
    assert cmdlets.index("New-InboundConnector") < cmdlets.index("Set-ProtectionAlert")
    assert {(await service.states(tenant))[control] for control in (LOCK, SPOOF, ALERTS)} == {"compliant"}


async def test_a_person_who_answers_for_it_opens_a_tenant_without_a_lock_until_a_date(service):
    tenant = watched(service, locked=False)
    await service.look_after(tenant)
    await service.sweep()
    until = service.clock() + timedelta(days=1)
    await approve(service, tenant, reason="the filter comes next week", owner="Ann", until=until)
    assert not is_judged(tenant)
    [said] = [entry for entry in await service.ledger(tenant, SPOOF) if entry.event == "approved"]
    assert f"approved by Ann until {until.isoformat()}: the filter comes next week" in said.detail
    tenant.admin("Set-AntiPhishPolicy", Identity=POLICY, EnableSpoofIntelligence=True)
    service.clock.advance(hours=1)
    await service.sweep()
    assert not is_judged(tenant)
    tenant.admin("Set-AntiPhishPolicy", Identity=POLICY, EnableSpoofIntelligence=True)
    service.clock.advance(days=1)
    await service.sweep()
    assert is_judged(tenant)
    assert (await service.state(tenant, SPOOF)).state == "held"


@pytest.mark.parametrize("missing", ["reason", "owner", "until"])
async def test_an_approval_by_halves_is_refused_with_the_field(service, missing):
    tenant = watched(service, locked=False)
    await service.look_after(tenant)
    await service.sweep()
    whole = {"reason": "r", "owner": "Ann", "until": service.clock() + timedelta(days=1)}
    with pytest.raises(BadField, match=f"body.{missing}"):
        await approve(service, tenant, **{name: each for name, each in whole.items() if name != missing})
    with pytest.raises(BadField, match=r"body\.reason.*lock not proven"):
        await approve(service, tenant)
    with pytest.raises(BadField, match=r"body\.until"):
        await approve(service, tenant, **whole | {"until": service.clock()})
    await service.work()
    assert is_judged(tenant)


async def test_an_approval_without_an_owner_passes_the_mode_and_not_the_opening_guard(service):
    tenant = watched(service, locked=False)
    await service.look_after(tenant, mode="approve")
    await service.sweep()
    assert (await service.state(tenant, SPOOF)).state == "awaiting_approval"
    await approve(service, tenant)
    assert is_judged(tenant)
    assert "lock not proven" in (await service.state(tenant, SPOOF)).detail


async def test_a_declared_connector_that_restricts_every_sender_is_not_switched_on_before_the_filters(service):
    tenant = service.world.add_tenant("contoso.example")
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)
    lock = {"SenderDomains": ["*"], "SenderIPAddresses": [COPIER], "RestrictDomainsToIPAddresses": True}
    tenant.admin("New-InboundConnector", Name="Scanner", ConnectorType="Partner", Enabled=False, **lock)
    await service.look_after(tenant, service_connectors=[SCANNER])
    await service.sweep()
    state = await service.state(tenant, "service-connectors")
    assert state.state == "held"
    assert "mail that the filter hands over from 65.99.255.0/24 would be refused" in state.detail
    assert tenant.mail.arrive("65.99.255.9", "lee@sender.example", "kim@contoso.example")
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=True)
    await service.sweep()
    assert (await service.state(tenant, "service-connectors")).state == "compliant"
    assert tenant.mail.arrive("65.99.255.9", "lee@sender.example", "kim@contoso.example")


async def test_a_declared_connector_that_restricts_every_sender_is_not_switched_on_before_the_mx_moved(service):
    tenant = service.world.add_tenant("contoso.example", state="never_configured")
    lock = {"SenderDomains": ["*"], "SenderIPAddresses": ["198.51.100.7"], "RestrictDomainsToIPAddresses": True}
    tenant.admin("New-InboundConnector", Name="Scanner", ConnectorType="Partner", Enabled=False, **lock)
    await service.look_after(tenant, service_connectors=[SCANNER])
    await service.sweep()
    state = await service.state(tenant, "service-connectors")
    assert state.state == "held"
    assert "move the MX first" in state.detail
    assert not any(row["Enabled"] for row in tenant.admin("Get-InboundConnector"))


async def test_nor_is_one_narrowed_that_lets_in_what_comes_by_it_alone(service):
    tenant = service.world.add_tenant("contoso.example", state="never_configured")
    tenant.admin(
        "New-InboundConnector", Name="Scanner", ConnectorType="Partner", SenderDomains=["*"], SenderIPAddresses=[COPIER]
    )
    await service.look_after(tenant, service_connectors=[SCANNER | {"sender_ips": [COPIER], "require_tls": False}])
    await service.sweep()
    assert (await service.state(tenant, "service-connectors")).state == "compliant"
    two = [COPIER, "198.51.100.8"]
    tenant.admin("Set-InboundConnector", Identity="Scanner", SenderIPAddresses=two, RestrictDomainsToIPAddresses=True)
    service.clock.advance(minutes=5)
    await service.sweep()
    state = await service.state(tenant, "service-connectors")
    assert state.state == "held"
    assert "move the MX first" in state.detail
    [scanner] = [row for row in tenant.admin("Get-InboundConnector") if row["Name"] == "Scanner"]
    assert len(scanner["SenderIPAddresses"]) == len(two)
    assert "being refused NOW" in (await service.state(tenant, "mx")).detail


async def test_to_remove_what_refuses_others_asks_the_lock(service):
    tenant = service.world.add_tenant("contoso.example")
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)
    old = {"SenderDomains": ["*"], "SenderIPAddresses": ["203.0.113.0/24"], "RestrictDomainsToIPAddresses": True}
    tenant.admin("New-InboundConnector", Name="Old filter", ConnectorType="Partner", **old)
    await service.look_after(tenant, mode="observe")
    await service.sweep()
    there = await findings.findings_of(tenant.tenant_id, service.clients)
    [finding] = [each for each in there if "Old filter" in each.name]
    wish = RemovalRequest(reason="no longer used")
    asked = await findings.remove(tenant.tenant_id, finding.id, wish, Requester("ann"), service.clients)
    await service.work()
    ended = await service.clients.storage.operations.get(asked.id)
    assert ended.state == "held"
    assert "lock not proven" in str(ended.controls)
    assert {row["Name"]: row["Enabled"] for row in tenant.admin("Get-InboundConnector")}["Old filter"]


async def test_an_undo_that_closes_asks_the_mx_and_one_that_opens_is_a_persons_word(service):
    tenant = watched(service)
    await service.look_after(tenant)
    await service.sweep()
    [entry] = [entry for entry in await service.ledger(tenant, SPOOF) if entry.event == "corrected"]
    service.world.dns.set("contoso.example", "MX", MICROSOFT)
    await on_request.undo_entry(tenant.tenant_id, SPOOF, UndoRequest(entry=entry.id), Requester("ann"), service.clients)
    await service.work()
    assert is_judged(tenant)


async def test_the_lock_is_looked_at_again_before_each_write(service):
    tenant = watched(service)
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", RequireTls=False)
    await service.look_after(tenant)
    apply = type(service.clients).apply

    async def moved(clients, config, step, permit):
        service.world.dns.set("contoso.example", "MX", MICROSOFT)  # after the plan, before the write
        await apply(clients, config, step, permit)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(service.clients), "apply", moved)
        await service.remediate(tenant, LOCK)
    assert tenant.writes == []
    assert "move the MX first" in (await service.state(tenant, LOCK)).detail


async def with_partner(service):
    """A tenant without a lock, whose partner is let in by a connector for its domain."""
    tenant = service.world.add_tenant("contoso.example", state="never_configured")
    service.world.dns.set("contoso.example", "MX", "10 inbound30.exchangedefender.com.")
    tenant.admin("New-InboundConnector", Name="Partner", ConnectorType="Partner", SenderDomains=["partner.example"])
    await service.look_after(tenant)
    await service.sweep()
    state = await service.state(tenant, LOCK)
    assert state.state == "held"
    assert "connector 'partner.example' on 'Partner': mail of these senders" in state.detail
    assert "New-InboundConnector" not in [write.cmdlet for write in tenant.writes]
    [finding] = [
        each for each in await findings.findings_of(tenant.tenant_id, service.clients) if each.kind == "connector"
    ]
    return tenant, finding.id


async def test_a_connector_whose_mail_the_lock_would_refuse_holds_the_first_close_until_it_is_declared(service):
    tenant, finding = await with_partner(service)
    until = service.clock() + timedelta(days=90)
    wish = DeclarationRequest(reason="they know", owner="Ann", until=until)
    await findings.declare(tenant.tenant_id, finding, wish, "ann@msp.example", service.clients)
    await service.sweep()
    assert (await service.state(tenant, LOCK)).state == "compliant"
    service.clock.advance(days=91)
    await service.sweep()
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)
    service.clock.advance(minutes=15)
    await service.sweep()
    assert any(row["Enabled"] for row in tenant.admin("Get-InboundConnector") if row["Name"] == "ExchangeDefender")


async def test_or_until_it_is_removed_which_switches_it_off_and_can_be_undone(service):
    tenant, finding = await with_partner(service)
    wish = RemovalRequest(reason="no longer a partner")
    await findings.remove(tenant.tenant_id, finding, wish, Requester("ann"), service.clients)
    await service.work()
    partner = {row["Name"]: row["Enabled"] for row in tenant.admin("Get-InboundConnector")}
    assert partner == {"Partner": False}
    await service.sweep()
    assert (await service.state(tenant, LOCK)).state == "compliant"
    [entry] = [each for each in await service.ledger(tenant, LOCK) if each.event == "corrected" and each.finding]
    await on_request.undo_entry(tenant.tenant_id, LOCK, UndoRequest(entry=entry.id), Requester("ann"), service.clients)
    await service.work()
    assert {row["Name"]: row["Enabled"] for row in tenant.admin("Get-InboundConnector")}["Partner"]


@pytest.fixture
async def with_other_domain(service):
    """A tenant whose lock is off, and one of whose domains is hosted elsewhere for good."""
    tenant = service.world.add_tenant("contoso.example")
    tenant.add_domain("shop.example")
    service.world.dns.set("shop.example", "MX", "10 mx.hoster.example.")
    tenant.admin("Set-InboundConnector", Identity="ExchangeDefender", Enabled=False)
    await service.look_after(tenant)
    await service.sweep()
    return tenant


async def test_a_domain_hosted_elsewhere_holds_the_lock_by_name_until_it_is_declared(service, with_other_domain):
    tenant = with_other_domain
    state = await service.state(tenant, LOCK)
    assert state.state == "held"
    assert "to be declared or removed by a person: domain 'mx.hoster.example' on 'shop.example'" in state.detail
    assert "has a null MX, is removed or declared" in state.detail
    assert (await service.state(tenant, "mx")).state == "needs_person"
    [finding] = await findings.findings_of(tenant.tenant_id, service.clients)
    wish = DeclarationRequest(reason="a shop", owner="Ann", until=service.clock() + timedelta(days=90))
    await findings.declare(tenant.tenant_id, finding.id, wish, "ann@msp.example", service.clients)
    await service.sweep()
    assert (await service.state(tenant, LOCK)).state == "compliant"
    assert (await service.state(tenant, "mx")).state == "compliant"


async def test_a_declared_domain_that_moves_on_holds_the_lock_again(service, with_other_domain):
    tenant = with_other_domain
    [finding] = await findings.findings_of(tenant.tenant_id, service.clients)
    wish = DeclarationRequest(reason="a shop", owner="Ann", until=service.clock() + timedelta(days=90))
    await findings.declare(tenant.tenant_id, finding.id, wish, "ann@msp.example", service.clients)
    service.world.dns.set("shop.example", "MX", "10 mx.other-hoster.example.")
    service.clock.advance(hours=2)
    await service.sweep()
    state = await service.state(tenant, LOCK)
    assert state.state == "held"
    assert "domain 'mx.other-hoster.example' on 'shop.example'" in state.detail
