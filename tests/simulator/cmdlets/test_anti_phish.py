from typing import Any

import pytest

from tests.simulator.conftest import Caller

DEFAULT = "Office365 AntiPhish Default"


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
