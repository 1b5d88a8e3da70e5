from dataclasses import replace

from domain.control import Compliant, Drift, Drifted, NeedsPerson, NotApplicable
from domain.controls import CATALOGUE
from domain.facts import Facts
from domain.steps import Step
from tests.domain.builders import PROVEN, healthy, judge, reading, wanted

CONTROL = CATALOGUE["service-connectors"]

SCANNER = {"name": "Scanner", "sender_ips": ["203.0.113.7"]}
FORMS = {"name": "Forms", "certificate": "*.forms.example"}


def listed(**fields):
    rows = healthy()
    rows["Get-InboundConnector"].append(
        rows["Get-InboundConnector"][0]
        | {
            "Name": "Scanner",
            "Identity": "Scanner",
            "SenderIPAddresses": ["203.0.113.7"],
            "RestrictDomainsToIPAddresses": False,
        }
        | fields
    )
    return rows


def test_a_tenant_that_declares_none_is_not_concerned():
    assert isinstance(judge("service-connectors", listed()), NotApplicable)


def test_a_declared_connector_that_is_there_is_compliant():
    assert judge("service-connectors", listed(), service_connectors=[SCANNER]) == Compliant()


def test_a_disabled_one_is_enabled():
    assert judge("service-connectors", listed(Enabled=False), service_connectors=[SCANNER]) == Drifted(
        (Drift("Scanner: Enabled", wanted=True, found=False),),
        (Step("exchange", "Set-InboundConnector", {"Identity": "Scanner", "Enabled": True}),),
    )


def test_a_missing_one_is_made_and_never_restricts():
    judgement = judge("service-connectors", healthy(), service_connectors=[SCANNER, FORMS])
    assert isinstance(judgement, Drifted)
    assert [dict(step.parameters) for step in judgement.steps] == [
        {
            "Name": "Scanner",
            "ConnectorType": "Partner",
            "SenderDomains": ("*",),
            "SenderIPAddresses": ("203.0.113.7/32",),
            "RequireTls": False,
            "Enabled": True,
        },
        {
            "Name": "Forms",
            "ConnectorType": "Partner",
            "SenderDomains": ("*",),
            "TlsSenderCertificateName": "*.forms.example",
            "RequireTls": True,
            "Enabled": True,
        },
    ]


def test_changed_addresses_are_put_back():
    judgement = judge("service-connectors", listed(SenderIPAddresses=["203.0.113.8"]), service_connectors=[SCANNER])
    assert isinstance(judgement, Drifted)
    assert judgement.drift == (Drift("Scanner: SenderIPAddresses", ("203.0.113.7/32",), ("203.0.113.8/32",)),)


def test_a_renamed_one_is_found_by_its_addresses():
    rows = listed(Name="MFP 2nd floor", Identity="MFP 2nd floor")
    assert judge("service-connectors", rows, service_connectors=[SCANNER]) == Compliant()


def test_a_certificate_is_compared_without_case_and_put_back_when_it_differs():
    rows = listed(Name="Forms", Identity="Forms", SenderIPAddresses=[], TlsSenderCertificateName="*.FORMS.example")
    assert judge("service-connectors", rows, service_connectors=[FORMS]) == Compliant()
    rows["Get-InboundConnector"][1]["TlsSenderCertificateName"] = "*.other.example"
    judgement = judge("service-connectors", rows, service_connectors=[FORMS])
    assert isinstance(judgement, Drifted)
    assert judgement.steps[0].parameters["TlsSenderCertificateName"] == "*.forms.example"


def test_two_for_one_service_are_left_to_a_person():
    rows = listed()
    rows["Get-InboundConnector"].append(rows["Get-InboundConnector"][1] | {"Name": "Old", "Identity": "Old"})
    judgement = judge("service-connectors", rows, service_connectors=[SCANNER])
    assert isinstance(judgement, NeedsPerson)
    assert "'Scanner' and 'Old'" in judgement.todo


def test_one_that_is_doubled_does_not_keep_another_from_being_made():
    rows = listed()
    rows["Get-InboundConnector"].append(rows["Get-InboundConnector"][1] | {"Name": "Old", "Identity": "Old"})
    judgement = judge("service-connectors", rows, service_connectors=[SCANNER, FORMS])
    assert isinstance(judgement, Drifted)
    assert [step.parameters["Name"] for step in judgement.steps] == ["Forms"]


def found_with(inventory, rows, *services):
    return CONTROL.find(Facts(reading(rows)), replace(wanted(service_connectors=services), inventory=inventory))


TWO = ["203.0.113.7", "203.0.113.8"]


def test_what_is_on_a_connector_that_was_not_proven_as_it_is_declared_now_is_a_finding_and_stays():
    judgement = found_with(replace(PROVEN, unsettled=frozenset({"Scanner"})), listed(SenderIPAddresses=TWO), SCANNER)
    assert isinstance(judgement, NeedsPerson)
    assert "203.0.113.8/32" in judgement.todo
    [finding] = judgement.findings
    assert (finding.kind, finding.service) == ("address", "Scanner")


def test_a_certificate_is_such_a_finding_too():
    rows = listed(Name="Forms", SenderIPAddresses=[], TlsSenderCertificateName="*.other.example")
    judgement = found_with(replace(PROVEN, unsettled=frozenset({"Forms"})), rows, FORMS)
    assert isinstance(judgement, NeedsPerson)
    assert [each.service for each in judgement.findings] == ["Forms"]


def test_while_another_that_was_proven_so_is_put_back():
    rows = listed(SenderIPAddresses=TWO)
    judgement = found_with(replace(PROVEN, unsettled=frozenset({"Forms"})), rows, SCANNER)
    assert isinstance(judgement, Drifted)
    assert judgement.drift == (Drift("Scanner: SenderIPAddresses", ("203.0.113.7/32",), ("203.0.113.7/32", "203.0.113.8/32")),)  # fmt: skip


def test_an_address_that_a_person_has_removed_goes_by_a_step_of_its_own():
    rows = listed(SenderIPAddresses=TWO, Enabled=False)
    first = found_with(replace(PROVEN, unsettled=frozenset({"Scanner"})), rows, SCANNER)
    assert isinstance(first, Drifted)
    [finding] = first.findings
    judgement = found_with(PROVEN.without(finding.id), rows, SCANNER)
    assert isinstance(judgement, Drifted)
    assert [(dict(step.parameters), step.removes) for step in judgement.steps] == [
        ({"Identity": "Scanner", "Enabled": True}, ()),
        ({"Identity": "Scanner", "SenderIPAddresses": ("203.0.113.7/32",)}, (finding.id,)),
    ]


def test_what_is_asked_is_told_apart_service_by_service():
    asked = CONTROL.asks(wanted(service_connectors=[SCANNER, FORMS]).tenant)
    assert asked.keys() == {"Scanner", "Forms"}
    narrower = CONTROL.asks(wanted(service_connectors=[SCANNER | {"sender_ips": TWO}, FORMS]).tenant)
    assert [name for name in asked if narrower[name] != asked[name]] == ["Scanner"]
    both = CONTROL.asks(wanted(service_connectors=[SCANNER, SCANNER | {"sender_ips": TWO}]).tenant)
    assert both.keys() == {"Scanner"}
    assert both != {"Scanner": asked["Scanner"]}
