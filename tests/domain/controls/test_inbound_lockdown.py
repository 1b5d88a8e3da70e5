import pytest

from domain.control import Compliant, Drift, Drifted, Facts, NeedsPerson
from domain.controls.inbound_lockdown import has_lock
from domain.profile import Profile
from domain.steps import Step, Value
from domain.tenant import Wanted
from tests.domain.builders import healthy, judge, reading, wanted

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
                {"Identity": "ExchangeDefender", field: not found, "Comment": NEW["Comment"]},
            ),
        ),
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
    assert judge("inbound-lockdown", connector(healthy(), **spelling)) == Compliant()


def test_a_renamed_connector_is_found_by_its_content_and_gets_no_twin():
    judgement = judge("inbound-lockdown", connector(healthy(), Name="Filter", Identity="Filter", Enabled=False))
    assert isinstance(judgement, Drifted)
    assert [step.cmdlet for step in judgement.steps] == ["Set-InboundConnector"]
    assert judgement.steps[0].parameters["Identity"] == "Filter"


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
    assert judge("inbound-lockdown", rows) == Compliant()


def test_the_command_line_form_is_kept_where_the_tenant_asks_for_it():
    rows = connector(healthy(), ConnectorType="OnPremises", SenderDomains=["smtp:contoso.com;1"])
    assert judge("inbound-lockdown", rows, overrides={"connector_form": "as_command_line"}) == Compliant()


def test_the_command_line_form_is_made_as_the_guides_line_has_it():
    rows = healthy() | {"Get-InboundConnector": []}
    judgement = judge("inbound-lockdown", rows, overrides={"connector_form": "as_command_line"})
    assert isinstance(judgement, Drifted)
    assert judgement.steps[0].parameters["ConnectorType"] == "OnPremises"


def test_a_partner_connector_beside_the_command_line_form_is_told():
    judgement = judge("inbound-lockdown", healthy(), overrides={"connector_form": "as_command_line"})
    assert isinstance(judgement, Drifted)
    assert "is of type Partner" in judgement.detail


def test_a_lock_that_is_scoped_leaves_the_other_domains_open_and_is_told():
    rows = connector(healthy(), AssociatedAcceptedDomains=["other.example"])
    judgement = judge("inbound-lockdown", rows)
    assert isinstance(judgement, NeedsPerson)
    assert "leaves northwindlegal.example open" in judgement.todo


def test_a_scope_that_holds_every_domain_is_no_hole():
    rows = connector(healthy(), AssociatedAcceptedDomains=["northwindlegal.example"])
    assert judge("inbound-lockdown", rows) == Compliant()


def test_a_declared_service_in_the_filters_own_range_is_not_the_lock():
    relay = {"name": "IoT relay", "sender_ips": ["65.99.255.9"]}
    rows = connector(healthy(), Name="IoT relay", Identity="IoT relay", SenderIPAddresses=["65.99.255.9"])
    judgement = judge("inbound-lockdown", rows, service_connectors=[relay])
    assert isinstance(judgement, Drifted)
    assert [step.cmdlet for step in judgement.steps] == ["New-InboundConnector"]
    both = healthy()
    both["Get-InboundConnector"] += rows["Get-InboundConnector"]
    assert judge("inbound-lockdown", both, service_connectors=[relay]) == Compliant()


def test_whether_somebody_took_the_guides_step_is_told_by_the_lock_or_by_what_the_filter_is_known_by():
    rows = healthy()
    assert has_lock(Facts(reading(rows)), wanted())
    rows["Get-InboundConnector"][0] |= {"Enabled": False}
    assert has_lock(Facts(reading(rows)), wanted())
    bare = Profile(id="x", version="1", name="Another Filter", guide="https://filter.example", sources={})
    assert not has_lock(Facts(reading(rows)), Wanted(wanted().tenant, bare))
