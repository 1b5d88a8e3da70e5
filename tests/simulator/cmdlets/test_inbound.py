from typing import Any

import pytest

from simulator.cmdlets.inbound import CANNOT_ENABLE, CREATED_DISABLED
from simulator.failures import CmdletError
from tests.simulator.conftest import Caller, error_of

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


def test_a_person_is_refused_with_the_same_reason(fresh: Caller) -> None:
    with pytest.raises(CmdletError, match="couldn't be found"):
        fresh.tenant.admin("Set-InboundConnector", Identity="nobody", Enabled=True)
