from typing import Any

import pytest

from tests.simulator.conftest import Caller, error_of

OOF = "Automatic Replies (Out of Office) Only"
RULE = "Send Automatic Replies to connector Automatic Replies"


async def rules(caller: Caller, **parameters: Any) -> list[tuple[str, int]]:
    return [(row["Name"], row["Priority"]) for row in await caller.value("Get-TransportRule", **parameters)]


async def test_the_rule_of_the_guide_reads_back_flattened(caller: Caller) -> None:
    row = (await caller.value("Get-TransportRule"))[0]

    expected = {
        "Name": RULE,
        "State": "Enabled",
        "Mode": "Enforce",
        "MessageTypeMatches": "OOF",
        "RouteMessageOutboundConnector": OOF,
        "Priority": 0,
        "SentToScope": None,
        "StopRuleProcessing": False,
        "Conditions": ["Microsoft.Exchange.MessagingPolicies.Rules.Tasks.MessageTypeMatchesPredicate"],
        "Exceptions": None,
        "Actions": ["Microsoft.Exchange.MessagingPolicies.Rules.Tasks.RouteMessageOutboundConnectorAction"],
    }
    assert {name: row[name] for name in expected} == expected
    assert "Enabled" not in row
    assert "WhenCreated" not in row


async def test_a_rule_follows_its_connector_through_a_rename(caller: Caller) -> None:
    caller.tenant.admin("Set-OutboundConnector", Identity=OOF, Name="Renamed")

    assert (await caller.value("Get-TransportRule"))[0]["RouteMessageOutboundConnector"] == "Renamed"


async def test_a_rule_may_show_its_connector_by_guid(caller: Caller) -> None:
    guid = (await caller.value("Get-OutboundConnector", IsTransportRuleScoped=True))[0]["Guid"]
    caller.tenant.switches.rule_shows_connector = "guid"

    assert (await caller.value("Get-TransportRule"))[0]["RouteMessageOutboundConnector"] == guid


async def test_a_connector_can_be_given_by_guid(caller: Caller) -> None:
    guid = (await caller.value("Get-OutboundConnector", IsTransportRuleScoped=True))[0]["Guid"]

    value = await caller.value("New-TransportRule", Name="x", RouteMessageOutboundConnector=guid)

    assert value[0]["RouteMessageOutboundConnector"] == OOF


async def test_the_connector_of_a_rule_must_exist_and_be_scoped(caller: Caller) -> None:
    caller.tenant.admin("New-OutboundConnector", Name="plain")

    unscoped = await caller.run("New-TransportRule", Name="x", RouteMessageOutboundConnector="plain")
    absent = await caller.run("Set-TransportRule", Identity=RULE, RouteMessageOutboundConnector="nobody")

    assert (unscoped.status_code, absent.status_code) == (400, 404)


async def test_a_new_rule_is_last_unless_it_has_a_priority(caller: Caller) -> None:
    await caller.run("New-TransportRule", Name="last")
    await caller.run("New-TransportRule", Name="first", Priority=0)

    assert await rules(caller) == [("first", 0), (RULE, 1), ("last", 2)]


async def test_moving_and_removing_a_rule_shifts_the_others(caller: Caller) -> None:
    await caller.run("New-TransportRule", Name="second")
    await caller.run("Set-TransportRule", Identity="second", Priority=0)
    assert await rules(caller) == [("second", 0), (RULE, 1)]

    await caller.run("Remove-TransportRule", Identity="second", Confirm=False)

    assert await rules(caller) == [(RULE, 0)]


@pytest.mark.parametrize("priority", [-1, 7])
async def test_a_priority_outside_the_list_is_refused(caller: Caller, priority: int) -> None:
    assert (await caller.run("New-TransportRule", Name="x", Priority=priority)).status_code == 400
    assert (await caller.run("Set-TransportRule", Identity=RULE, Priority=priority)).status_code == 400
    assert await rules(caller) == [(RULE, 0)]


async def test_enabled_is_for_new_only_later_there_are_cmdlets(caller: Caller) -> None:
    refused = await caller.run("Set-TransportRule", Identity=RULE, Enabled=True)
    await caller.run("New-TransportRule", Name="off", Enabled=False)
    assert error_of(refused)[1] == "AmbiguousParameterSetException"
    assert await rules(caller, State="Disabled") == [("off", 1)]

    await caller.run("Enable-TransportRule", Identity="off", Mode="Audit", Confirm=False)
    await caller.run("Disable-TransportRule", Identity=RULE, Confirm=False)

    states = {row["Name"]: (row["State"], row["Mode"]) for row in await caller.value("Get-TransportRule")}
    assert states == {"off": ("Enabled", "Audit"), RULE: ("Disabled", "Enforce")}


async def test_null_removes_a_condition_and_its_class_name(caller: Caller) -> None:
    await caller.run("Set-TransportRule", Identity=RULE, SentToScope="NotInOrganization", SetSCL=-1)
    row = (await caller.value("Get-TransportRule"))[0]
    assert len(row["Conditions"]) == 2
    assert len(row["Actions"]) == 2

    await caller.run("Set-TransportRule", Identity=RULE, SentToScope=None)

    row = (await caller.value("Get-TransportRule"))[0]
    assert (row["SentToScope"], len(row["Conditions"])) == (None, 1)


async def test_leaving_details_out_blanks_conditions_and_actions(caller: Caller) -> None:
    row = (await caller.value("Get-TransportRule", ExcludeConditionActionDetails=True))[0]

    assert (row["MessageTypeMatches"], row["RouteMessageOutboundConnector"], row["Actions"]) == (None, None, None)
