"""Which steps stop mail that came in, and which let in more: judged by what a simulated tenant then does with mail."""

from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.control import Drifted
from domain.controls import CATALOGUE
from domain.effects import Effect, effects, leaves_certificate
from domain.facts import Facts
from domain.reading import Reading, Seen, Unseen
from domain.steps import Step
from simulator.tenant import Tenant
from simulator.wire.envelope import annotated
from simulator.world import World
from tests.domain.builders import NOW, failing, healthy, reading, wanted
from tests.lives.mischief import DOMAIN, FOR_A_PERSON, MENDABLE, SCANNER, attempt, does, in_turn, new_inbound

LOCK = healthy()["Get-InboundConnector"][0]
FILTER, OTHERS = "65.99.255.9", ("198.51.100.7", "198.51.100.99", "203.0.113.7", "192.0.2.44")


def of(step: Step, rows: dict[str, Any] | None = None, **config: Any) -> Effect:
    [effect] = effects((step,), Facts(reading(healthy() | (rows or {}))), wanted(**config))
    return effect


def change(cmdlet: str, **parameters: Any) -> Step:
    return Step("compliance" if "ProtectionAlert" in cmdlet else "exchange", cmdlet, parameters)


def locked(**fields: Any) -> dict[str, Any]:
    """A tenant whose lock has these fields."""
    return {"Get-InboundConnector": [LOCK | fields]}


def skipping(**fields: Any) -> dict[str, Any]:
    """A tenant with a rule of these fields that lets mail pass without a look at it."""
    rule = healthy()["Get-TransportRule"][0] | {"Identity": "Allow partner", "Name": "Allow partner", "SetSCL": "-1"}
    return {"Get-TransportRule": [rule | fields]}


set_lock = {"Identity": "ExchangeDefender"}
set_rule = {"Identity": "Allow partner"}
pair = {"Identity": "Default", "SpoofedUser": "*", "SpoofType": "External", "Action": "Allow"}
CLOSING = {
    "lock: on": (change("Set-InboundConnector", **set_lock, Enabled=True), locked(Enabled=False)),
    "lock: restricts": (
        change("Set-InboundConnector", **set_lock, RestrictDomainsToIPAddresses=True),
        locked(RestrictDomainsToIPAddresses=False),
    ),
    "lock: of every sender": (
        change("Set-InboundConnector", **set_lock, SenderDomains=("*",)),
        locked(SenderDomains=["smtp:partner.example;1"]),
    ),
    "lock: fewer addresses": (
        change("Set-InboundConnector", **set_lock, SenderIPAddresses=("65.99.255.0/24",)),
        locked(SenderIPAddresses=["65.99.255.0/24", "203.0.113.7"]),
    ),
    "lock: an address that is no IPv4 network goes": (
        change("Set-InboundConnector", **set_lock, SenderIPAddresses=("65.99.255.0/24",)),
        locked(SenderIPAddresses=["65.99.255.0/24", "2001:db8::7"]),
    ),
    "lock: by TLS only": (change("Set-InboundConnector", **set_lock, RequireTls=True), locked(RequireTls=False)),
    "lock: for every domain": (
        change("Set-InboundConnector", **set_lock, AssociatedAcceptedDomains=()),
        locked(AssociatedAcceptedDomains=["northwindlegal.example"]),
    ),
    "lock: on, with an address of others": (
        change("Set-InboundConnector", **set_lock, Enabled=True),
        locked(Enabled=False, SenderIPAddresses=["65.99.255.0/24", "203.0.113.7"]),
    ),
    "lock: by certificate": (
        change("Set-InboundConnector", **set_lock, Enabled=True),
        locked(
            Enabled=False,
            RestrictDomainsToIPAddresses=False,
            RestrictDomainsToCertificate=True,
            TlsSenderCertificateName="mx.partner.example",
        ),
    ),
    "lock: made": (
        change(
            "New-InboundConnector",
            Name="Scanner",
            SenderDomains=("*",),
            SenderIPAddresses=("198.51.100.7",),
            RestrictDomainsToIPAddresses=True,
        ),
        {"Get-InboundConnector": []},
    ),
}
OPENING = {
    "lock: off": (change("Set-InboundConnector", **set_lock, Enabled=False), {}),
    "lock: gone": (change("Remove-InboundConnector", **set_lock, Confirm=False), {}),
    "lock: loosened": (change("Set-InboundConnector", **set_lock, RestrictDomainsToIPAddresses=False), {}),
    "lock: more addresses": (
        change("Set-InboundConnector", **set_lock, SenderIPAddresses=("65.99.255.0/24", "203.0.113.7")),
        {},
    ),
    "lock: without TLS": (change("Set-InboundConnector", **set_lock, RequireTls=False), {}),
    "lock: scoped": (
        change("Set-InboundConnector", **set_lock, AssociatedAcceptedDomains=("northwindlegal.example",)),
        {},
    ),
    "lock: without the certificate, its name left": (
        change("Set-InboundConnector", **set_lock, RestrictDomainsToCertificate=False),
        locked(RestrictDomainsToCertificate=True, TlsSenderCertificateName="mx.one.example"),
    ),
    "a stranger's connector": (change("New-InboundConnector", Name="x", SenderIPAddresses=("198.51.100.99",)), {}),
    "a stranger's certificate": (
        change("New-InboundConnector", Name="x", TlsSenderCertificateName="mx.attacker.example"),
        {},
    ),
    "spoof intelligence off": (
        change("Set-AntiPhishPolicy", Identity="Office365 AntiPhish Default", EnableSpoofIntelligence=False),
        {"Get-AntiPhishPolicy": [row | {"EnableSpoofIntelligence": True} for row in healthy()["Get-AntiPhishPolicy"]]},
    ),
    "an alert policy off": (
        change("Set-ProtectionAlert", Identity="Suspicious connector activity", Disabled=True),
        {},
    ),
    "a stranger's pair": (
        change("New-TenantAllowBlockListSpoofItems", **pair, SendingInfrastructure="203.0.113.0/24"),
        {},
    ),
    "a pair by name": (
        change("New-TenantAllowBlockListSpoofItems", **pair, SendingInfrastructure="mailer.example"),
        {},
    ),
    "a block taken back": (
        change("Remove-TenantAllowBlockListSpoofItems", Identity="Default", Ids=("1",)),
        {
            "Get-TenantAllowBlockListSpoofItems": [
                row | {"Action": "Block"} for row in healthy()["Get-TenantAllowBlockListSpoofItems"]
            ]
        },
    ),
    "a rule that skips the filter": (change("Enable-TransportRule", **set_rule), skipping(State="Disabled")),
    "a rule that skips the filter, and only watched": (
        change("Set-TransportRule", **set_rule, Mode="Enforce"),
        skipping(Mode="Audit"),
    ),
    "a rule that skips the filter for more": (
        change("Set-TransportRule", **set_rule, SenderDomainIs=None),
        skipping(SenderDomainIs=["partner.example"]),
    ),
    "an address let in": (
        change("Set-HostedConnectionFilterPolicy", Identity="Default", IPAllowList=("65.99.255.8", "203.0.113.7")),
        {},
    ),
    "Microsoft's own list let in": (
        change("Set-HostedConnectionFilterPolicy", Identity="Default", EnableSafeList=True),
        {},
    ),
    "a domain let in": (
        change("Set-HostedContentFilterPolicy", Identity="Default", AllowedSenderDomains=("partner.example",)),
        {},
    ),
    "a remote domain trusted": (change("Set-RemoteDomain", Identity="Default", TrustedMailInboundEnabled=True), {}),
}
NEITHER = {
    "the filter's address let in": (
        change("Set-HostedConnectionFilterPolicy", Identity="Default", IPAllowList=("65.99.255.8",)),
        {},
    ),
    "a remote domain left": (change("Set-RemoteDomain", Identity="Default", TrustedMailInboundEnabled=False), {}),
    "lock: commented": (change("Set-InboundConnector", **set_lock, Comment="ours"), {}),
    "lock: on that is on": (change("Set-InboundConnector", **set_lock, Enabled=True), {}),
    "lock: ready but off": (
        change("Set-InboundConnector", **set_lock, RestrictDomainsToIPAddresses=True),
        locked(Enabled=False, RestrictDomainsToIPAddresses=False),
    ),
    "lock: stored in the form that does not lock": (
        change(
            "New-InboundConnector",
            Name="y",
            ConnectorType="OnPremises",
            SenderDomains=("*",),
            SenderIPAddresses=("65.99.255.0/24",),
            RestrictDomainsToIPAddresses=True,
        ),
        {"Get-InboundConnector": []},
    ),
    "a declared service": (change("New-InboundConnector", Name="Scanner", SenderIPAddresses=("198.51.100.7",)), {}),
    "the filter's pair": (
        change("New-TenantAllowBlockListSpoofItems", **pair, SendingInfrastructure="65.99.255.0/24"),
        {"Get-TenantAllowBlockListSpoofItems": []},
    ),
    "a rule that skips the filter, watched": (
        change("Set-TransportRule", **set_rule, SenderDomainIs=None),
        skipping(Mode="Audit", SenderDomainIs=["partner.example"]),
    ),
    "a rule that skips the filter, as it was": (change("Set-TransportRule", **set_rule, Mode="Enforce"), skipping()),
    "a rule off": (
        change("Disable-TransportRule", Identity="Send Automatic Replies to connector Automatic Replies"),
        {},
    ),
    "DKIM on": (change("Set-DkimSigningConfig", Identity="northwindlegal.example", Enabled=True), {}),
    "a record": (Step("dns", "Set-DnsRecords", {"Name": "northwindlegal.example"}), {}),
}


@pytest.mark.parametrize(("step", "rows"), CLOSING.values(), ids=CLOSING)
def test_a_step_that_refuses_what_came_in_says_so_and_opens_nothing(step, rows):
    said = of(step, rows)
    assert said.closing
    assert not said.opening


@pytest.mark.parametrize(("step", "rows"), OPENING.values(), ids=OPENING)
def test_a_step_that_lets_in_more_says_so(step, rows):
    found = of(step, rows)
    assert found.opening
    assert not found.closing


@pytest.mark.parametrize(("step", "rows"), NEITHER.values(), ids=NEITHER)
def test_what_changes_nothing_at_the_doors_has_no_effect(step, rows):
    assert of(step, rows, service_connectors=[SCANNER]) == Effect()


NO_CERTIFICATE = change(
    "Set-InboundConnector", **set_lock, RestrictDomainsToCertificate=False, TlsSenderCertificateName=None
)
CERTIFIED = {"RestrictDomainsToCertificate": True, "TlsSenderCertificateName": "mx.one.example"}


@pytest.mark.parametrize("addresses", [["65.99.255.0/24"], ["65.99.255.0/24", "206.125.40.0/24"]])
def test_a_lock_that_gives_up_its_certificate_is_the_documented_one_and_opens_nothing(addresses):
    found = of(NO_CERTIFICATE, locked(**CERTIFIED, SenderIPAddresses=addresses))
    assert found.closing  # who showed it from elsewhere may have come in
    assert (found.opening, found.stopping) == ((), ())


@pytest.mark.parametrize(
    "fields", [{"SenderIPAddresses": ["65.99.255.0/24", "203.0.113.7"]}, {"RestrictDomainsToIPAddresses": False}]
)
def test_one_that_leaves_a_stranger_by_address_or_no_lock_at_all_does(fields):
    assert of(NO_CERTIFICATE, locked(**CERTIFIED | fields)).opening


@pytest.mark.parametrize("fields", [{}, {"RestrictDomainsToCertificate": True}, CERTIFIED])
def test_what_takes_from_the_filters_own_lock_says_that_no_proof_of_it_counts(fields):
    found = of(change("Set-InboundConnector", **set_lock, Enabled=False), locked(**fields))
    assert found.opening
    assert found.unlocking == (() if fields else found.opening)


def test_a_lock_by_another_certificate_both_refuses_and_lets_in():
    rows = locked(RestrictDomainsToCertificate=True, TlsSenderCertificateName="mx.one.example")
    found = of(change("Set-InboundConnector", **set_lock, TlsSenderCertificateName="mx.other.example"), rows)
    assert found.closing
    assert found.opening


@pytest.mark.parametrize(
    "step",
    [
        change("Set-OrganizationConfig", RejectDirectSend=True),
        change("Set-InboundConnector", Identity="not there", Enabled=True),
        change("Set-InboundConnector", **set_lock, RequireTls="perhaps"),
    ],
)
def test_an_effect_that_cannot_be_computed_counts_as_both(step):
    found = of(step)
    assert found.closing
    assert found.opening


def scanner(**fields: Any) -> dict[str, Any]:
    return LOCK | {"Identity": "Scanner", "Name": "Scanner", "SenderIPAddresses": ["198.51.100.7"]} | fields


STOPPING = {
    "another connector would lock while the filter's is off": (
        change("Set-InboundConnector", Identity="Scanner", Enabled=True),
        [LOCK | {"Enabled": False}, scanner(Enabled=False)],
    ),
    "another connector would lock where the filter has none": (
        change("Set-InboundConnector", Identity="Scanner", RestrictDomainsToIPAddresses=True),
        [scanner(RestrictDomainsToIPAddresses=False)],
    ),
    "the filter's is taken away beside another lock": (
        change("Remove-InboundConnector", **set_lock, Confirm=False),
        [LOCK, scanner()],
    ),
    "the filter's is off beside another lock": (
        change("Set-InboundConnector", **set_lock, Enabled=False),
        [LOCK, scanner()],
    ),
    "the filter's would ask for a certificate once it is on": (
        change("Set-InboundConnector", **set_lock, Enabled=True),
        [LOCK | {"Enabled": False} | CERTIFIED],
    ),
    "the filter's would ask for a certificate as well": (
        change("Set-InboundConnector", **set_lock, **CERTIFIED),
        [LOCK],
    ),
    "a lock by a certificate that may be the filter's would ask for addresses that are not": (
        change("Set-InboundConnector", Identity="Scanner", **CERTIFIED | {"RestrictDomainsToCertificate": False}),
        [scanner(**CERTIFIED)],
    ),
    "another lock that asks for a certificate is all that is left for the filter": (
        change("Remove-InboundConnector", **set_lock, Confirm=False),
        [LOCK, scanner(SenderIPAddresses=["65.99.255.0/24"], **CERTIFIED)],
    ),
    "the lock takes a part of the filter's range": (
        change("Set-InboundConnector", **set_lock, SenderIPAddresses=("65.99.255.0/25",)),
        [LOCK],
    ),
}


@pytest.mark.parametrize(("step", "connectors"), STOPPING.values(), ids=STOPPING)
def test_a_step_after_which_the_filters_own_mail_is_refused_says_so(step, connectors):
    assert of(step, {"Get-InboundConnector": connectors}).stopping == (
        "mail that the filter hands over from 65.99.255.0/24 would be refused",
    )


@pytest.mark.parametrize(
    ("step", "connectors"),
    [
        (change("Set-InboundConnector", Identity="Scanner", Enabled=True), [LOCK, scanner(Enabled=False)]),
        (change("Remove-InboundConnector", **set_lock, Confirm=False), [LOCK]),
        (change("Set-InboundConnector", **set_lock, SenderIPAddresses=("203.0.113.7",)), [LOCK | {"Enabled": False}]),
        (change("Set-InboundConnector", Identity="Scanner", RequireTls=True), [scanner(RequireTls=False)]),
        (change("Set-InboundConnector", **set_lock, RequireTls=True), [LOCK | {"RequireTls": False} | CERTIFIED]),
    ],
    ids=[
        "the filter's is on",
        "nothing locks any more",
        "it is off",
        "it was refused before",
        "it may have been refused before",
    ],
)
def test_what_leaves_the_filters_mail_as_it_was_stops_nothing(step, connectors):
    assert not of(step, {"Get-InboundConnector": connectors}).stopping


def test_an_effect_on_what_was_not_read_counts_as_both():
    facts = Facts(failing(healthy(), "Get-InboundConnector"))
    [found] = effects((change("Set-InboundConnector", **set_lock, Comment="x"),), facts, wanted())
    assert found.closing
    assert found.opening


refusing_scanner = partial(
    new_inbound,
    Name="Scanner",
    ConnectorType="Partner",
    SenderIPAddresses=["198.51.100.7"],
    RestrictDomainsToIPAddresses=True,
)
ASKING, ASKING_ONCE_ON = "lock: asks for a certificate", "lock: would ask for a certificate, off"
asks_for_certificate = partial(does, "Set-InboundConnector", Identity="ExchangeDefender", **CERTIFIED)
LOCKING_SCANNER, LOCKING_ONCE_ON = "scanner: refuses all others", "scanner: would refuse all others, off"
DEEDS = (
    MENDABLE
    | FOR_A_PERSON
    | {
        ASKING: asks_for_certificate(),
        ASKING_ONCE_ON: asks_for_certificate(Enabled=False),
        "lock: by certificate alone": asks_for_certificate(RestrictDomainsToIPAddresses=False),
        "lock: with a certificate": does(
            "Set-InboundConnector", Identity="ExchangeDefender", TlsSenderCertificateName="mx.one.example"
        ),
        LOCKING_SCANNER: refusing_scanner(),
        LOCKING_ONCE_ON: in_turn(refusing_scanner(), does("Set-InboundConnector", Identity="Scanner", Enabled=False)),
    }
)


def facts_of(tenant: Tenant) -> Facts:
    """What Exchange lists of a simulated tenant."""
    answers: dict[Any, Seen | Unseen] = {}
    for query in {query for control in CATALOGUE.values() for query in control.queries}:
        rows = [annotated(row, (), null_empties=False) for row in tenant.admin(query.cmdlet, **dict(query.parameters))]
        answers[query] = Seen(tuple(rows), NOW)
    reads: Reading = answers
    return Facts(reads)


def doors(tenant: Tenant) -> dict[str, bool]:
    """Whose mail is taken now."""
    to = f"kim@{DOMAIN}"
    return {ip: tenant.mail.arrive(ip, "lee@sender.example", to) for ip in (FILTER, *OTHERS)}


def watch(tenant: Tenant) -> dict[str, bool]:
    """What is judged or watched now."""
    policies = {row["Name"]: row["EnableSpoofIntelligence"] for row in tenant.admin("Get-AntiPhishPolicy")}
    return policies | {row["Name"]: not row["Disabled"] for row in tenant.admin("Get-ProtectionAlert")}


@given(st.lists(st.sampled_from(sorted(DEEDS)), max_size=5), st.booleans())
def test_no_step_of_any_control_stops_or_opens_mail_unsaid(names, from_nothing):
    world = World(clock=lambda: datetime(2026, 11, 23, 12, tzinfo=UTC))
    tenant = world.add_tenant(DOMAIN, state="never_configured" if from_nothing else "healthy")
    for name in names:
        attempt(DEEDS[name], tenant)
    target = wanted(service_connectors=[SCANNER])
    for control in CATALOGUE.values():
        facts = facts_of(tenant)
        found = control.find(facts, target)
        for step in found.steps if isinstance(found, Drifted) else ():
            [said] = effects((step,), facts_of(tenant), target)
            taken, seen = doors(tenant), watch(tenant)
            given = {key: list(value) if isinstance(value, tuple) else value for key, value in step.parameters.items()}
            attempt(does(step.cmdlet, **given), tenant)
            now = doors(tenant)
            assert not any(taken[ip] and not now[ip] for ip in taken) or said.closing
            assert not any(not taken[ip] and now[ip] for ip in OTHERS if ip != "198.51.100.7") or said.opening
            assert not any(on and not watch(tenant).get(name, on) for name, on in seen.items()) or said.opening


def test_that_a_certificate_still_limits_a_connector_is_believed_only_where_all_of_them_were_read():
    emptied = Step("exchange", "Set-InboundConnector", {"Identity": "Scan", "SenderIPAddresses": ()})
    named = {"Identity": "Scan", "Name": "Scan", "Guid": "9", "TlsSenderCertificateName": "scan.example"}
    rows = healthy()
    there = rows["Get-InboundConnector"][0] | named | {"RestrictDomainsToIPAddresses": False}
    rows["Get-InboundConnector"].append(there)
    declared = wanted(service_connectors=[{"name": "Scan", "certificate": "scan.example"}])
    assert leaves_certificate(emptied, Facts(reading(rows)), declared)
    assert not leaves_certificate(emptied, Facts(failing(rows, "Get-InboundConnector")), declared)
