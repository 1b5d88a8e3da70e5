from typing import Any

import pytest

from tests.simulator.conftest import Caller, error_of

DEFAULT = "Office365 AntiPhish Default"


PAIR = {"SpoofedUser": "*", "SendingInfrastructure": "65.99.255.0/24", "SpoofType": "External", "Action": "Allow"}


async def test_a_tenant_has_its_initial_coexistence_and_custom_domains(caller: Caller) -> None:
    caller.tenant.coexistence = True
    caller.tenant.add_domain("second.example")

    rows = {row["DomainName"]: row for row in await caller.value("Get-AcceptedDomain")}

    assert list(rows) == [
        "northwindlegal.example",
        "second.example",
        "northwindlegal.onmicrosoft.com",
        "northwindlegal.mail.onmicrosoft.com",
    ]
    assert [name for name, row in rows.items() if row["InitialDomain"]] == ["northwindlegal.onmicrosoft.com"]
    assert [name for name, row in rows.items() if row["IsCoexistenceDomain"]] == ["northwindlegal.mail.onmicrosoft.com"]
    assert [name for name, row in rows.items() if row["Default"]] == ["northwindlegal.example"]


async def test_a_blocked_connector_is_listed_by_its_guid(caller: Caller) -> None:
    assert await caller.value("Get-BlockedConnector") == []
    guid = (await caller.value("Get-InboundConnector"))[0]["Guid"]

    caller.tenant.block_connector("ExchangeDefender")

    assert [row["ConnectorId"] for row in await caller.value("Get-BlockedConnector")] == [guid]


@pytest.mark.parametrize(
    ("cmdlet", "parameters"),
    [
        ("New-TransportRule", {"Name": "x"}),
        ("Set-AntiPhishPolicy", {"Identity": DEFAULT, "EnableSpoofIntelligence": False}),
        ("New-AntiPhishPolicy", {"Name": "x"}),
        ("New-TenantAllowBlockListSpoofItems", {"Identity": "Default", **PAIR}),
        ("Set-HostedConnectionFilterPolicy", {"Identity": "Default", "EnableSafeList": True}),
    ],
)
async def test_a_dehydrated_tenant_refuses_until_it_is_customised(
    fresh: Caller, cmdlet: str, parameters: dict[str, Any]
) -> None:
    fresh.tenant.switches.dehydrated = True

    status, kind, text = error_of(await fresh.run(cmdlet, **parameters))

    assert (status, kind) == (400, "InvalidOperationInDehydratedContextException")
    assert "Enable-OrganizationCustomization" in text


async def test_customisation_takes_its_time_and_is_done_once(fresh: Caller) -> None:
    fresh.tenant.switches.dehydrated = True

    async def dehydrated() -> bool:
        return bool((await fresh.value("Get-OrganizationConfig"))[0]["IsDehydrated"])

    assert await dehydrated()
    await fresh.run("Enable-OrganizationCustomization", Confirm=False)
    assert [await dehydrated() for _ in range(2)] == [True, False]
    again = await fresh.run("Enable-OrganizationCustomization", Confirm=False)

    assert error_of(again)[:2] == (400, "InvalidOperationException")
    assert (await fresh.run("New-TransportRule", Name="x")).status_code == 200
