"""When a lock counts as proven: by the last good read, and by nothing less."""

from datetime import timedelta

import pytest

from domain.controls.inbound_lockdown import lock_seen
from domain.facts import Facts
from domain.guards import Guard
from domain.lock import OLDEST_PROOF, Doors, LockSeen
from tests.domain.builders import HEALTHY, NOW, failing, healthy, reading, wanted

PASSED, MOVED = Guard(passed=True), Guard(passed=False, reason="a.com: its MX was elsewhere")
UNREAD = Guard(passed=False, reason="a.com: its MX is unknown (SERVFAIL)", unread=True)
LOCK = HEALTHY["Get-InboundConnector"][0]


def seen(rows=None, closing=PASSED, **config):
    return lock_seen(Facts(reading(healthy() | (rows or {}))), wanted(**config), closing, NOW)


def lock(**fields):
    return {"Get-InboundConnector": [LOCK | fields]}


def test_a_lock_as_the_profile_wants_it_whose_mx_are_the_filters_is_proven():
    assert seen() == LockSeen(NOW, scope=())
    [domain] = [row["DomainName"] for row in HEALTHY["Get-AcceptedDomain"] if not row.get("InitialDomain")]
    assert seen(lock(AssociatedAcceptedDomains=[domain])) == LockSeen(NOW, scope=(domain,))


UNPROVEN = {
    "off": lock(Enabled=False),
    "loosened": lock(RestrictDomainsToIPAddresses=False),
    "for another sender": lock(SenderDomains=["smtp:partner.example;1"]),
    "with a stranger's address": lock(SenderIPAddresses=["65.99.255.0/24", "203.0.113.7"]),
    "for some domains": lock(AssociatedAcceptedDomains=["other.example"]),
    "gone": {"Get-InboundConnector": []},
}


@pytest.mark.parametrize("rows", UNPROVEN.values(), ids=UNPROVEN)
def test_any_other_lock_is_not(rows):
    said = seen(rows)
    assert said
    assert said.against
    assert seen(rows, UNREAD) == said


def test_the_form_that_refuses_nothing_proves_nothing():
    rows = lock(ConnectorType="OnPremises")
    said = seen(rows, overrides={"connector_form": "as_command_line"})
    assert said
    assert said.against == "the connector is of the form that refuses nothing"


@pytest.mark.parametrize(("network", "proven"), [("203.0.113.0/24", False), ("65.99.255.0/24", True)])
def test_beside_it_only_a_lock_for_the_filter_proves_something(network, proven):
    [ours] = lock(ConnectorType="OnPremises")["Get-InboundConnector"]
    beside = ours | {"Identity": "B", "Name": "B", "ConnectorType": "Partner", "SenderIPAddresses": [network]}
    said = seen({"Get-InboundConnector": [ours, beside]}, overrides={"connector_form": "as_command_line"})
    assert said
    assert (said.against == "") is proven


def test_a_lock_whose_mx_are_not_the_filters_is_not_proven():
    assert seen(closing=MOVED) == LockSeen(NOW, "a.com: its MX was elsewhere")


def test_a_filter_without_a_lock_has_none_that_could_be_proven():
    target = wanted()
    bare = target.profile.model_validate(target.profile.model_dump() | {"inbound_connector": None})
    said = lock_seen(Facts(reading(healthy())), type(target)(target.tenant, bare), PASSED, NOW)
    assert said
    assert "does not ask for it" in said.against


@pytest.mark.parametrize("cmdlet", ["Get-InboundConnector", "Get-AcceptedDomain"])
def test_a_read_that_was_not_good_tells_nothing(cmdlet):
    assert lock_seen(Facts(failing(healthy(), cmdlet)), wanted(), PASSED, NOW) is None


def test_neither_does_an_mx_that_could_not_be_read():
    assert seen(closing=UNREAD) is None


def test_a_proof_ages():
    doors = Doors(PASSED, LockSeen(NOW))
    assert doors.unproven(NOW + OLDEST_PROOF) == ""
    assert doors.unproven(NOW + OLDEST_PROOF + timedelta(seconds=1)) == "last read at 2026-11-23 12:00:00 UTC"
    assert Doors(PASSED, None).unproven(NOW) == "the tenant's doors were not read"
