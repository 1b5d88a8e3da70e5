"""The object that a step of the ledger wrote is compared with what was written, in every spelling of the service."""

import pytest

from domain import written
from domain.facts import Facts
from domain.states import step_view
from domain.steps import Step, Value
from tests.domain.builders import healthy, reading

RULE, CONNECTOR = "Send Automatic Replies to connector Automatic Replies", "Automatic Replies (Out of Office) Only"


def made(**parameters):
    given = {"Name": RULE, "MessageTypeMatches": "OOF", "RouteMessageOutboundConnector": CONNECTOR, "Mode": "Enforce"}
    [step] = step_view((Step("exchange", "New-TransportRule", given | parameters),))
    return step


def with_rule(**fields):
    rows = healthy()
    rows["Get-TransportRule"][0] |= fields
    return Facts(reading(rows))


def guid():
    return healthy()["Get-OutboundConnector"][0]["Guid"]


@pytest.mark.parametrize(
    ("fields", "same"),
    [
        ({}, True),
        ({"RouteMessageOutboundConnector": guid().upper()}, True),
        ({"RecipientAddressType": "Resolved"}, True),
        ({"RouteMessageOutboundConnector": "Smart host"}, False),
        ({"DeleteMessage": True}, False),
        ({"PrependSubject": "[Away] "}, False),
        ({"State": "Disabled"}, False),
    ],
    ids=["as_made", "by_guid", "by_the_service", "another_way", "more_is_done", "more_by_another_name", "off"],
)
def test_a_rule_is_as_made_while_it_does_what_it_was_told_and_no_more(fields, same):
    assert written.is_as_made(made(), with_rule(**fields)) is same


def test_what_the_ledger_does_not_say_whole_is_not_taken_for_the_same():
    [step] = step_view((Step("exchange", "New-OutboundConnector", {"Name": CONNECTOR}),))
    assert not written.is_as_made(step, Facts(reading(healthy())))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [(None, "", True), ("A  b", "a b", True), (("a", "b"), ("b", "a"), True), (("a",), "a", True), ((), None, True),
     (True, False, False), (False, None, True), ("a", "b", False), (("a",), None, False)],
)  # fmt: skip
def test_one_value_has_several_spellings(one, other, same):
    assert written.is_same("Field", one, other, Facts(reading(healthy()))) is same


def test_pairs_are_named_by_their_ids_and_all_of_them_count():
    def pairs(*ids):
        parameters: dict[str, Value] = {"Identity": "Default", "Ids": ids, "Action": "Allow"}
        [step] = step_view((Step("exchange", "Set-TenantAllowBlockListSpoofItems", parameters),))
        return written.objects(step, Facts(reading(healthy())))

    assert [each["Action"] for each in pairs("1", "2")] == ["Allow", "Allow"]
    assert pairs("1", "gone") == ()
