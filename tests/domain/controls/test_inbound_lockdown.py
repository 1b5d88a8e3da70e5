from dataclasses import replace

import pytest

from domain.control import (
    Compliant,
    Drift,
    Drifted,
    NeedsPerson,
)
from domain.controls import CATALOGUE
from domain.controls.inbound_lockdown import HOW_TO_HOLD_OPEN, is_locked, is_wholly_locked, lock_seen
from domain.facts import Facts
from domain.findings import Inventory
from domain.guards import Guard
from domain.lock import LockSeen
from domain.steps import Step, Value
from domain.ways_round import ways_round
from tests.domain.builders import NOW, PROVEN, healthy, judge, reading, wanted
from tests.filters import OTHER, RANGE

FIRST = Inventory(begun=PROVEN.begun)
NEW: dict[str, Value] = {
    "ConnectorType": "Partner",
    "SenderDomains": ("*",),
    "SenderIPAddresses": ("65.99.255.0/24",),
    "RequireTls": True,
    "RestrictDomainsToIPAddresses": True,
    "CloudServicesMailEnabled": False,
    "Enabled": True,
    "Comment": "ExchangeDefender Inbound connector for 65.99.255.0/24",
}
BOUNCES = (
    "while it is locked, mail sent straight to northwindlegal.onmicrosoft.com is refused, as its MX is Microsoft's"
)


def connector(rows, **fields):
    rows["Get-InboundConnector"][0] |= fields
    return rows


@pytest.mark.parametrize(
    ("field", "found"),
    [
        ("Enabled", False),
        ("RequireTls", False),
        ("RestrictDomainsToIPAddresses", False),
        ("CloudServicesMailEnabled", True),
    ],
)
def test_a_switch_that_was_turned_is_set_back_and_nothing_else(field, found):
    judgement = judge("inbound-lockdown", connector(healthy(), **{field: found}))
    assert judgement == Drifted(
        (Drift(field, wanted=not found, found=found),),
        (
            Step(
                "exchange",
                "Set-InboundConnector",
                {"Identity": "ExchangeDefender", field: not found},
            ),
        ),
        f"{BOUNCES}; {HOW_TO_HOLD_OPEN}" if field in {"Enabled", "RestrictDomainsToIPAddresses"} else BOUNCES,
    )


def test_an_added_address_is_a_hole_and_is_taken_out():
    judgement = judge("inbound-lockdown", connector(healthy(), SenderIPAddresses=["65.99.255.0/24", "203.0.113.7"]))
    assert isinstance(judgement, Drifted)
    assert judgement.drift == (Drift("SenderIPAddresses", ("65.99.255.0/24",), ("203.0.113.7/32", "65.99.255.0/24")),)
    assert judgement.steps[0].parameters["SenderIPAddresses"] == ("65.99.255.0/24",)


def test_a_narrowed_sender_domain_is_widened_to_everyone():
    judgement = judge("inbound-lockdown", connector(healthy(), SenderDomains=["smtp:contoso.com;1"]))
    assert isinstance(judgement, Drifted)
    assert judgement.drift == (Drift("SenderDomains", ("*",), ("contoso.com",)),)


@pytest.mark.parametrize(
    "spelling",
    [
        {"SenderDomains": ["*"]},
        {"SenderDomains": ["SMTP:*;5"]},
        {"SenderIPAddresses": ["65.99.255.77/24"]},
        {"AssociatedAcceptedDomains": None},
        {"Comment": "changed by an admin"},
        {"Comment": None},
        {"Name": "Exchange\u200bDefender ", "Identity": "Exchange\u200bDefender "},
        {"Name": "Our mail filter", "Identity": "Our mail filter"},
    ],
    ids=lambda fields: str(sorted(fields)),
)
def test_another_spelling_is_not_drift(spelling):
    assert isinstance(judge("inbound-lockdown", connector(healthy(), **spelling)), Compliant)


def test_a_renamed_connector_is_found_by_its_content_and_gets_no_twin():
    judgement = judge("inbound-lockdown", connector(healthy(), Name="Filter", Identity="Filter", Enabled=False))
    assert isinstance(judgement, Drifted)
    assert [step.cmdlet for step in judgement.steps] == ["Set-InboundConnector"]
    assert judgement.steps[0].parameters["Identity"] == "Filter"


def test_a_connector_with_the_ranges_of_another_version_is_changed_and_no_way_round():
    other = wanted()
    moved = replace(other, profile=OTHER, others=(other.profile,))
    rows = connector(healthy(), Name="Filter", Identity="Filter")
    facts = Facts(reading(rows))
    judgement = CATALOGUE["inbound-lockdown"].find(facts, moved)
    assert isinstance(judgement, Drifted)
    assert [(step.cmdlet, step.parameters["SenderIPAddresses"]) for step in judgement.steps] == [
        ("Set-InboundConnector", (RANGE,))
    ]
    assert ways_round(facts, moved) == ()
    assert ways_round(facts, replace(moved, others=())) != ()


def test_a_connector_found_by_name_gets_its_addresses_back():
    judgement = judge("inbound-lockdown", connector(healthy(), SenderIPAddresses=["203.0.113.0/24"]))
    assert isinstance(judgement, Drifted)
    assert judgement.steps[0].cmdlet == "Set-InboundConnector"


def test_two_that_look_like_ours_are_left_to_a_person():
    rows = healthy()
    rows["Get-InboundConnector"].append(rows["Get-InboundConnector"][0] | {"Name": "Copy", "Identity": "Copy"})
    judgement = judge("inbound-lockdown", rows)
    assert isinstance(judgement, NeedsPerson)
    assert "'ExchangeDefender' and 'Copy'" in judgement.todo


def test_a_missing_connector_is_made_as_the_portal_path_locks():
    rows = healthy() | {"Get-InboundConnector": []}
    assert judge("inbound-lockdown", rows) == Drifted(
        (Drift("Name", "ExchangeDefender", None),),
        (Step("exchange", "New-InboundConnector", {"Name": "ExchangeDefender"} | NEW),),
        BOUNCES,
    )


def test_somebody_elses_connector_is_not_ours():
    other = {"Name": "Printer", "Identity": "Printer", "SenderIPAddresses": ["203.0.113.7", "10.0.0.0-10.0.0.9"]}
    judgement = judge("inbound-lockdown", connector(healthy(), **other))
    assert isinstance(judgement, Drifted)
    assert [step.cmdlet for step in judgement.steps] == ["New-InboundConnector"]


def test_the_command_lines_connector_does_not_lock_so_a_partner_one_is_made_beside_it():
    judgement = judge("inbound-lockdown", connector(healthy(), ConnectorType="OnPremises"))
    assert isinstance(judgement, Drifted)
    assert judgement.steps == (Step("exchange", "New-InboundConnector", {"Name": "ExchangeDefender Partner"} | NEW),)
    assert "does not lock" in judgement.detail


def test_both_forms_may_stand_side_by_side():
    rows = connector(healthy(), ConnectorType="OnPremises")
    partner = rows["Get-InboundConnector"][0] | {"ConnectorType": "Partner", "Name": "Lock", "Identity": "Lock"}
    rows["Get-InboundConnector"].append(partner)
    assert isinstance(judge("inbound-lockdown", rows), Compliant)


def test_the_command_line_form_is_kept_where_the_tenant_asks_for_it():
    rows = connector(healthy(), ConnectorType="OnPremises", SenderDomains=["smtp:contoso.com;1"])
    assert isinstance(judge("inbound-lockdown", rows, overrides={"connector_form": "as_command_line"}), Compliant)


def test_the_command_line_form_is_made_as_the_guides_line_has_it():
    rows = healthy() | {"Get-InboundConnector": []}
    judgement = judge("inbound-lockdown", rows, overrides={"connector_form": "as_command_line"})
    assert isinstance(judgement, Drifted)
    assert judgement.steps[0].parameters["ConnectorType"] == "OnPremises"


def test_a_partner_connector_beside_the_command_line_form_is_told():
    judgement = judge("inbound-lockdown", healthy(), overrides={"connector_form": "as_command_line"})
    assert isinstance(judgement, Drifted)
    assert "is of type Partner" in judgement.detail


SCOPED = {"AssociatedAcceptedDomains": ["other.example"]}


@pytest.mark.parametrize(
    "inventory",
    [FIRST, replace(FIRST, lock=LockSeen(NOW, scope=())), PROVEN],
    ids=["at first sight", "first sight after a week", "beside a state whose scope is not known"],
)
def test_a_scope_that_leaves_a_domain_open_is_a_finding_and_is_not_written_unasked(inventory):
    judgement = find(connector(healthy(), **SCOPED), inventory)
    assert isinstance(judgement, NeedsPerson)
    [finding] = judgement.findings
    assert (finding.kind, finding.value) == ("term", "AssociatedAcceptedDomains leaves open: northwindlegal.example")
    assert finding.sentence in judgement.todo


@pytest.mark.parametrize("before", [(), ("northwindlegal.example", "other.example")])
def test_one_that_came_up_beside_a_proven_lock_is_put_back_to_what_it_was(before):
    judgement = find(connector(healthy(), **SCOPED), replace(PROVEN, lock=LockSeen(NOW, scope=before)))
    assert isinstance(judgement, Drifted)
    [step] = judgement.steps
    assert step.parameters == {"Identity": "ExchangeDefender", "AssociatedAcceptedDomains": before}
    assert judgement.findings == ()
    assert HOW_TO_HOLD_OPEN in judgement.detail


def test_a_new_domain_beside_a_scope_that_was_proven_is_a_finding():
    proven = replace(PROVEN, lock=LockSeen(NOW, scope=("other.example",)))
    assert isinstance(find(connector(healthy(), **SCOPED), proven), NeedsPerson)


def test_a_declared_scope_is_as_wanted_until_it_leaves_one_more_domain_open():
    rows = connector(healthy(), **SCOPED)
    [finding] = _found(find(rows, FIRST))
    declared = replace(FIRST, declared=frozenset({finding.id}))
    assert isinstance(find(rows, declared), Compliant)
    rows["Get-AcceptedDomain"].append({"DomainName": "second.example", "DomainType": "Authoritative"})
    assert isinstance(find(rows, declared), NeedsPerson)


def test_a_scope_that_a_person_has_removed_is_taken_off_whole_by_a_step_of_its_own():
    rows = connector(healthy(), **SCOPED, Enabled=False)
    [finding] = _found(find(rows, FIRST))
    judgement = find(rows, FIRST.without(finding.id))
    assert isinstance(judgement, Drifted)
    switched, unscoped = judgement.steps
    assert switched.parameters == {"Identity": "ExchangeDefender", "Enabled": True}
    assert unscoped.parameters == {"Identity": "ExchangeDefender", "AssociatedAcceptedDomains": ()}
    assert unscoped.removes == (finding.id,)
    assert isinstance(find(connector(healthy(), AssociatedAcceptedDomains=[]), FIRST), Compliant)


@pytest.mark.parametrize(
    ("scope", "wholly"), [([], True), (["other.example"], False), (["northwindlegal.example", "other.example"], True)]
)
def test_a_scope_that_leaves_a_domain_open_tells_nothing_of_its_mx(scope, wholly):
    rows = connector(healthy(), AssociatedAcceptedDomains=scope)
    assert is_locked(Facts(reading(rows)))
    assert is_wholly_locked(Facts(reading(rows)), wanted()) is wholly
    rows["Get-AcceptedDomain"] = []
    assert is_wholly_locked(Facts(reading(rows)), wanted()) is (scope == [])


@pytest.mark.parametrize(
    ("addresses", "wholly"),
    [(["65.99.255.0/24", "203.0.113.7"], True), (["65.99.255.0/25"], False), (["203.0.113.0/24"], False), ([], False)],
)
def test_nor_does_a_lock_for_others_than_the_filter(addresses, wholly):
    facts = Facts(reading(connector(healthy(), SenderIPAddresses=addresses)))
    assert is_locked(facts)
    assert is_wholly_locked(facts, wanted()) is wholly


CERTIFIED = {"RestrictDomainsToCertificate": True, "TlsSenderCertificateName": "*.oldfilter.example"}
WITHOUT = {"RestrictDomainsToCertificate": False, "TlsSenderCertificateName": None}


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"Enabled": False},
        {"RequireTls": False},
        {"SenderIPAddresses": ["65.99.255.0/24", "203.0.113.7"]},
        {"TlsSenderCertificateName": None},
    ],
    ids=str,
)
def test_a_lock_that_asks_for_a_certificate_is_a_persons_and_is_neither_switched_on_nor_narrowed(fields):
    rows = connector(healthy(), **CERTIFIED | fields)
    judgement = find(rows, FIRST)
    assert isinstance(judgement, NeedsPerson)
    finding = judgement.findings[-1]
    name = "no name" if "TlsSenderCertificateName" in fields else "*.oldfilter.example"
    assert (finding.kind, finding.value) == ("term", f"RestrictDomainsToCertificate: {name}")
    assert finding.sentence in judgement.todo
    assert not is_wholly_locked(Facts(reading(rows)), wanted())


def test_declared_it_is_asked_about_no_more_and_is_still_no_proven_lock():
    rows = connector(healthy(), **CERTIFIED)
    [finding] = _found(find(rows, FIRST))
    declared = replace(wanted(), inventory=replace(FIRST, declared=frozenset({finding.id})))
    judgement = CATALOGUE["inbound-lockdown"].find(Facts(reading(rows)), declared)
    assert isinstance(judgement, NeedsPerson)
    assert finding.sentence not in judgement.todo
    seen = lock_seen(Facts(reading(rows)), declared, Guard(passed=True), NOW)
    assert seen is not None
    assert seen.against == judgement.todo
    rows = connector(rows, TlsSenderCertificateName="*.attacker.example")
    judgement = CATALOGUE["inbound-lockdown"].find(Facts(reading(rows)), declared)
    assert isinstance(judgement, NeedsPerson)
    assert "*.attacker.example" in judgement.todo


@pytest.mark.parametrize(
    ("fields", "step"),
    [
        ({}, {}),
        ({"Enabled": False}, {}),
        ({"TlsSenderCertificateName": None}, {"TlsSenderCertificateName": ...}),
        ({"RestrictDomainsToIPAddresses": False}, {"RestrictDomainsToIPAddresses": True}),
        ({"SenderIPAddresses": []}, {"SenderIPAddresses": ("65.99.255.0/24",)}),
        (
            {"SenderIPAddresses": ["203.0.113.7"]},
            {"SenderIPAddresses": ("203.0.113.7/32", "65.99.255.0/24")},
        ),
    ],
)
def test_removed_the_certificate_goes_whole_and_first_and_leaves_the_lock_by_address(fields, step):
    rows = connector(healthy(), **CERTIFIED | fields)
    finding = _found(find(rows, FIRST))[-1]
    judgement = find(rows, FIRST.without(finding.id))
    assert isinstance(judgement, Drifted)
    [taken] = judgement.steps
    values = {name: value for name, value in (WITHOUT | step).items() if value is not ...}
    assert taken.parameters == {"Identity": "ExchangeDefender"} | values
    assert taken.removes == (finding.id,)
    after = find(connector(healthy(), **fields | WITHOUT | {"RestrictDomainsToIPAddresses": True}), FIRST)
    assert isinstance(after, Compliant | Drifted)
    assert {"RestrictDomainsToCertificate", "TlsSenderCertificateName"} <= after.equal


def test_one_that_came_up_beside_a_proven_lock_is_drift_as_every_other_field():
    judgement = find(connector(healthy(), **CERTIFIED, Enabled=False), PROVEN)
    assert isinstance(judgement, Drifted)
    assert [step.parameters for step in judgement.steps] == [{"Identity": "ExchangeDefender"} | WITHOUT]
    assert judgement.findings == ()


def test_a_name_that_the_lock_does_not_ask_for_is_a_way_round_and_none_of_its_fields():
    rows = connector(healthy(), TlsSenderCertificateName="*.oldfilter.example")
    judgement = find(rows, FIRST)
    assert isinstance(judgement, Compliant)
    assert "TlsSenderCertificateName" not in judgement.equal


def find(rows, inventory):
    return CATALOGUE["inbound-lockdown"].find(Facts(reading(rows)), replace(wanted(), inventory=inventory))


def _found(judgement):
    assert isinstance(judgement, NeedsPerson | Drifted)
    return judgement.findings


def test_a_scope_that_leaves_a_domain_open_whose_mail_is_passed_on_is_a_hole_as_well():
    rows = connector(healthy(), AssociatedAcceptedDomains=["northwindlegal.example"])
    rows["Get-AcceptedDomain"].append({"DomainName": "relay.example", "DomainType": "InternalRelay"})
    [finding] = find(rows, FIRST).findings
    assert finding.value == "AssociatedAcceptedDomains leaves open: relay.example"
    assert not is_wholly_locked(Facts(reading(rows)), wanted())


def test_a_scope_that_holds_every_domain_is_no_hole():
    rows = connector(healthy(), AssociatedAcceptedDomains=["northwindlegal.example"])
    assert isinstance(judge("inbound-lockdown", rows), Compliant)


def test_a_declared_service_in_the_filters_own_range_is_not_the_lock():
    relay = {"name": "IoT relay", "sender_ips": ["65.99.255.9"]}
    rows = connector(healthy(), Name="IoT relay", Identity="IoT relay", SenderIPAddresses=["65.99.255.9"])
    judgement = judge("inbound-lockdown", rows, service_connectors=[relay])
    assert isinstance(judgement, Drifted)
    assert [step.cmdlet for step in judgement.steps] == ["New-InboundConnector"]
    both = healthy()
    both["Get-InboundConnector"] += rows["Get-InboundConnector"]
    assert isinstance(judge("inbound-lockdown", both, service_connectors=[relay]), Compliant)


@pytest.mark.parametrize("addresses", [["65.99.255.0/24"], ["65.99.255.0/24", "203.0.113.7"]])
@pytest.mark.parametrize("enabled", [True, False])
def test_a_service_that_is_declared_with_all_of_the_filters_range_takes_the_lock_from_nobody(addresses, enabled):
    relay = {"name": "IoT relay", "sender_ips": addresses}
    rows = connector(healthy(), SenderIPAddresses=addresses, Enabled=enabled)
    alone = judge("inbound-lockdown", rows)
    assert judge("inbound-lockdown", rows, service_connectors=[relay]) == alone
    made = judge("service-connectors", rows, service_connectors=[relay])
    assert isinstance(made, Drifted)
    assert [(step.cmdlet, step.parameters["Name"]) for step in made.steps] == [("New-InboundConnector", "IoT relay")]
    plain = {"Name": "IoT relay", "Identity": "IoT relay", "RestrictDomainsToIPAddresses": False}
    rows["Get-InboundConnector"] += connector(healthy(), SenderIPAddresses=addresses, **plain)["Get-InboundConnector"]
    assert judge("inbound-lockdown", rows, service_connectors=[relay]) == alone
    assert judge("service-connectors", rows, service_connectors=[relay]) == Compliant()


RELAYED = ["65.99.255.0/24", "203.0.113.0/24"]


@pytest.mark.parametrize(
    ("fields", "is_relays"),
    [
        ({}, True),
        ({"RestrictDomainsToIPAddresses": True}, False),
        ({"Name": "ExchangeDefender Partner"}, False),
        ({"SenderIPAddresses": ["65.99.255.0/24"]}, False),
    ],
)
def test_a_renamed_connector_of_a_service_with_more_than_the_filters_range_is_still_the_services(fields, is_relays):
    there = {"Name": "Relay (IoT)", "Identity": "Relay (IoT)", "SenderIPAddresses": RELAYED} | fields
    rows = healthy()
    renamed = connector(healthy(), **({"RestrictDomainsToIPAddresses": False} | there))
    rows["Get-InboundConnector"] += renamed["Get-InboundConnector"]
    relay = {"name": "Relay", "sender_ips": there["SenderIPAddresses"]}
    judged = [
        judge(control, rows, service_connectors=[relay]) for control in ("service-connectors", "inbound-lockdown")
    ]
    assert [isinstance(each, Compliant) for each in judged] == [is_relays, is_relays]


@pytest.mark.parametrize(
    ("fields", "locked"),
    [
        ({}, True),
        ({"Name": "IoT relay", "Identity": "IoT relay", "SenderIPAddresses": ["65.99.255.9"]}, True),
        ({"RestrictDomainsToIPAddresses": False, "RestrictDomainsToCertificate": True}, True),
        ({"Enabled": False}, False),
        ({"RestrictDomainsToIPAddresses": False}, False),
        ({"SenderDomains": ["smtp:partner.example;1"]}, False),
        ({"ConnectorType": "OnPremises"}, False),
    ],
)
def test_a_tenant_is_locked_by_any_connector_that_refuses_others_and_by_no_other(fields, locked):
    assert is_locked(Facts(reading(connector(healthy(), **fields)))) is locked


BOUNCES = (
    "while it is locked, mail sent straight to northwindlegal.onmicrosoft.com is refused, as its MX is Microsoft's"
)


@pytest.mark.parametrize("fields", [{}, {"Enabled": False}])
def test_what_the_lock_refuses_beside_is_told_before_it_closes_and_while_it_is_closed(fields):
    judgement = judge("inbound-lockdown", connector(healthy(), **fields))
    assert isinstance(judgement, Compliant | Drifted)
    assert judgement.detail.startswith(BOUNCES)


def test_the_form_that_refuses_nothing_is_not_said_to_refuse():
    rows = connector(healthy(), ConnectorType="OnPremises")
    judgement = judge("inbound-lockdown", rows, overrides={"connector_form": "as_command_line"})
    assert judgement == Compliant("")


PARTNER = {
    "Identity": "Partner",
    "Name": "Partner",
    "SenderDomains": ["smtp:partner.example;1"],
    "SenderIPAddresses": [],
    "RestrictDomainsToIPAddresses": False,
}


def beside(**fields):
    """The lock, off, and somebody else's connector beside it."""
    rows = connector(healthy(), Enabled=False)
    rows["Get-InboundConnector"].append(rows["Get-InboundConnector"][0] | {"Enabled": True} | PARTNER | fields)
    return rows


def test_a_connector_by_sender_domain_is_found_as_the_lock_would_refuse_its_mail():
    judgement = judge("inbound-lockdown", beside())
    assert isinstance(judgement, Drifted)
    [finding] = judgement.findings
    assert (finding.kind, finding.name, finding.value) == ("connector", "Partner", "partner.example")
    assert "is refused once it is locked" in judgement.todo
    assert [step.parameters["Identity"] for step in judgement.steps] == ["ExchangeDefender"]


@pytest.mark.parametrize(
    "fields",
    [
        {"SenderIPAddresses": ["203.0.113.7"]},
        {"TlsSenderCertificateName": "mx.partner.example"},
        {"ConnectorType": "OnPremises"},
        {"Enabled": False},
    ],
    ids=str,
)
def test_a_connector_whose_mail_comes_all_the_same_is_no_such_finding(fields):
    judgement = judge("inbound-lockdown", beside(**fields))
    assert isinstance(judgement, Drifted)
    assert judgement.findings == ()


def test_a_declared_connector_is_no_such_finding():
    declared = [{"name": "Partner", "sender_ips": ["203.0.113.7"]}]
    judgement = judge("inbound-lockdown", beside(), service_connectors=declared)
    assert isinstance(judgement, Drifted)
    assert judgement.findings == ()


@pytest.mark.parametrize("scope", ["B\u00dcCHER.example", "xn--bcher-kva.example"])
@pytest.mark.parametrize("listed", ["b\u00fccher.example", "XN--bcher-kva.example"])
def test_a_scope_holds_an_international_domain_in_either_spelling(scope, listed):
    rows = connector(healthy(), AssociatedAcceptedDomains=[scope, "northwindlegal.example"])
    rows["Get-AcceptedDomain"].append({"DomainName": listed, "DomainType": "Authoritative"})
    assert isinstance(find(rows, FIRST), Compliant)
    assert is_wholly_locked(Facts(reading(rows)), wanted())
