from dataclasses import replace
from datetime import timedelta

import pytest

from domain.corrections import LOST_PATIENCE
from domain.exemption import Exemption
from domain.facts import DoubtError, Facts
from domain.ledger import Entry
from domain.steps import ShownStep, Step
from domain.way_out import PendingClose, closing, of_others, opening, stays_open
from tests.domain.builders import NOW, TENANT_ID, healthy, reading, wanted

MINUTE = timedelta(minutes=1)
LOCK = "inbound-lockdown"


def facts(**changed):
    rows = healthy()
    rows["Get-InboundConnector"].append({**rows["Get-InboundConnector"][0], **changed})
    return Facts(reading(rows))


def test_a_connector_that_restricts_by_certificate_is_loosened_and_closed_again_by_it():
    seen = facts(
        Identity="Old", Name="Old", SenderIPAddresses=[], RestrictDomainsToIPAddresses=False,
        RestrictDomainsToCertificate=True, TlsSenderCertificateName="mail.partner.example",
    )  # fmt: skip
    plan = opening(seen)
    assert plan is not None
    assert [step.powershell for step in plan.steps] == [
        "Set-InboundConnector -Identity 'ExchangeDefender' -RestrictDomainsToIPAddresses $false",
        "Set-InboundConnector -Identity 'Old' -RestrictDomainsToCertificate $false",
    ]
    [finding] = of_others(seen, wanted())
    assert (finding.name, finding.value) == ("Old", "mail.partner.example")
    assert "-RestrictDomainsToCertificate $true" in finding.lets_in


def test_where_nothing_restricts_there_is_nothing_to_loosen():
    rows = healthy()
    for row in rows["Get-InboundConnector"]:
        row["RestrictDomainsToIPAddresses"] = False
    assert opening(Facts(reading(rows))) is None
    assert of_others(Facts(reading(rows)), wanted()) == ()


CLOSE = Step("exchange", "Set-InboundConnector", {"Identity": "ExchangeDefender", "RestrictDomainsToIPAddresses": True})
TAGGED = Step("exchange", "Set-InboundConnector", {"Identity": "ExchangeDefender", "Comment": "x"})
GONE = Step("exchange", "Set-InboundConnector", {"Identity": "Gone", "RestrictDomainsToIPAddresses": True})
MAKE = Step(
    "exchange",
    "New-InboundConnector",
    {
        "Name": "Scanner",
        "SenderDomains": ("*",),
        "SenderIPAddresses": ("198.51.100.7",),
        "RestrictDomainsToIPAddresses": True,
    },
)
RULE = Step("exchange", "New-TransportRule", {"Name": "x"})


def said(event, *steps, ago=2 * MINUTE, of=""):
    shown = tuple(map(ShownStep.of, steps))
    return Entry(at=NOW - ago, tenant_id=TENANT_ID, control=LOCK, event=event, steps=shown, of=of)


def open_facts(**changed):
    rows = healthy()
    rows["Get-InboundConnector"][0] |= {"RestrictDomainsToIPAddresses": False} | changed
    return Facts(reading(rows))


def lately(*entries, seen=None):
    return closing(entries, seen or open_facts(), NOW, NOW)


def names(found):
    return [each.name for each in found.connectors]


@pytest.mark.parametrize(("step", "name"), [(CLOSE, "ExchangeDefender"), (MAKE, "Scanner")])
def test_a_close_that_does_not_show_yet_is_loosened_and_waited_for(step, name):
    applying = said("applying", step)
    found = lately(applying, said("applying", RULE, TAGGED, GONE))
    assert (names(found), found.last_at) == ([name], applying.at + LOST_PATIENCE)
    plan = opening(open_facts(), found.connectors)
    assert plan is not None
    assert [each.powershell for each in plan.steps] == [
        f"Set-InboundConnector -Identity '{name}' -RestrictDomainsToIPAddresses $false"
    ]


def test_a_connector_that_is_being_enabled_is_loosened_by_what_it_restricts():
    enable = Step("exchange", "Set-InboundConnector", {"Identity": "ExchangeDefender", "Enabled": True})
    seen = open_facts(Enabled=False, RestrictDomainsToIPAddresses=True)
    found = lately(said("applying", enable), seen=seen)
    assert (names(found), found.last_at) == (["ExchangeDefender"], NOW - 2 * MINUTE + LOST_PATIENCE)
    # Loosened, as a look has shown, it may be enabled.
    assert lately(said("applying", enable), seen=open_facts(Enabled=False)).last_at is None


def test_two_writes_that_close_only_together_are_waited_for_together():
    enable = Step("exchange", "Set-InboundConnector", {"Identity": "ExchangeDefender", "Enabled": True})
    found = lately(said("applying", CLOSE, ago=4 * MINUTE), said("applying", enable), seen=open_facts(Enabled=False))
    assert (names(found), found.last_at) == (["ExchangeDefender"], NOW - 2 * MINUTE + LOST_PATIENCE)
    alone = lately(said("applying", CLOSE), seen=open_facts(Enabled=False))
    assert alone == PendingClose((), None, alone.shows_by)


def test_a_close_that_shows_is_loosened_once_and_one_that_was_lost_before_it_is_waited_for():
    applying = said("applying", CLOSE)
    seen = open_facts(RestrictDomainsToIPAddresses=True)
    assert lately(applying, seen=seen) == PendingClose((), applying.at + LOST_PATIENCE, applying.at + LOST_PATIENCE)


@pytest.mark.parametrize(
    ("applying", "proof"),
    [
        (said("applying", CLOSE), said("corrected", CLOSE, ago=MINUTE, of=said("applying").id)),
        (said("undoing", CLOSE, of="x"), said("undone", ago=MINUTE, of="x")),
    ],
)
def test_a_close_that_was_proven_is_loosened_where_a_replica_lags_and_not_waited_for(applying, proof):
    found = lately(applying, proof)
    assert (names(found), found.last_at) == (["ExchangeDefender"], None)
    for other in (replace(proof, of="y"), replace(proof, at=NOW + MINUTE)):
        assert lately(applying, other).last_at


def test_a_proof_of_another_step_of_the_plan_proves_nothing():
    proof = said("corrected", TAGGED, ago=MINUTE, of=said("applying").id)
    assert lately(said("applying", CLOSE, TAGGED), proof).last_at


def test_what_was_written_long_ago_is_as_it_shows():
    assert lately(said("applying", CLOSE, ago=LOST_PATIENCE)) == PendingClose()


def test_what_would_be_an_odd_connector_is_a_doubt():
    odd = Step("exchange", "Set-InboundConnector", {"Identity": "ExchangeDefender", "RequireTls": "perhaps"})
    with pytest.raises(DoubtError, match="odd connector"):
        lately(said("applying", odd))


def test_an_opening_says_what_is_not_put_back_at_its_end_and_until_when():
    until = NOW + timedelta(hours=4)
    held = Exemption(reason="outage", owner="bob", until=until, held_open_until=until)
    longer = Exemption(reason="outage", owner="bob", until=NOW + timedelta(days=90), held_open_until=until)
    assert stays_open(until, {"inbound-lockdown": held, "service-connectors": held}) == ""
    assert stays_open(until, {"inbound-lockdown": longer, "service-connectors": held}) == (
        "NOT put back at 2026-11-23 16:00:00 UTC, as an exception lasts longer: "
        "inbound-lockdown until 2027-02-21 12:00:00 UTC"
    )
