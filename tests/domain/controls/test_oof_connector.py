import pytest

from domain.control import Compliant, Drift, Drifted, NeedsPerson
from domain.steps import Step
from tests.domain.builders import healthy, judge

CONNECTOR = "Automatic Replies (Out of Office) Only"


def with_connector(**fields):
    rows = healthy()
    rows["Get-OutboundConnector"][0] |= fields
    return rows


@pytest.mark.parametrize(
    ("field", "wanted", "found"),
    [
        ("Enabled", True, False),
        ("ConnectorType", "Partner", "OnPremises"),
        ("UseMXRecord", True, False),
        ("IsTransportRuleScoped", True, False),
        ("TestMode", False, True),
        ("TlsSettings", "CertificateValidation", None),
    ],
)
def test_a_changed_connector_setting_is_put_back(field, wanted, found):
    assert judge("oof-connector", with_connector(**{field: found})) == Drifted(
        (Drift(field, wanted, found),),
        (Step("exchange", "Set-OutboundConnector", {"Identity": CONNECTOR, field: wanted}),),
    )


def test_another_setting_that_enforces_tls_is_left_alone():
    assert judge("oof-connector", with_connector(TlsSettings="EncryptionOnly")) == Compliant()


def test_a_missing_connector_is_made_as_the_wizard_does():
    rows = healthy() | {"Get-OutboundConnector": [], "Get-TransportRule": []}
    assert judge("oof-connector", rows) == Drifted(
        (Drift("Name", CONNECTOR, None),),
        (
            Step(
                "exchange",
                "New-OutboundConnector",
                {
                    "Name": CONNECTOR,
                    "ConnectorType": "Partner",
                    "UseMXRecord": True,
                    "IsTransportRuleScoped": True,
                    "TlsSettings": "CertificateValidation",
                    "Enabled": True,
                },
            ),
        ),
    )


def test_a_renamed_connector_is_known_by_the_rule_that_routes_to_it():
    rows = with_connector(Name="OOF", Identity="OOF", Enabled=False)
    rows["Get-TransportRule"][0]["RouteMessageOutboundConnector"] = "OOF"
    judgement = judge("oof-connector", rows)
    assert isinstance(judgement, Drifted)
    assert judgement.steps[0].parameters["Identity"] == "OOF"
    assert judge("oof-rule", rows) == Compliant()


def test_a_renamed_connector_without_a_rule_is_taken_only_when_nothing_must_be_written():
    rows = with_connector(Name="OOF", Identity="OOF") | {"Get-TransportRule": []}
    assert judge("oof-connector", rows) == Compliant()
    judgement = judge("oof-rule", rows)
    assert isinstance(judgement, Drifted)
    assert judgement.steps[0].parameters["RouteMessageOutboundConnector"] == "OOF"
    rows["Get-OutboundConnector"][0]["Enabled"] = False
    made = judge("oof-connector", rows)
    assert isinstance(made, Drifted)
    assert made.steps[0].cmdlet == "New-OutboundConnector"


def test_two_connectors_are_left_to_a_person_and_so_is_the_rule():
    rows = with_connector(Name=CONNECTOR.upper(), Identity="x")
    other = rows["Get-OutboundConnector"][0] | {"Name": CONNECTOR, "Identity": "y", "Guid": "1"}
    rows["Get-OutboundConnector"].append(other)
    assert isinstance(judge("oof-connector", rows), NeedsPerson)
    assert isinstance(judge("oof-rule", rows), NeedsPerson)


def test_domain_validation_is_taken_back_with_its_domain():
    judgement = judge("oof-connector", with_connector(TlsSettings="DomainValidation", TlsDomain="contoso.com"))
    assert isinstance(judgement, Drifted)
    assert {drift.field for drift in judgement.drift} == {"TlsSettings", "TlsDomain"}
