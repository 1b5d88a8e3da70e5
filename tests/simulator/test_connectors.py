from typing import Any

import pytest

from simulator.cmdlets.inbound import CANNOT_ENABLE, CREATED_DISABLED
from simulator.failures import CmdletError
from tests.simulator.conftest import Caller, error_of

OOF = "Automatic Replies (Out of Office) Only"
LOCK: dict[str, Any] = {
    "Name": "ExchangeDefender",
    "ConnectorType": "Partner",
    "SenderDomains": ["*"],
    "SenderIPAddresses": ["65.99.255.0/24"],
    "RestrictDomainsToIPAddresses": True,
    "RequireTls": True,
}


async def test_a_healthy_tenant_is_locked_down_as_the_guide_says(caller: Caller) -> None:
    row = (await caller.value("Get-InboundConnector"))[0]

    expected = {
        "Name": "ExchangeDefender",
        "ConnectorType": "Partner",
        "SenderDomains": ["smtp:*;1"],
        "SenderIPAddresses": ["65.99.255.0/24"],
        "RequireTls": True,
        "RestrictDomainsToIPAddresses": True,
        "CloudServicesMailEnabled": False,
        "Enabled": True,
        "Comment": "ExchangeDefender Inbound connector for 65.99.255.0/24",
    }
    assert {name: row[name] for name in expected} == expected


async def test_sender_domains_are_always_stored_with_scheme_and_cost(fresh: Caller) -> None:
    domains = ["*", "Contoso.example", "smtp:fabrikam.example;1", "*.contoso.example;5"]
    row = (await fresh.value("New-InboundConnector", Name="x", SenderDomains=domains))[0]

    assert row["SenderDomains"] == [
        "smtp:*;1",
        "smtp:contoso.example;1",
        "smtp:fabrikam.example;1",
        "smtp:*.contoso.example;5",
    ]


async def test_a_connector_is_renamed_found_by_guid_and_removed(caller: Caller) -> None:
    guid = (await caller.value("Get-InboundConnector"))[0]["Guid"]
    await caller.run("Set-InboundConnector", Identity="exchangedefender", Name="Renamed")

    assert (await caller.value("Get-InboundConnector", Identity=guid))[0]["Name"] == "Renamed"
    await caller.run("Remove-InboundConnector", Identity="Renamed", Confirm=False)
    assert await caller.value("Get-InboundConnector") == []


async def test_a_name_that_is_taken_cannot_be_given(caller: Caller) -> None:
    caller.tenant.admin("New-InboundConnector", Name="Printer", SenderDomains=["*"])

    answer = await caller.run("Set-InboundConnector", Identity="Printer", Name="ExchangeDefender")

    assert error_of(answer)[1] == "ADObjectAlreadyExistsException"


@pytest.mark.parametrize(
    ("switch", "connector_type", "enabled"),
    [
        ("never", "OnPremises", True),
        ("on_premises", "OnPremises", False),
        ("on_premises", "Partner", True),
        ("always", "Partner", False),
    ],
)
async def test_some_offerings_create_connectors_disabled(
    fresh: Caller, switch: Any, connector_type: str, *, enabled: bool
) -> None:
    fresh.tenant.switches.created_disabled = switch

    body = (await fresh.run("New-InboundConnector", **LOCK | {"ConnectorType": connector_type})).json()
    again = await fresh.run("Set-InboundConnector", Identity="ExchangeDefender", Enabled=True)

    assert body["@adminapi.warnings"] == ([] if enabled else [CREATED_DISABLED])
    assert fresh.tenant.admin("Get-InboundConnector")[0]["Enabled"] is enabled
    assert again.status_code == (200 if enabled else 400)
    assert enabled or error_of(again)[2] == CANNOT_ENABLE


async def test_treating_mail_as_internal_is_for_on_premises_only(fresh: Caller) -> None:
    assert (await fresh.run("New-InboundConnector", **LOCK, TreatMessagesAsInternal=True)).status_code == 400


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


def test_a_person_is_refused_with_the_same_reason(fresh: Caller) -> None:
    with pytest.raises(CmdletError, match="couldn't be found"):
        fresh.tenant.admin("Set-InboundConnector", Identity="nobody", Enabled=True)
