from typing import Any

import pytest

from tests.simulator.conftest import Caller, error_of

ETR = "Phish delivered due to an ETR override"


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
