"""An SPF record that lets much of the Internet send is a way round that a person declares as a whole, or has removed."""

from dataclasses import replace

import pytest

from domain.control import (
    Compliant,
    Drifted,
    NeedsPerson,
    Unknown,
)
from domain.controls import CATALOGUE
from domain.facts import Facts
from domain.mail.answers import Question, Unclear
from tests.domain.builders import DNS, NOW, PROVEN, answered, healthy, judge, reading, text, wanted

CONTROL = CATALOGUE["lock-bypass"]
ZONE = {"kind": "cloudflare", "secret_setting": "HOLDFAST_DNS_SECRET_C"}
DOMAIN, HOSTED = "northwindlegal.example", {"dns": {"northwindlegal.example": ZONE}}
GUIDE = "include:proxy.exchangedefender.com include:spf.protection.outlook.com"
OWN, SENDERS = Question(DOMAIN, "TXT"), Question("senders.example", "TXT")


def record(terms, ending="-all", **others):
    named = {Question(name.replace("_", "."), "TXT"): text(said) for name, said in others.items()}
    return {OWN: text(f"v=spf1 {GUIDE} {terms} {ending}")} | named


def told(dns):
    judgement = judge("lock-bypass", healthy(), dns)
    assert isinstance(judgement, NeedsPerson)
    [finding] = judgement.findings
    assert (finding.kind, finding.control, finding.name) == ("bypass", "lock-bypass", f"SPF record of {DOMAIN}")
    assert finding.sentence in judgement.todo
    return finding


WIDE = [
    (record("ip4:8.0.0.0/11"), "ip4:8.0.0.0/11", "2,097,152 IPv4 addresses"),
    (record("ip4:0.0.0.0/1 ip4:128.0.0.0/1"), "ip4:0.0.0.0/1, ip4:128.0.0.0/1", "4,294,967,296 IPv4 addresses"),
    (record("", "+all"), "+all", "4,294,967,296 IPv4 addresses"),
    (
        record("ip4:8.0.0.0/12 ip4:9.0.0.0/12 ip4:12.0.0.0/12 ip4:13.0.0.0/12 ip4:192.0.2.9"),
        "ip4:12.0.0.0/12",
        "4,194,305",
    ),
    (record("ip6:2000::/3"), "ip6:2000::/3", "so much of the Internet"),
    (
        record("include:senders.example", senders_example="v=spf1 ip4:8.0.0.0/8 -all"),
        "ip4:8.0.0.0/8 in the record of senders.example",
        "16,777,216 IPv4 addresses",
    ),
]


@pytest.mark.parametrize(("dns", "value", "lets_in"), WIDE)
def test_a_record_that_lets_too_much_pass_is_one_finding_with_how_many_addresses(dns, value, lets_in):
    finding = told(dns)
    assert value in finding.value
    assert lets_in in finding.lets_in


NARROW = [
    {},
    record("ip4:8.0.0.0/12"),
    record("ip4:8.0.0.0/12 ip4:9.0.0.0/12 ip4:12.0.0.0/12 ip4:13.0.0.0/12"),
    record("~ip4:8.0.0.0/8"),
    record("include:senders.example", senders_example="v=spf1 ip4:192.0.2.0/24 -all"),
    {Question("spf.protection.outlook.com", "TXT"): text("v=spf1 ip4:40.0.0.0/8 -all")},
    {OWN: text("hello")},
]


@pytest.mark.parametrize("dns", NARROW)
def test_what_the_documented_includes_let_pass_and_what_stays_below_the_width_is_no_way_round(dns):
    assert judge("lock-bypass", healthy(), dns) == Compliant()


def test_a_declaration_holds_for_the_record_as_a_whole_and_one_more_network_is_another_finding():
    before, more = record("ip4:8.0.0.0/8"), record("ip4:8.0.0.0/8 ip4:9.0.0.0/8")
    finding = told(before)
    declared = replace(wanted(), inventory=replace(PROVEN, declared=frozenset({finding.id})))
    assert isinstance(CONTROL.find(Facts(reading(healthy()), DNS | before), declared), Compliant)
    judgement = CONTROL.find(Facts(reading(healthy()), DNS | more), declared)
    assert isinstance(judgement, NeedsPerson)
    assert judgement.findings[0].id != finding.id


@pytest.mark.parametrize(
    ("dns", "left"),
    [
        (record("ip4:192.0.2.9 ip4:8.0.0.0/8"), "ip4:192.0.2.9 -all"),
        (record("include:Senders.example", senders_example="v=spf1 ip4:8.0.0.0/8 -all"), f"{GUIDE} -all"),
    ],
)
def test_what_a_person_has_removed_is_the_exact_record_without_the_wide_terms(dns, left):
    finding = told(dns)
    for config, kind in (({}, NeedsPerson), (HOSTED, Drifted)):
        asked = replace(wanted(**config), inventory=PROVEN.without(finding.id))
        facts = answered(Facts(reading(healthy())), CONTROL, asked, DNS | dns)
        judgement = CONTROL.find(facts, asked)
        assert isinstance(judgement, kind)
        assert judgement.findings == ()
        [drift] = judgement.drift
        assert (drift.field, str(drift.wanted).endswith(left)) == (f"{DOMAIN}: SPF", True)
        if isinstance(judgement, Drifted):
            assert [(step.service, step.removes) for step in judgement.steps] == [("dns", (finding.id,))]
        after = CONTROL.find(Facts(reading(healthy()), DNS), asked)
        assert isinstance(after, Compliant)
        assert drift.field in after.equal


def test_a_removal_that_dns_does_not_tell_enough_for_is_unknown():
    dns = {OWN: text("v=spf1 ip4:8.0.0.0/8 include:spf.protection.outlook.com -all")}
    asked = replace(wanted(**HOSTED), inventory=PROVEN.without(told(dns).id))
    assert isinstance(CONTROL.find(answered(Facts(reading(healthy())), CONTROL, asked, DNS | dns), asked), Drifted)
    unclear = {Question(DOMAIN, "CNAME"): Unclear("no answer", NOW)}
    facts = answered(Facts(reading(healthy())), CONTROL, asked, DNS | dns | unclear)
    assert isinstance(CONTROL.find(facts, asked), Unknown)


def test_a_record_that_no_step_makes_narrow_is_left_to_a_person():
    finding = told(record("", "+all"))
    asked = replace(wanted(), inventory=PROVEN.without(finding.id))
    judgement = CONTROL.find(Facts(reading(healthy()), DNS | record("", "+all")), asked)
    assert isinstance(judgement, NeedsPerson)
    assert "anyone may send" in judgement.todo


def test_what_dns_does_not_tell_is_unknown_and_asked_for_and_ways_of_exchange_are_told_all_the_same():
    questions = CONTROL.questions(Facts(reading(healthy())), wanted())
    assert OWN in questions
    unclear = Facts(reading(healthy()), DNS | {OWN: Unclear("no answer", NOW)})
    judgement = CONTROL.find(unclear, wanted())
    assert isinstance(judgement, Unknown)
    assert judgement.reason.startswith(f"{DOMAIN}: TXT of {DOMAIN}: no answer")


def test_a_profile_without_spf_asks_nothing_of_dns():
    known = wanted()
    bare = known.profile.model_validate(known.profile.model_dump(exclude={"spf"}, exclude_unset=True))
    assert CONTROL.find(Facts(reading(healthy())), replace(known, profile=bare)) == Compliant()
