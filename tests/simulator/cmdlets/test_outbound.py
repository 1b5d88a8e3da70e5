import pytest

from tests.simulator.conftest import Caller

OOF = "Automatic Replies (Out of Office) Only"


async def test_the_documented_variants_of_the_outbound_listing_exclude_each_other(caller: Caller) -> None:
    for name, settings in {"plain": {}, "test": {"TestMode": True}}.items():
        caller.tenant.admin("New-OutboundConnector", Name=name, **settings)

    async def names(**variant: bool) -> list[str]:
        return [row["Name"] for row in await caller.value("Get-OutboundConnector", **variant)]

    assert await names() == ["plain"]
    assert await names(IsTransportRuleScoped=True) == [OOF]
    assert await names(IncludeTestModeConnectors=True) == ["test"]


async def test_as_measured_the_plain_outbound_listing_shows_scoped_connectors_too(caller: Caller) -> None:
    caller.tenant.switches.outbound_reads = "measured"

    assert [row["Name"] for row in await caller.value("Get-OutboundConnector")] == [OOF]


async def test_without_mx_routing_a_smart_host_is_needed_in_the_same_call(caller: Caller) -> None:
    new = await caller.run("New-OutboundConnector", Name="x", UseMXRecord=False)
    change = await caller.run("Set-OutboundConnector", Identity=OOF, UseMXRecord=False)
    both = await caller.run("Set-OutboundConnector", Identity=OOF, UseMXRecord=False, SmartHosts=["mail.example"])

    assert [new.status_code, change.status_code, both.status_code] == [400, 400, 200]


async def test_a_tls_domain_needs_domain_validation(caller: Caller) -> None:
    settings = {"Name": "x", "TlsDomain": "mail.example"}

    assert (await caller.run("New-OutboundConnector", **settings)).status_code == 400
    assert (await caller.run("New-OutboundConnector", **settings, TlsSettings="DomainValidation")).status_code == 200


async def test_validation_is_set_only_afterwards(caller: Caller) -> None:
    assert (await caller.run("New-OutboundConnector", Name="x", IsValidated=True)).status_code == 400
    assert (await caller.run("Set-OutboundConnector", Identity=OOF, IsValidated=True)).status_code == 200


@pytest.mark.parametrize("protected", [True, False])
async def test_a_connector_that_a_rule_uses_is_kept_unless_the_switch_is_off(
    caller: Caller, *, protected: bool
) -> None:
    caller.tenant.switches.connector_in_use_protected = protected
    expected = 400 if protected else 200

    unscoped = await caller.run("Set-OutboundConnector", Identity=OOF, IsTransportRuleScoped=False)
    removed = await caller.run("Remove-OutboundConnector", Identity=OOF, Confirm=False)

    assert (unscoped.status_code, removed.status_code) == (expected, expected)
