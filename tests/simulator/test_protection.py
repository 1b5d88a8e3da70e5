"""Anti-phish policies, presets, spoof items, alerts, the connection filter, and what a dehydrated tenant refuses."""

from typing import Any

import pytest

from tests.simulator.conftest import Caller, error_of

DEFAULT = "Office365 AntiPhish Default"
ETR = "Phish delivered due to an ETR override"
PAIR = {"SpoofedUser": "*", "SendingInfrastructure": "65.99.255.0/24", "SpoofType": "External", "Action": "Allow"}


# --- anti-phish ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("state", "on"), [("healthy", False), ("never_configured", True)])
async def test_spoof_intelligence_starts_as_the_state_says(
    caller: Caller, fresh: Caller, state: str, *, on: bool
) -> None:
    row = (await (caller if state == "healthy" else fresh).value("Get-AntiPhishPolicy"))[0]

    assert (row["Name"], row["IsDefault"], row["EnableSpoofIntelligence"]) == (DEFAULT, True, on)


async def test_a_custom_policy_gets_recipients_by_its_rule(caller: Caller) -> None:
    await caller.run("New-AntiPhishPolicy", Name="Sales", EnableSpoofIntelligence=True)
    rule: dict[str, Any] = {"AntiPhishPolicy": "Sales", "RecipientDomainIs": ["northwindlegal.example"]}
    await caller.run("New-AntiPhishRule", Name="Sales", **rule)
    await caller.run("New-AntiPhishRule", Name="First", Priority=0, **rule)

    rows = await caller.value("Get-AntiPhishRule")

    assert [(row["Name"], row["Priority"], row["State"]) for row in rows] == [
        ("First", 0, "Enabled"),
        ("Sales", 1, "Enabled"),
    ]
    assert rows[0]["RecipientDomainIs"] == ["northwindlegal.example"]
    assert (await caller.run("Remove-AntiPhishPolicy", Identity="Sales", Confirm=False)).status_code == 400


async def test_a_rule_moves_and_switches_off(caller: Caller) -> None:
    caller.tenant.admin("New-AntiPhishPolicy", Name="Sales")
    for name in ("a", "b"):
        caller.tenant.admin("New-AntiPhishRule", Name=name, AntiPhishPolicy="Sales")

    await caller.run("Set-AntiPhishRule", Identity="b", Priority=0)
    await caller.run("Disable-AntiPhishRule", Identity="a", Confirm=False)

    rows = await caller.value("Get-AntiPhishRule")
    assert [(row["Name"], row["State"]) for row in rows] == [("b", "Enabled"), ("a", "Disabled")]


async def test_the_default_policy_stays(caller: Caller) -> None:
    assert (await caller.run("Remove-AntiPhishPolicy", Identity=DEFAULT, Confirm=False)).status_code == 400


async def test_a_preset_has_a_policy_nobody_edits_and_a_rule_an_admin_switches(caller: Caller) -> None:
    caller.tenant.enable_preset("Standard", RecipientDomainIs=["northwindlegal.example"])
    caller.tenant.enable_preset("Strict", defender=True)

    rules = await caller.value("Get-EOPProtectionPolicyRule")
    policy = rules[1]["AntiPhishPolicy"]
    edited = await caller.run("Set-AntiPhishPolicy", Identity=policy, EnableSpoofIntelligence=False)
    caller.tenant.admin("Disable-EOPProtectionPolicyRule", Identity="Standard Preset Security Policy")

    assert [row["Name"] for row in rules] == ["Strict Preset Security Policy", "Standard Preset Security Policy"]
    assert policy.startswith("Standard Preset Security Policy")
    assert policy.removeprefix("Standard Preset Security Policy").isdecimal()
    assert edited.status_code == 400
    assert len(await caller.value("Get-ATPProtectionPolicyRule")) == 1
    assert [row["State"] for row in await caller.value("Get-EOPProtectionPolicyRule")] == ["Enabled", "Disabled"]


# --- spoof items ---------------------------------------------------------------------------------------------------


async def new_pair(caller: Caller, **changed: str) -> tuple[int, str]:
    answer = await caller.run("New-TenantAllowBlockListSpoofItems", Identity="Default", **PAIR | changed)
    return answer.status_code, "" if answer.status_code == 200 else error_of(answer)[1]


async def test_both_pairs_are_there_with_five_fields_each(caller: Caller) -> None:
    rows = await caller.value("Get-TenantAllowBlockListSpoofItems")

    assert [row["SendingInfrastructure"] for row in rows] == ["65.99.255.0/24", "206.125.40.0/24"]
    assert {tuple(row) for row in rows} == {("Identity", *PAIR)}


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"SendingInfrastructure": "65.99.255.0/25"}, id="not a /24"),
        pytest.param({"SendingInfrastructure": "*"}, id="wildcard on both sides"),
        pytest.param({"SendingInfrastructure": "mail/24"}, id="no address"),
        pytest.param({"SpoofType": "Both"}, id="no such type"),
    ],
)
async def test_a_pair_that_cannot_be_is_refused(fresh: Caller, changed: dict[str, str]) -> None:
    assert (await new_pair(fresh, **changed))[0] == 400


async def test_a_pair_is_there_once_whatever_its_action(fresh: Caller) -> None:
    assert await new_pair(fresh) == (200, "")

    assert await new_pair(fresh, Action="Block") == (400, "ADObjectAlreadyExistsException")
    assert await new_pair(fresh, SpoofType="Internal") == (200, "")


async def test_only_the_action_changes_and_items_go_by_their_ids(caller: Caller) -> None:
    first, second = [row["Identity"] for row in await caller.value("Get-TenantAllowBlockListSpoofItems")]

    await caller.run("Set-TenantAllowBlockListSpoofItems", Identity="Default", Ids=[first], Action="Block")
    removal: dict[str, Any] = {"Identity": "northwindlegal.example\\Default", "Ids": [second], "Confirm": False}
    await caller.run("Remove-TenantAllowBlockListSpoofItems", **removal)
    unknown = await caller.run("Remove-TenantAllowBlockListSpoofItems", **removal)

    assert [row["Action"] for row in caller.tenant.admin("Get-TenantAllowBlockListSpoofItems")] == ["Block"]
    assert await caller.value("Get-TenantAllowBlockListSpoofItems", Action="Allow") == []
    assert unknown.status_code == 404


async def test_host_bits_stay_or_go_and_new_may_be_silent(fresh: Caller) -> None:
    await new_pair(fresh, SendingInfrastructure="192.168.100.100/24")
    fresh.tenant.switches.spoof_zeroes_host_bits = True
    fresh.tenant.switches.spoof_new_echo = False

    answer = await fresh.run(
        "New-TenantAllowBlockListSpoofItems", Identity="Default", **PAIR | {"SendingInfrastructure": "10.0.0.9/24"}
    )

    stored = [row["SendingInfrastructure"] for row in await fresh.value("Get-TenantAllowBlockListSpoofItems")]
    assert stored == ["192.168.100.100/24", "10.0.0.0/24"]
    assert answer.json()["value"] == []


async def test_there_is_room_for_1024_items(fresh: Caller) -> None:
    full = [{"Identity": str(number), **PAIR, "SpoofedUser": f"u{number}@x.example"} for number in range(1024)]
    fresh.tenant.put("TenantAllowBlockListSpoofItems", full)

    assert (await new_pair(fresh))[0] == 400


# --- alerts --------------------------------------------------------------------------------------------------------


async def alerts(caller: Caller) -> dict[str, bool]:
    value = (await caller.compliance("Get-ProtectionAlert")).json()["value"]
    return {row["Name"]: row["Disabled"] for row in value if row["IsSystemRule"] and row["StreamType"] == "Mail"}


async def test_both_alerts_are_off_in_a_healthy_tenant_and_on_in_a_fresh_one(caller: Caller, fresh: Caller) -> None:
    assert await alerts(caller) == {ETR: True, "Phish delivered due to an IP allow policy": True}
    assert set((await alerts(fresh)).values()) == {False}


async def test_system_rules_live_in_a_container_that_is_not_the_tenants(caller: Caller) -> None:
    value = (await caller.compliance("Get-ProtectionAlert")).json()["value"]
    containers = {row["Identity"].split("/")[2]: row["IsSystemRule"] for row in value}

    assert containers == {"11111111-2222-4333-8444-555555555555": True, "northwindlegal.onmicrosoft.com": False}


@pytest.mark.parametrize(
    ("switch", "status", "disabled"), [("works", 200, True), ("not_found", 404, False), ("ignored", 200, False)]
)
async def test_setting_a_system_rule_works_fails_or_does_nothing(
    fresh: Caller, switch: Any, status: int, *, disabled: bool
) -> None:
    fresh.tenant.switches.alert_set = switch

    answer = await fresh.compliance("Set-ProtectionAlert", Identity=ETR, Disabled=True)

    assert answer.status_code == status
    assert (await alerts(fresh))[ETR] is disabled
    if switch == "not_found":
        assert error_of(answer)[1:] == (
            "ErrorRuleNotFoundException",
            f"There is no rule matching identity '{fresh.tenant.tenant_id}\\{ETR}'.",
        )


async def test_a_person_switches_an_alert_off_in_the_portal_whatever_scripts_can_do(fresh: Caller) -> None:
    fresh.tenant.switches.alert_set = "not_found"

    fresh.tenant.admin("Set-ProtectionAlert", Identity=ETR, Disabled=True)

    assert (await alerts(fresh))[ETR] is True


async def test_names_may_end_in_a_zero_width_space_and_rules_may_be_absent(caller: Caller, fresh: Caller) -> None:
    caller.tenant.switches.alert_name_suffix = "\u200b"
    fresh.tenant.switches.alerts_present = False

    assert f"{ETR}\u200b" in await alerts(caller)
    assert await alerts(fresh) == {}
    assert (await caller.compliance("Set-ProtectionAlert", Identity=f"{ETR}\u200b", Disabled=False)).status_code == 200


# --- connection filter, organisation -------------------------------------------------------------------------------


async def test_the_connection_filter_adds_to_its_lists(caller: Caller) -> None:
    add = {"@odata.type": "#Exchange.GenericHashTable", "Add": ["65.99.255.0/24"]}
    await caller.run("Set-HostedConnectionFilterPolicy", Identity="Default", IPAllowList=add)

    assert (await caller.value("Get-HostedConnectionFilterPolicy"))[0]["IPAllowList"] == ["65.99.255.0/24"]
    wide: dict[str, Any] = {"Identity": "Default", "IPBlockList": ["10.0.0.0-10.0.9.9"]}
    assert (await caller.run("Set-HostedConnectionFilterPolicy", **wide)).status_code == 400


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
