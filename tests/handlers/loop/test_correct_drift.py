"""What an admin, another tool or Microsoft changes is seen, put back and proven."""

import pytest

from domain.controls import CATALOGUE

BROKEN = {
    "inbound-lockdown": ("Set-InboundConnector", {"Identity": "ExchangeDefender", "Enabled": False}),
    "oof-connector": (
        "Set-OutboundConnector",
        {"Identity": "Automatic Replies (Out of Office) Only", "Enabled": False},
    ),
    "oof-rule": (
        "Disable-TransportRule",
        {"Identity": "Send Automatic Replies to connector Automatic Replies", "Confirm": False},
    ),
    "dkim": ("Set-DkimSigningConfig", {"Identity": "contoso.example", "Enabled": False}),
    "spoof-intelligence": (
        "Set-AntiPhishPolicy",
        {"Identity": "Office365 AntiPhish Default", "EnableSpoofIntelligence": True},
    ),
    "alert-policies": (
        "Set-ProtectionAlert",
        {"Identity": "Phish delivered due to an ETR override", "Disabled": False},
    ),
}


async def test_a_tenant_as_documented_is_left_alone(service):
    tenant = service.world.add_tenant("contoso.example", state="healthy")
    await service.look_after(tenant)
    await service.sweep()
    assert set((await service.states(tenant)).values()) == {"compliant", "not_applicable"}
    assert tenant.writes == []


@pytest.mark.parametrize("control", BROKEN)
async def test_drift_is_seen_put_back_and_proven(service, control):
    tenant = service.world.add_tenant("contoso.example", state="healthy", alert_set="works")
    await service.look_after(tenant)
    cmdlet, parameters = BROKEN[control]
    tenant.admin(cmdlet, **parameters)
    await service.sweep()
    state = await service.state(tenant, control)
    assert (state.state, state.drift) == ("compliant", ())
    found, applying, corrected = await service.ledger(tenant, control)
    assert [found.event, applying.event, corrected.event] == ["drift_found", "applying", "corrected"]
    assert corrected.of == applying.id
    assert corrected.before != corrected.after
    assert corrected.steps[0].powershell
    writes = len(tenant.writes)
    await service.sweep()
    assert len(tenant.writes) == writes


@pytest.mark.parametrize("term", [{"SubjectContainsWords": ["away"]}, {"ExceptIfFrom": ["ann@contoso.example"]}])
async def test_what_a_proven_rule_does_or_asks_besides_is_taken_off_and_that_is_proven(service, term):
    tenant = service.world.add_tenant("contoso.example", state="healthy")
    await service.look_after(tenant)
    await service.sweep()
    tenant.admin("Set-TransportRule", Identity="Send Automatic Replies to connector Automatic Replies", **term)
    service.clock.advance(minutes=5)
    await service.sweep()
    assert (await service.state(tenant, "oof-rule")).state == "compliant"
    events = [entry.event for entry in await service.ledger(tenant, "oof-rule")]
    assert events[-3:] == ["drift_found", "applying", "corrected"]
    assert [dict.fromkeys(term)] == [
        {name: value for name, value in write.parameters.items() if name in term} for write in tenant.writes
    ]


async def test_an_odd_row_of_one_domain_keeps_no_other_from_being_put_back(service):
    tenant = service.world.add_tenant("contoso.example", "second.example", "third.example", state="healthy")
    await service.look_after(tenant)
    await service.sweep()
    rows = {row["Name"]: row for row in tenant.rows("DkimSigningConfig")}
    tenant.put(
        "DkimSigningConfig",
        [row | ({"Enabled": "perhaps"} if name == "second.example" else {}) for name, row in rows.items()],
    )
    tenant.admin("Set-DkimSigningConfig", Identity="third.example", Enabled=False)
    await service.sweep()
    state = await service.state(tenant, "dkim")
    assert state.state == "unknown"
    assert "second.example: Get-DkimSigningConfig returned an odd object" in state.detail
    assert "as documented: contoso.example, third.example" in state.detail
    assert [entry.parameters["Identity"] for entry in tenant.writes] == ["third.example"]
    assert "corrected" in {entry.event for entry in await service.ledger(tenant, "dkim")}


async def test_a_tenant_that_was_never_configured_is_brought_up_in_order(service):
    tenant = service.world.add_tenant("contoso.example", state="never_configured", alert_set="works")
    await service.look_after(tenant)
    service.world.dns.set("contoso.example", "MX", "10 inbound30.exchangedefender.com.")
    await service.sweep()
    states = await service.states(tenant)
    assert {c: s for c, s in states.items() if s not in ("compliant", "not_applicable")} == dict.fromkeys(
        ("dkim", "dmarc", "spf"), "needs_person"
    )
    cmdlets = [entry.cmdlet for entry in tenant.writes]
    assert cmdlets.index("New-OutboundConnector") < cmdlets.index("New-TransportRule")
    assert set(states) == set(CATALOGUE)
