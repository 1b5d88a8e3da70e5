from dataclasses import replace

import pytest

from domain.control import (
    Compliant,
    Drift,
    Drifted,
    NeedsPerson,
    Unknown,
)
from domain.controls import CATALOGUE
from domain.facts import Facts
from domain.states import ControlState, Look, after_check
from domain.steps import Step
from tests.domain.builders import NOW, failing, healthy, judge, reading, wanted

CONNECTOR = "Automatic Replies (Out of Office) Only"


RULE = "Send Automatic Replies to connector Automatic Replies"


def with_rule(**fields):
    rows = healthy()
    rows["Get-TransportRule"][0] |= fields
    return rows


GUID = "6f1a3f0d-52f5-4b7d-8a2e-7c7e5a0d9b21"


@pytest.mark.parametrize("name", [GUID, GUID.upper(), CONNECTOR.upper(), f"{CONNECTOR}\u200b"])
def test_a_rule_names_its_connector_in_any_spelling(name):
    rows = with_rule(RouteMessageOutboundConnector=name)
    assert judge("oof-rule", rows) == Compliant()
    assert judge("oof-connector", rows) == Compliant()


def test_a_rule_that_was_switched_off_is_enabled():
    assert judge("oof-rule", with_rule(State="Disabled")) == Drifted(
        (Drift("State", "Enabled", "Disabled"),),
        (Step("exchange", "Enable-TransportRule", {"Identity": RULE, "Confirm": False}),),
    )


def test_a_rule_that_only_audits_is_enforced():
    assert judge("oof-rule", with_rule(Mode="Audit")) == Drifted(
        (Drift("Mode", "Enforce", "Audit"),),
        (Step("exchange", "Set-TransportRule", {"Identity": RULE, "Mode": "Enforce"}),),
    )


def test_settings_come_before_the_switch():
    judgement = judge("oof-rule", with_rule(Mode="Audit", State="Disabled"))
    assert isinstance(judgement, Drifted)
    assert [step.cmdlet for step in judgement.steps] == ["Set-TransportRule", "Enable-TransportRule"]


@pytest.mark.parametrize(
    ("field", "found", "wanted"),
    [
        ("FromScope", "InOrganization", None),
        ("ExceptIfSentToScope", "InOrganization", None),
        ("SenderIpRanges", ["203.0.113.0/24"], None),
        ("DeleteMessage", True, False),
        ("ExpiryDate", "2026-01-01T00:00:00.0000000Z", None),
    ],
)
def test_a_condition_or_action_that_the_guide_does_not_know_is_taken_off(field, found, wanted):
    judgement = judge("oof-rule", with_rule(**{field: found}))
    assert isinstance(judgement, Drifted)
    assert [drift.field for drift in judgement.drift] == [field]
    assert dict(judgement.steps[0].parameters) == {"Identity": RULE, field: wanted}
    after = judge("oof-rule", with_rule(**{field: wanted}))
    assert isinstance(after, Compliant)
    assert field in after.equal, "that it was taken off could not be proven"


def test_what_every_rule_has_set_is_neither_condition_nor_action():
    every = {
        "DlpPolicyId": "00000000-0000-0000-0000-000000000000",
        "RecipientAddressType": "Resolved",
        "RegexSize": 12,
        "RuleErrorAction": "Ignore",
        "RuleSubType": "None",
        "SenderAddressLocation": "Header",
        "SetAuditSeverity": "Low",
        "UseLegacyRegex": True,
    }
    assert judge("oof-rule", with_rule(**every)) == Compliant()


@pytest.mark.parametrize(
    ("field", "found"),
    [
        ("SenderADAttributeContainsWords", ["Department:Sales"]),
        ("AnyOfToHeaderMemberOf", ["sales@northwindlegal.example"]),
        ("AttachmentNameMatchesPatterns", ["invoice"]),
        ("PrependSubject", "[Away] "),
        ("ApplyHtmlDisclaimerText", "<p>Buy now</p>"),
        ("PropertyOfNextYear", True),
    ],
)
def test_a_term_of_another_name_is_a_persons_to_judge_and_keeps_nothing_else_from_being_put_back(field, found):
    judgement = judge("oof-rule", with_rule(**{field: found}))
    assert isinstance(judgement, NeedsPerson)
    [finding] = judgement.findings
    beside = judge("oof-rule", with_rule(**{field: found, "MessageTypeMatches": None}))
    assert isinstance(beside, Drifted)
    assert [dict(step.parameters) for step in beside.steps] == [{"Identity": RULE, "MessageTypeMatches": "OOF"}]
    asked = replace(wanted(), inventory=wanted().inventory.without(finding.id))
    removing = CATALOGUE["oof-rule"].find(Facts(reading(with_rule(**{field: found}))), asked)
    assert isinstance(removing, Drifted)
    off = False if found is True else None
    assert [(dict(each.parameters), each.removes) for each in removing.steps] == [
        ({"Identity": RULE, field: off}, (finding.id,))
    ]
    after = judge("oof-rule", with_rule(**{field: off}))
    assert isinstance(after, Compliant)
    assert field in after.equal, "that it was taken off could not be proven"


def test_a_rule_that_lost_its_connector_is_routed_again():
    judgement = judge("oof-rule", with_rule(RouteMessageOutboundConnector=None))
    assert isinstance(judgement, Drifted)
    assert judgement.drift == (Drift("RouteMessageOutboundConnector", CONNECTOR, None),)


def test_a_rule_that_lost_its_condition_is_known_by_name():
    judgement = judge("oof-rule", with_rule(MessageTypeMatches=None))
    assert isinstance(judgement, Drifted)
    assert judgement.drift == (Drift("MessageTypeMatches", "OOF", None),)


GATEWAY = {
    "Identity": "Gateway",
    "Name": "Gateway",
    "Guid": "2",
    "Enabled": True,
    "ConnectorType": "Partner",
    "UseMXRecord": False,
    "IsTransportRuleScoped": True,
    "TlsSettings": "EncryptionOnly",
}


@pytest.mark.parametrize(
    "fields", [{"Name": "HR", "Identity": "HR", "FromScope": "InOrganization"}, {"Name": "HR", "Identity": "HR"}]
)
def test_somebody_elses_rule_and_gateway_are_left_alone(fields):
    """Another rule for automatic replies may route to a gateway: neither is ours, so a person is told, no more."""
    rows = healthy()
    rows["Get-OutboundConnector"].append(GATEWAY)
    rows["Get-TransportRule"].append(
        rows["Get-TransportRule"][0] | fields | {"RouteMessageOutboundConnector": "Gateway"}
    )
    assert judge("oof-connector", rows) == Compliant()
    judgement = judge("oof-rule", rows)
    assert isinstance(judgement, NeedsPerson)
    assert "'HR', which takes them another way" in judgement.todo


def test_our_rule_that_was_pointed_at_a_gateway_is_pointed_back_and_the_gateway_left_alone():
    rows = with_rule(RouteMessageOutboundConnector="Gateway")
    rows["Get-OutboundConnector"].append(GATEWAY)
    assert judge("oof-connector", rows) == Compliant()
    judgement = judge("oof-rule", rows)
    assert isinstance(judgement, Drifted)
    assert judgement.drift == (Drift("RouteMessageOutboundConnector", CONNECTOR, "Gateway"),)


def test_a_renamed_rule_is_known_by_what_it_does():
    assert judge("oof-rule", with_rule(Name="OOF rule", Identity="OOF rule")) == Compliant()


def test_a_rule_of_another_name_that_does_more_is_not_ours():
    judgement = judge("oof-rule", with_rule(Name="HR", Identity="HR", BlindCopyTo=["hr@northwindlegal.example"]))
    assert isinstance(judgement, Drifted)
    assert [step.cmdlet for step in judgement.steps] == ["New-TransportRule"]


def test_a_renamed_rule_that_also_does_what_we_do_not_judge_is_ours_still():
    judgement = judge("oof-rule", with_rule(Name="OOF", Identity="OOF", PrependSubject="[Away] "))
    assert isinstance(judgement, NeedsPerson)
    assert [finding.control for finding in judgement.findings] == ["oof-rule"]


def test_a_missing_rule_is_made_for_the_connector_that_will_be_there():
    rows = healthy() | {"Get-OutboundConnector": [], "Get-TransportRule": []}
    assert judge("oof-rule", rows) == Drifted(
        (Drift("Name", RULE, None),),
        (
            Step(
                "exchange",
                "New-TransportRule",
                {
                    "Name": RULE,
                    "MessageTypeMatches": "OOF",
                    "RouteMessageOutboundConnector": CONNECTOR,
                    "Mode": "Enforce",
                    "Enabled": True,
                },
            ),
        ),
    )


def test_two_rules_are_left_to_a_person():
    rows = healthy()
    rows["Get-TransportRule"].append(rows["Get-TransportRule"][0] | {"Name": "Second", "Identity": "Second"})
    judgement = judge("oof-rule", rows)
    assert isinstance(judgement, NeedsPerson)
    assert "'Second'" in judgement.todo


def beside(*others, ours=(1, {}), **remote):
    """The healthy tenant with *others*, each a rule of its own priority, and its remote domain changed."""
    rows = healthy()
    plain = rows["Get-TransportRule"][0] | {"MessageTypeMatches": None, "RouteMessageOutboundConnector": None}
    made = [plain | {"Identity": "X", "Name": "X"} | fields for fields in others]
    rows["Get-TransportRule"] = [rows["Get-TransportRule"][0] | {"Priority": ours[0]} | ours[1], *made]
    rows["Get-RemoteDomain"][0] |= remote
    return rows


FIRST, LAST = {"Priority": 0}, {"Priority": 2}
TASKS = "Microsoft.Exchange.MessagingPolicies.Rules.Tasks."
STOPPED = [
    (beside(FIRST | {"DeleteMessage": True}), "rule 'X', which deletes them"),
    (beside(LAST | {"RejectMessageReasonText": "no"}), "rule 'X', which rejects them"),
    (beside(FIRST | {"StopRuleProcessing": True}), "rule 'X', which stops the rules after it"),
    (beside(LAST | {"RouteMessageOutboundConnector": "Smart host"}), "rule 'X', which takes them another way"),
    (beside(LAST | {"Quarantine": True, "MessageTypeMatches": "OOF", "From": ["ann"]}), "'X', which quarantines them"),
    (beside(FIRST | {"ModerateMessageByManager": True}), "rule 'X', which has them moderated"),
    (beside(FIRST | {"DeleteMessage": True, "SenderDomainIs": ["NorthwindLegal.example"]}), "'X', which deletes them"),
    (
        beside(FIRST | {"DeleteMessage": True, "SubjectMatchesPatterns": ["^Automatic reply:"]}),
        "'X', which deletes them",
    ),
    (
        beside(FIRST | {"DeleteMessage": True, "Conditions": [f"{TASKS}SentToScopePredicate"]}),
        "'X', which deletes them",
    ),
    (beside(AllowedOOFType="None"), "remote domain 'Default' ('*'), whose AllowedOOFType is 'None'"),
    (beside(AllowedOOFType="InternalLegacy"), "whose AllowedOOFType is 'InternalLegacy'"),
    (beside(AutoReplyEnabled=False), "whose AutoReplyEnabled is off, which may stop them"),
]


@pytest.mark.parametrize(("rows", "name"), STOPPED)
def test_what_else_stops_automatic_replies_is_named_and_nothing_is_written(rows, name):
    judgement = judge("oof-rule", rows)
    assert isinstance(judgement, NeedsPerson)
    assert judgement.todo.startswith("automatic replies are overridden by ")
    assert name in judgement.todo


@pytest.mark.parametrize(
    "rows",
    [
        beside(FIRST | {"DeleteMessage": True, "State": "Disabled"}),
        beside(FIRST | {"DeleteMessage": True, "Mode": "Audit"}),
        beside(FIRST | {"DeleteMessage": True, "FromScope": "NotInOrganization"}),
        beside(FIRST | {"DeleteMessage": True, "SubjectContainsWords": ["card number"]}),
        beside(FIRST | {"DeleteMessage": True, "SenderDomainIs": ["other.example"]}),
        beside(FIRST | {"DeleteMessage": True, "Conditions": [f"{TASKS}AttachmentExtensionMatchesWordsPredicate"]}),
        beside(FIRST | {"RouteMessageOutboundConnector": "Smart host", "ExceptIfMessageTypeMatches": "OOF"}),
        beside(LAST | {"StopRuleProcessing": True}),
        beside(LAST | {"DeleteMessage": True}, ours=(1, {"StopRuleProcessing": True})),
        beside(FIRST | {"RouteMessageOutboundConnector": CONNECTOR, "PrependSubject": "x", "From": ["ann"]}),
        beside(FIRST | {"RouteMessageOutboundConnector": GUID.upper(), "PrependSubject": "x"}),
        beside(AllowedOOFType="ExternalLegacy"),
    ],
)
def test_what_does_not_stop_them_is_not_named(rows):
    assert judge("oof-rule", rows) == Compliant()


def test_a_look_of_the_fast_lane_takes_back_nothing_that_a_whole_one_has_told():
    control = CATALOGUE["oof-rule"]
    rows = beside(AllowedOOFType="None")
    fast = Facts({query: seen for query, seen in reading(rows).items() if query.cmdlet != "Get-RemoteDomain"})
    whole, look = (Look(control, "correct", NOW, NOW, lane=lane) for lane in (None, "fast"))
    told = after_check(ControlState(id="oof-rule"), control.find(Facts(reading(rows)), wanted()), whole)
    assert told.state == "needs_person"
    judged = control.find(fast, wanted())
    assert judged == Compliant()
    assert after_check(told, judged, look) == told
    unread = after_check(told, Unknown("no consent"), look)
    assert after_check(unread, judged, look) == unread
    unread = after_check(told, Unknown("no consent"), whole)
    assert after_check(unread, judged, look) == unread
    for before in (ControlState(id="oof-rule"), ControlState(id="oof-rule", state="drifted", since=NOW)):
        assert after_check(before, judged, look).state == "compliant"
    unread = after_check(ControlState(id="oof-rule"), Unknown("throttled"), look)
    assert after_check(unread, judged, look).state == "compliant", "a partial look takes back what a partial one told"
    assert control.read_at(fast) == NOW
    assert isinstance(control.find(Facts(failing(healthy(), "Get-RemoteDomain")), wanted()), Unknown)
