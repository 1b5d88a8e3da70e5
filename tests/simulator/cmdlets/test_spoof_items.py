from typing import Any

import pytest

from tests.simulator.conftest import Caller, error_of

PAIR = {"SpoofedUser": "*", "SendingInfrastructure": "65.99.255.0/24", "SpoofType": "External", "Action": "Allow"}


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
