"""What others gave an object of ours stays at first sight; what is missing or off beside it is put back."""

from dataclasses import replace

import pytest

from domain.control import (
    Compliant,
    Drift,
    Drifted,
    NeedsPerson,
)
from domain.controls import CATALOGUE
from domain.facts import Facts
from domain.findings import Inventory
from tests.domain.builders import PROVEN, Rows, healthy, reading, wanted

FIRST = Inventory(begun=PROVEN.begun)
EXIT = "Automatic Replies (Out of Office) Only"
PAIR = "*, 65.99.255.0/24"
SERVICE = {"name": "Relay", "certificate": "relay.example"}
RELAY = {"Name": "Relay", "Identity": "Relay", "SenderIPAddresses": [], "TlsSenderCertificateName": "old.example"}


def with_row(cmdlet: str, **fields: object) -> Rows:
    rows = healthy()
    rows[cmdlet][0] |= fields
    return rows


def judge(control: str, rows: Rows, inventory: Inventory):
    target = replace(wanted(service_connectors=[SERVICE]), inventory=inventory)
    return CATALOGUE[control].find(Facts(reading(rows)), target)


LOCK_ROW, EXIT_ROW, RULE_ROW = "Get-InboundConnector", "Get-OutboundConnector", "Get-TransportRule"
OTHERS = {
    "trusted as internal": ("inbound-lockdown", LOCK_ROW, {"CloudServicesMailEnabled": True}, "True", "False"),
    "a certificate": ("service-connectors", LOCK_ROW, RELAY, "old.example", "relay.example"),
    "one name only": ("oof-connector", EXIT_ROW, {"TlsDomain": "mx.example"}, "mx.example", "nothing"),
    "looser TLS": ("oof-connector", EXIT_ROW, {"TlsSettings": "DomainValidation"}, "DomainValidation", "Certificate"),
    "a smart host": ("oof-connector", EXIT_ROW, {"UseMXRecord": False}, "False", "True"),
    "own servers": ("oof-connector", EXIT_ROW, {"ConnectorType": "OnPremises"}, "OnPremises", "Partner"),
    "a condition": ("oof-rule", RULE_ROW, {"SubjectContainsWords": ["holiday"]}, "holiday", "nothing"),
    "an exception": ("oof-rule", RULE_ROW, {"ExceptIfFrom": ["ceo@x.example"]}, "ceo@x.example", "nothing"),
    "an action": ("oof-rule", RULE_ROW, {"DeleteMessage": True}, "True", "False"),
    "another type": ("oof-rule", RULE_ROW, {"MessageTypeMatches": "ReadReceipt"}, "ReadReceipt", "OOF"),
    "another way": ("oof-rule", RULE_ROW, {"RouteMessageOutboundConnector": "Gateway"}, "Gateway", EXIT),
    "a block": (
        "spoof-allow",
        "Get-TenantAllowBlockListSpoofItems",
        {"Action": "Block"},
        "Block",
        "Allow",
    ),
}
EACH = pytest.mark.parametrize(
    ("control", "cmdlet", "fields", "value"), [row[:4] for row in OTHERS.values()], ids=list(OTHERS)
)


@pytest.mark.parametrize(("control", "cmdlet", "fields", "value", "documented"), OTHERS.values(), ids=OTHERS)
def test_another_value_of_first_sight_is_named_and_stays(control, cmdlet, fields, value, documented):
    judgement = judge(control, with_row(cmdlet, **fields), FIRST)
    assert isinstance(judgement, NeedsPerson)
    [finding] = judgement.findings
    assert finding.kind == "term"
    assert finding.value.endswith(value) or finding.value.endswith(f"['{value}']")
    assert finding.lets_in.startswith(f"documented is {documented}")
    assert finding.sentence in judgement.todo


@EACH
def test_declared_it_is_as_documented_and_beside_a_proven_state_it_is_drift(control, cmdlet, fields, value):
    rows = with_row(cmdlet, **fields)
    first = judge(control, rows, FIRST)
    assert isinstance(first, NeedsPerson)
    [finding] = first.findings
    declared = judge(control, rows, replace(FIRST, declared=frozenset({finding.id})))
    assert isinstance(declared, Compliant)
    assert declared.findings == (finding,)
    drifted = judge(control, rows, PROVEN)
    assert isinstance(drifted, Drifted)
    assert drifted.findings == ()
    assert value in str(drifted.drift[0].found)


@EACH
def test_removed_it_is_put_back_by_a_step_that_says_so(control, cmdlet, fields, value):
    rows = with_row(cmdlet, **fields)
    first = judge(control, rows, FIRST)
    assert isinstance(first, NeedsPerson)
    [finding] = first.findings
    going = judge(control, rows, FIRST.without(finding.id))
    assert isinstance(going, Drifted)
    [step] = [each for each in going.steps if each.removes]
    assert step.removes == (finding.id,)
    assert any(value in str(each.found) for each in going.mended_by(step))


BESIDE = {
    "lock": ("inbound-lockdown", LOCK_ROW, {"CloudServicesMailEnabled": True, "Enabled": False}, {"Enabled"}),
    "senders": (
        "inbound-lockdown",
        LOCK_ROW,
        {"SenderDomains": ["smtp:partner.example;1"], "RequireTls": False},
        {"SenderDomains", "RequireTls"},
    ),
    "service": ("service-connectors", LOCK_ROW, RELAY | {"Enabled": False}, {"Relay: Enabled"}),
    "exit": ("oof-connector", EXIT_ROW, {"TlsDomain": "mx.example", "TestMode": True}, {"TestMode"}),
    "rule": ("oof-rule", RULE_ROW, {"FromScope": "InOrganization", "State": "Disabled"}, {"State"}),
    "rule: only watching": ("oof-rule", RULE_ROW, {"FromScope": "InOrganization", "Mode": "Audit"}, {"Mode"}),
}


@pytest.mark.parametrize(("control", "cmdlet", "fields", "put_back"), BESIDE.values(), ids=BESIDE)
def test_what_is_missing_or_off_beside_it_is_put_back_and_nothing_else(control, cmdlet, fields, put_back):
    judgement = judge(control, with_row(cmdlet, **fields), FIRST)
    assert isinstance(judgement, Drifted)
    assert {each.field for each in judgement.drift} == put_back
    assert judgement.findings
    assert judgement.todo


def test_a_list_keeps_what_others_put_there_and_gets_what_is_missing():
    rows = with_row(LOCK_ROW, SenderDomains=["smtp:partner.example;1"])
    judgement = judge("inbound-lockdown", rows, FIRST)
    assert isinstance(judgement, Drifted)
    assert judgement.drift == (Drift("SenderDomains", ("*", "partner.example"), ("partner.example",)),)
    [finding] = judgement.findings
    assert finding.value == "SenderDomains: partner.example"
    whole = with_row(LOCK_ROW, SenderDomains=["smtp:*;1", "smtp:partner.example;1"])
    assert isinstance(judge("inbound-lockdown", whole, FIRST), NeedsPerson)


@pytest.mark.parametrize("off", [{"State": "Disabled"}, {"Mode": "Audit"}])
def test_a_rule_that_does_more_than_redirect_is_not_switched_on_before_a_person_has_answered(off):
    rows = with_row(RULE_ROW, DeleteMessage=True, **off)
    judgement = judge("oof-rule", rows, FIRST)
    assert isinstance(judgement, NeedsPerson)
    assert "not switched on while it does more than redirect" in judgement.todo
    assert [each.field for each in judgement.drift] == list(off)
    [finding] = judgement.findings
    declared = judge("oof-rule", rows, replace(FIRST, declared=frozenset({finding.id})))
    assert isinstance(declared, Drifted)
    assert [each.field for each in declared.drift] == list(off)


def test_a_comment_of_somebodys_is_never_written_over():
    judgement = judge("inbound-lockdown", with_row(LOCK_ROW, Comment="do not touch", Enabled=False), PROVEN)
    assert isinstance(judgement, Drifted)
    assert dict(judgement.steps[0].parameters) == {"Identity": "ExchangeDefender", "Enabled": True}


def test_an_address_and_a_value_that_a_person_has_removed_go_apart_from_what_else_has_drifted():
    rows = with_row(
        LOCK_ROW, SenderIPAddresses=["65.99.255.0/24", "203.0.113.7"], CloudServicesMailEnabled=True, Enabled=False
    )
    first = judge("inbound-lockdown", rows, FIRST)
    assert isinstance(first, Drifted)
    inventory = FIRST
    for finding in first.findings:
        inventory = inventory.without(finding.id)
    judgement = judge("inbound-lockdown", rows, inventory)
    assert isinstance(judgement, Drifted)
    assert [step.mends for step in judgement.steps] == [("Enabled",), ("CloudServicesMailEnabled", "SenderIPAddresses")]
    assert {*judgement.steps[1].removes} == {each.id for each in first.findings}
