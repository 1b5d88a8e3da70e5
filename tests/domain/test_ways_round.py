"""Each way round the filter is named once, with what it lets in; what the profile and the config name is expected."""

from dataclasses import replace

import pytest

from domain.control import Compliant, Drifted, NeedsPerson
from domain.controls import CATALOGUE
from domain.effects import effects
from domain.exchange import ContentFilter
from domain.facts import Facts
from domain.findings import found
from domain.lock import LockSeen
from domain.ways_round import ways_round
from tests.domain.builders import DNS, HEALTHY, NOW, PROVEN, healthy, judge, reading, wanted

CONTROL = CATALOGUE["lock-bypass"]
FILTERS, STRANGER = "65.99.255.0/24", "203.0.113.0/24"


def added(cmdlet, **fields):
    """The healthy tenant with one more object like its first of *cmdlet*."""
    return healthy() | {cmdlet: [*HEALTHY[cmdlet], *[HEALTHY[cmdlet][0] | fields]]}


def changed(cmdlet, **fields):
    return healthy() | {cmdlet: [HEALTHY[cmdlet][0] | fields]}


def connector(**fields):
    plain = {"Identity": "Copier", "Name": "Copier", "SenderIPAddresses": [STRANGER]}
    return added("Get-InboundConnector", **(plain | {"RestrictDomainsToIPAddresses": False} | fields))


def entry(value):
    return healthy() | {"Get-TenantAllowBlockListItems": [{"Identity": "7", "Value": value, "Action": "Allow"}]}


def rule(**fields):
    return added("Get-TransportRule", Identity="Bypass", Name="Bypass", **({"SetSCL": -1} | fields))


def pair(network=STRANGER, action="Allow", **fields):
    one = {"Identity": "9", "SendingInfrastructure": network, "Action": action}
    return added("Get-TenantAllowBlockListSpoofItems", **one | fields)


WAYS = [
    (connector(), "connector Copier", "203.0.113.0/24 (256 IPv4 addresses)"),
    (connector(ConnectorType="OnPremises"), "connector Copier", "(256 IPv4 addresses)"),
    (connector(SenderIPAddresses=["192.0.2.7"]), "connector Copier", "192.0.2.7/32 (1 IPv4 address)"),
    (connector(SenderIPAddresses=[], TlsSenderCertificateName="x.example"), "connector Copier", "x.example"),
    (changed("Get-InboundConnector", EFSkipIPs=[STRANGER]), "Enhanced Filtering", "judged by the address before"),
    (changed("Get-InboundConnector", EFSkipLastIP=True), "Enhanced Filtering", "judged by the address before"),
    (pair(), "spoofed sender *, 203.0.113.0/24", "may claim to come from '*'"),
    (pair(FILTERS, SpoofType="Internal"), "spoofed sender *, 65.99.255.0/24", "may claim to come from '*'"),
    (rule(), "rule Bypass", "whom its conditions name"),
    (rule(SenderIpRanges=["192.0.2.0-192.0.2.9"]), "rule Bypass", "(10 IPv4 addresses)"),
    (rule(SetSCL=None, SetHeaderName="X-MS-Exchange-Organization-SkipSafeLinksProcessing"), "rule Bypass", "look"),
    (rule(SetSCL=None, SetHeaderName="X-MS-Exchange-Organization-SCL", SetHeaderValue="-1"), "rule Bypass", "look"),
    (changed("Get-HostedConnectionFilterPolicy", IPAllowList=[FILTERS, STRANGER]), "connection filter", STRANGER),
    (changed("Get-HostedConnectionFilterPolicy", EnableSafeList=True), "connection filter", "Microsoft's own list"),
    (changed("Get-HostedContentFilterPolicy", AllowedSenders=[{"Sender": "a@x.example"}]), "anti-spam policy", "1"),
    (changed("Get-HostedContentFilterPolicy", AllowedSenderDomains=["x.example"]), "anti-spam policy", "1"),
    (entry("a@x.example"), "Tenant Allow/Block List", "a@x.example"),
    (entry("2001:db8::1"), "Tenant Allow/Block List", "2001:db8::1"),
    (changed("Get-RemoteDomain", TrustedMailInboundEnabled=True), "remote domain Default", "taken for safe"),
]


def told(rows):
    judgement = judge("lock-bypass", rows)
    assert isinstance(judgement, NeedsPerson)
    return judgement


def test_of_a_long_list_only_a_connectors_addresses_are_kept_beside_what_is_shown():
    many = [f"203.0.113.{n}" for n in range(80)]
    [copier] = told(connector(SenderIPAddresses=many)).findings
    assert set(copier.networks) == {f"{each}/32" for each in many}
    [allowed] = told(changed("Get-HostedConnectionFilterPolicy", IPAllowList=many)).findings
    [skipped] = told(changed("Get-InboundConnector", EFSkipIPs=many)).findings
    assert [allowed.networks, skipped.networks] == [(), ()]
    assert allowed.value.endswith("...")


@pytest.mark.parametrize(("rows", "name", "lets_in"), WAYS)
def test_a_way_round_is_one_finding_that_a_person_is_told_of(rows, name, lets_in):
    judgement = told(rows)
    [finding] = judgement.findings
    assert (finding.kind, finding.control) == ("bypass", "lock-bypass")
    assert finding.name.startswith(name)
    assert lets_in in finding.lets_in
    assert finding.sentence in judgement.todo


@pytest.mark.parametrize("rows", [rows for rows, _, _ in WAYS])
def test_what_a_person_has_removed_is_one_exact_step_that_lets_nobody_in(rows):
    [finding] = told(rows).findings
    asked = replace(wanted(), inventory=PROVEN.without(finding.id))
    judgement = CONTROL.find(Facts(reading(rows), DNS), asked)
    assert isinstance(judgement, Drifted)
    assert [step.removes for step in judgement.steps] == [(finding.id,)]
    assert judgement.findings == ()
    [did] = effects(judgement.steps[:1], Facts(reading(rows), DNS), asked)
    assert (did.closing, did.opening) == ((), ())


@pytest.mark.parametrize("rows", [rows for rows, _, _ in WAYS])
def test_a_removal_is_proven_by_a_look_that_does_not_find_it_any_more(rows):
    [finding] = told(rows).findings
    asked = replace(wanted(), inventory=replace(PROVEN.without(finding.id), known={finding.id: finding}))
    judgement = CONTROL.find(Facts(reading(rows), DNS), asked)
    assert isinstance(judgement, Drifted)
    fields = {each.field for each in judgement.drift}
    after = CONTROL.find(Facts(reading(healthy()), DNS), asked)
    assert isinstance(after, Compliant)
    assert fields <= after.equal


def test_of_what_enhanced_filtering_looks_behind_the_filters_own_addresses_stay():
    rows = changed("Get-InboundConnector", EFSkipIPs=[FILTERS, "65.99.255.9", "65.99.255.1-65.99.255.4", STRANGER])
    [finding] = told(rows).findings
    judgement = CONTROL.find(Facts(reading(rows), DNS), replace(wanted(), inventory=PROVEN.without(finding.id)))
    assert isinstance(judgement, Drifted)
    [step] = judgement.steps
    kept = ("65.99.255.0/24", "65.99.255.1-65.99.255.4", "65.99.255.9/32")
    assert dict(step.parameters) == {"Identity": "ExchangeDefender", "EFSkipIPs": kept}
    after = changed("Get-InboundConnector", EFSkipIPs=list(kept))
    assert judge("lock-bypass", after) == Compliant()


EXPECTED = [
    connector(Enabled=False),
    connector(SenderIPAddresses=["65.99.255.7"], Name="Ours too"),
    connector(SenderIPAddresses=[], SenderDomains=["smtp:x.example;1"]),
    changed("Get-InboundConnector", EFSkipIPs=[FILTERS]),
    pair(action="Block"),
    pair(FILTERS, SpoofedUser="ceo@x.example"),
    rule(SenderIpRanges=FILTERS),
    rule(State="Disabled"),
    rule(Mode="Audit"),
    rule(SetSCL=5),
    changed("Get-HostedConnectionFilterPolicy", IPAllowList=["65.99.255.1-65.99.255.9", FILTERS]),
    changed("Get-HostedContentFilterPolicy", AllowedSenders=None, AllowedSenderDomains=None),
]


@pytest.mark.parametrize("rows", EXPECTED)
def test_what_lets_in_the_filter_alone_or_nobody_is_no_way_round(rows):
    assert judge("lock-bypass", rows) == Compliant()


def test_a_declared_service_is_expected_with_its_addresses_and_no_others():
    declared = [{"name": "Copier", "sender_ips": [STRANGER]}]
    assert judge("lock-bypass", connector(), service_connectors=declared) == Compliant()
    by_name = [{"name": "Scan", "certificate": "scan.example"}]
    certificate = connector(Name="Scan", SenderIPAddresses=[], TlsSenderCertificateName="Scan.example")
    assert judge("lock-bypass", certificate, service_connectors=by_name) == Compliant()


CONNECTOR_OF_ONE = {"SenderDomains": ["smtp:partner.example;1"], "AssociatedAcceptedDomains": ["one.example"]}


@pytest.mark.parametrize(
    ("declared", "wider"),
    [
        (connector(**CONNECTOR_OF_ONE), connector(**CONNECTOR_OF_ONE | {"SenderDomains": ["smtp:*;1"]})),
        (connector(**CONNECTOR_OF_ONE), connector(**CONNECTOR_OF_ONE | {"AssociatedAcceptedDomains": []})),
        (connector(), connector(ConnectorType="OnPremises")),
        (connector(ConnectorType="OnPremises"), connector(ConnectorType="OnPremises", TreatMessagesAsInternal=True)),
        (connector(), connector(CloudServicesMailEnabled=True)),
        (rule(HeaderContainsWords=["secret"]), rule(HeaderContainsWords=["secret", "a"])),
        (rule(AttachmentNameMatchesPatterns=["invoice"]), rule()),
        (rule(MessageTypeMatches="Signed"), rule(MessageTypeMatches=None)),
        (rule(ExceptIfSubjectContainsWords=["invoice"]), rule()),
        (rule(SenderAddressLocation="Header"), rule(SenderAddressLocation="HeaderOrEnvelope")),
    ],
)
def test_a_way_that_lets_in_more_than_it_did_is_another_finding(declared, wider):
    [before], [after] = told(declared).findings, told(wider).findings
    assert before.id != after.id


def test_a_rule_that_says_the_same_in_another_order_is_the_same_finding():
    one = rule(SenderDomainIs=["a.example", "b.example"], Priority=3, Comments="old", WhenChanged="2026-01-01")
    other = rule(SenderDomainIs=["b.example", "a.example"], Priority=4, Comments="new", WhenChanged="2026-02-02")
    assert told(one).findings == told(other).findings


@pytest.mark.parametrize(
    ("service", "fields"),
    [
        ({"certificate": "scan.example"}, {"TlsSenderCertificateName": "scan.example"}),
        ({"sender_ips": ["192.0.2.7"]}, {"ConnectorType": "OnPremises"}),
    ],
)
def test_an_address_that_no_other_control_compares_is_told_at_first_sight_too(service, fields):
    first_sight = replace(
        wanted(service_connectors=[{"name": "Scan"} | service]), inventory=replace(PROVEN, settled=frozenset())
    )
    judgement = CONTROL.find(Facts(reading(connector(Name="Scan", **fields)), DNS), first_sight)
    assert isinstance(judgement, NeedsPerson)
    assert STRANGER in judgement.todo


@pytest.mark.parametrize("services", [[], [{"name": "ExchangeDefender 2", "sender_ips": ["192.0.2.9/32"]}]])
def test_an_address_that_another_control_asks_about_is_not_asked_about_twice(services):
    rows = changed("Get-InboundConnector", SenderIPAddresses=[FILTERS, STRANGER])
    rows["Get-InboundConnector"].append(HEALTHY["Get-InboundConnector"][0] | {
        "Identity": "b", "Name": "ExchangeDefender 2", "Enabled": bool(services), "RestrictDomainsToIPAddresses": False,
        "SenderIPAddresses": ["192.0.2.8", "192.0.2.9"],
    })  # fmt: skip
    first_sight = replace(wanted(service_connectors=services), inventory=replace(PROVEN, settled=frozenset()))
    assert CONTROL.find(Facts(reading(rows), DNS), first_sight) == Compliant()
    assert isinstance(judge("lock-bypass", rows, service_connectors=services), NeedsPerson)


def test_nor_is_one_of_a_connector_that_was_never_proven_as_it_is_declared():
    rows = connector(Name="Scan", SenderIPAddresses=["192.0.2.7", "192.0.2.8"])
    services = [{"name": "Scan", "sender_ips": ["192.0.2.7"]}]
    new = replace(wanted(service_connectors=services), inventory=replace(PROVEN, unsettled=frozenset({"Scan"})))
    assert CONTROL.find(Facts(reading(rows), DNS), new) == Compliant()
    assert isinstance(judge("lock-bypass", rows, service_connectors=services), NeedsPerson)


LOCK_OPENED = {
    "a certificate": ({"TlsSenderCertificateName": "x.example"}, {"TlsSenderCertificateName": None}),
    "an address": (
        {"SenderIPAddresses": [FILTERS, STRANGER]},
        {"SenderIPAddresses": (FILTERS,)},
    ),
    "both": (
        {"SenderIPAddresses": [STRANGER], "TlsSenderCertificateName": "x.example"},
        {"SenderIPAddresses": (FILTERS,), "TlsSenderCertificateName": None},
    ),
    "a certificate that it asks for": (
        {
            "TlsSenderCertificateName": "x.example",
            "RestrictDomainsToCertificate": True,
            "RestrictDomainsToIPAddresses": False,
        },
        {
            "TlsSenderCertificateName": None,
            "RestrictDomainsToCertificate": False,
            "RestrictDomainsToIPAddresses": True,
        },
    ),
}


@pytest.mark.parametrize(("fields", "values"), LOCK_OPENED.values(), ids=LOCK_OPENED)
def test_the_lock_gives_up_what_is_a_strangers_and_is_never_switched_off(fields, values):
    rows = changed("Get-InboundConnector", **fields)
    [way] = ways_round(Facts(reading(rows)), wanted())
    assert way.step.parameters == {"Identity": "ExchangeDefender"} | values
    [did] = effects((way.step,), Facts(reading(rows)), wanted())
    assert (did.opening, did.unlocking, did.stopping) == ((), (), ())


@pytest.mark.parametrize(
    ("service", "fields", "values"),
    [
        (
            {"certificate": "scan.example"},
            {"SenderIPAddresses": [STRANGER], "TlsSenderCertificateName": "SCAN.example"},
            {"SenderIPAddresses": ()},
        ),
        (
            {"certificate": "scan.example"},
            {"TlsSenderCertificateName": "x.example", "SenderIPAddresses": []},
            {"TlsSenderCertificateName": "scan.example"},
        ),
        (
            {"sender_ips": ["192.0.2.7"]},
            {"SenderIPAddresses": ["192.0.2.7"], "TlsSenderCertificateName": "x.example"},
            {"TlsSenderCertificateName": None},
        ),
    ],
)
def test_a_declared_services_connector_gives_up_what_is_a_strangers_and_stays_on(service, fields, values):
    tenant = wanted(service_connectors=[{"name": "Scan"} | service])
    [way] = ways_round(Facts(reading(connector(Name="Scan", **fields))), tenant)
    assert {name: each for name, each in way.step.parameters.items() if name != "Identity"} == values


def test_of_two_that_look_like_the_filters_neither_is_switched_off():
    fields = {"TlsSenderCertificateName": "x.example", "RestrictDomainsToIPAddresses": True}
    rows = connector(SenderIPAddresses=[FILTERS], **fields)
    [way] = ways_round(Facts(reading(rows)), wanted())
    assert way.step.parameters == {"Identity": "Copier", "TlsSenderCertificateName": None}


def test_a_certificate_that_the_lock_asks_for_is_not_asked_about_twice():
    rows = changed("Get-InboundConnector", TlsSenderCertificateName="x.example", RestrictDomainsToCertificate=True)
    first_sight = replace(wanted(), inventory=replace(PROVEN, settled=frozenset()))
    assert CONTROL.find(Facts(reading(rows), DNS), first_sight) == Compliant()
    assert isinstance(CATALOGUE["inbound-lockdown"].find(Facts(reading(rows)), first_sight), NeedsPerson)


def test_many_addresses_are_counted_and_the_first_few_named():
    addresses = [f"192.0.2.{n}" for n in range(7)]
    [finding] = told(connector(SenderIPAddresses=addresses)).findings
    assert "and 2 more (7 IPv4 addresses)" in finding.lets_in


def test_allowed_senders_of_a_form_that_nobody_knows_are_odd():
    with pytest.raises(ValueError, match="list of strings"):
        ContentFilter.of({"Identity": "x", "Name": "x", "AllowedSenders": [{"Other": 1}]})


def test_the_ids_of_findings_do_not_depend_on_order():
    one, other = (found("bypass", "lock-bypass", "x", each, "") for each in (["a", "b"], ["b", "a"]))
    assert one.id == other.id


@pytest.mark.parametrize("scope_then", [None, ()], ids=["not known", "none"])
def test_a_scope_that_the_locks_own_control_has_for_a_finding_is_not_asked_about_twice(scope_then):
    rows = changed("Get-InboundConnector", AssociatedAcceptedDomains=["other.example"])
    inventory = replace(PROVEN, lock=LockSeen(NOW, scope=scope_then))
    ways = ways_round(Facts(reading(rows)), replace(wanted(), inventory=inventory))
    assert [way.finding.name for way in ways] == ["scope of connector ExchangeDefender"] * (scope_then == ())
    for way in ways:
        assert way.finding.value == "northwindlegal.example"
        assert way.step.parameters == {"Identity": "ExchangeDefender", "AssociatedAcceptedDomains": ()}


def test_a_scope_of_a_lock_that_is_off_or_gone_leaves_nothing_open():
    scoped = {"AssociatedAcceptedDomains": ["other.example"]}
    target = replace(wanted(), inventory=replace(PROVEN, lock=LockSeen(NOW, scope=())))
    off = changed("Get-InboundConnector", **scoped, Enabled=False)
    for rows in (off, healthy() | {"Get-InboundConnector": []}):
        assert ways_round(Facts(reading(rows)), target) == ()
