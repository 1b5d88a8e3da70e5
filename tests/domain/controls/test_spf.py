from dataclasses import replace
from typing import Any

import pytest

from domain.control import (
    Compliant,
    Drift,
    Drifted,
    Judgement,
    NeedsPerson,
)
from domain.controls import CATALOGUE
from domain.dns_steps import change_of
from domain.facts import Facts
from domain.findings import Inventory
from domain.mail.answers import Present, Question, Txt
from tests.domain.builders import DNS, NOW, PROVEN, answered, healthy, judge, reading, text, wanted

DOMAIN = "northwindlegal.example"


MX, TXT, DMARC = Question(DOMAIN, "MX"), Question(DOMAIN, "TXT"), Question(f"_dmarc.{DOMAIN}", "TXT")


def test_a_missing_include_is_proposed_as_the_exact_record():
    judgement = judge(
        "spf", healthy(), {TXT: text("v=spf1 ip4:203.0.113.7 include:spf.protection.outlook.com -all", "MS=ms1")}
    )
    assert isinstance(judgement, NeedsPerson)
    new = "v=spf1 include:proxy.exchangedefender.com ip4:203.0.113.7 include:spf.protection.outlook.com -all"
    old = "v=spf1 ip4:203.0.113.7 include:spf.protection.outlook.com -all"
    assert f'publish TXT "{new}" in place of "{old}"' in judgement.todo
    assert judgement.drift == (Drift(f"{DOMAIN}: SPF", new, old),)


HOST = {"kind": "rfc2136", "server": "ns.example:53", "key_name": "k", "secret_setting": "HOLDFAST_DNS_SECRET_K"}


SHORT = text("v=spf1 include:spf.protection.outlook.com -all", "MS=ms1")


def test_where_the_zone_has_a_host_the_record_is_published_beside_all_that_is_there():
    judgement = judge("spf", healthy(), {TXT: SHORT}, dns={DOMAIN: HOST})
    assert isinstance(judgement, Drifted)
    [step] = judgement.steps
    change = change_of(step.parameters)
    new = Txt((b"v=spf1 include:proxy.exchangedefender.com include:spf.protection.outlook.com -all",))
    assert (change.zone, change.name, change.type) == (DOMAIN, DOMAIN, "TXT")
    assert change.expected == SHORT.values
    assert change.wanted == (Txt((b"MS=ms1",)), new)
    assert (
        judgement.mended_by(step) == judgement.drift == (Drift(f"{DOMAIN}: SPF", new.data.decode(), step_text(SHORT)),)
    )


def step_text(answer):
    return answer.values[0].data.decode()


@pytest.mark.parametrize(
    ("cloud", "include"),
    [("us", "spf.protection.office365.us"), ("cn", "spf.protection.partner.outlook.cn")],
)
def test_microsofts_include_is_that_of_the_tenants_cloud(cloud, include):
    rows = healthy()
    dns = {
        TXT: text("v=spf1 include:proxy.exchangedefender.com -all"),
        Question(include, "TXT"): text("v=spf1 ip4:40.92.0.0/15 -all"),
    }
    judgement = judge("spf", rows, dns, initial_domain=f"northwindlegal.onmicrosoft.{cloud}")
    assert isinstance(judgement, NeedsPerson)
    assert f"include:{include} include:proxy.exchangedefender.com -all" in judgement.todo


def test_an_international_domain_is_published_under_its_a_labels():
    rows = healthy()
    rows["Get-AcceptedDomain"][0]["DomainName"] = "Bücher.example"
    name = "xn--bcher-kva.example"
    judgement = judge("spf", rows, {Question(name, "TXT"): SHORT}, dns={"bücher.example": HOST})
    assert isinstance(judgement, Drifted)
    change = change_of(judgement.steps[0].parameters)
    assert (change.zone, change.name) == (name, name)


def test_one_domain_with_a_host_is_put_back_and_the_other_is_told():
    rows = healthy()
    rows["Get-AcceptedDomain"].append({"DomainName": "second.example", "DomainType": "Authoritative"})
    dns = {TXT: SHORT, Question("second.example", "TXT"): SHORT}
    judgement = judge("spf", rows, dns, dns={DOMAIN: HOST})
    assert isinstance(judgement, Drifted)
    assert [drift.field for drift in judgement.drift] == [f"{DOMAIN}: SPF"]
    assert judgement.detail.startswith("second.example: publish TXT")


def test_a_record_set_that_is_too_large_to_be_put_back_is_proposed():
    many = text("v=spf1 include:spf.protection.outlook.com -all", *(f"token-{n}-{'x' * 240}" for n in range(20)))
    judgement = judge("spf", healthy(), {TXT: many}, dns={DOMAIN: HOST})
    assert isinstance(judgement, NeedsPerson)
    assert "publish TXT" in judgement.todo


def test_what_cannot_be_repaired_is_not_written_either():
    for record in (("v=spf1 -all",), ("v=spf1 -all", "v=spf1 ~all"), ("v=spf1 include:",)):
        assert isinstance(judge("spf", healthy(), {TXT: text(*record)}, dns={DOMAIN: HOST}), NeedsPerson)


FIRST = "v=spf1 include:proxy.exchangedefender.com include:spf.protection.outlook.com ~all"


def test_a_domain_without_spf_is_proposed_the_guides_record_that_refuses_nobody():
    judgement = judge("spf", healthy(), {TXT: text("MS=ms1")})
    assert isinstance(judgement, NeedsPerson)
    assert f'publish TXT "{FIRST}" as there is none' in judgement.todo


def test_a_first_spf_record_is_only_published_once_a_person_has_approved_it():
    judgement = judge("spf", healthy(), {TXT: text("MS=ms1")}, dns={DOMAIN: HOST})
    assert isinstance(judgement, Drifted)
    assert judgement.needs_approval
    assert change_of(judgement.steps[0].parameters).wanted == (Txt((b"MS=ms1",)), Txt((FIRST.encode(),)))
    missing = judge("spf", healthy(), {TXT: SHORT}, dns={DOMAIN: HOST})
    assert isinstance(missing, Drifted)
    assert not missing.needs_approval


def two(**config):
    rows = healthy()
    rows["Get-AcceptedDomain"].append({"DomainName": SECOND, "DomainType": "Authoritative", **config})
    return rows


SECOND = "second.example"


HOSTS = {DOMAIN: HOST, SECOND: HOST}


def test_what_waits_for_an_approval_does_not_keep_another_domains_include_waiting():
    dns = {TXT: text("MS=ms1"), Question(SECOND, "TXT"): SHORT}
    first = judge("spf", two(), dns, dns=HOSTS)
    assert isinstance(first, Drifted)
    assert not first.needs_approval
    assert [drift.field for drift in first.drift] == [f"{SECOND}: SPF"]
    then = judge("spf", two(), dns | {Question(SECOND, "TXT"): text(GUIDE)}, dns=HOSTS)
    assert isinstance(then, Drifted)
    assert then.needs_approval
    assert [drift.field for drift in then.drift] == [f"{DOMAIN}: SPF"]


GUIDE = "v=spf1 include:proxy.exchangedefender.com include:spf.protection.outlook.com -all"


def test_an_alias_whose_target_has_the_record_is_as_documented():
    assert (
        judge("spf", healthy(), {Question(DOMAIN, "CNAME"): Present(("elsewhere.example",), 300, NOW)}) == Compliant()
    )


@pytest.mark.parametrize(
    ("record", "warning"),
    [
        (f"v=spf1 ip4:10.0.0.0/14 {GUIDE[7:]}", "ip4:10.0.0.0/14 lets a large part of the Internet send"),
        (f"v=spf1 {GUIDE[7:-5]} ptr -all", "not to be published"),
        (f"v=spf1 {GUIDE[7:-5]} a:gone1.example a:gone2.example -all", "has 2 void look-ups"),
        (f"v=spf1 {GUIDE[7:-5]} x={'y' * 450} -all", "better at most 450"),
        (f"v=spf1 {GUIDE[7:-5]} redirect=_spf.%{{d}}", "ends in a redirect that depends on the message"),
    ],
)
def test_what_is_worth_a_look_is_told_beside_a_compliant_record(record, warning):
    judgement = judge("spf", healthy(), {TXT: text(record)})
    told = judgement.detail if isinstance(judgement, Compliant) else getattr(judgement, "todo", "")
    assert warning in told


OTHERS = "v=spf1 include:proxy.exchangedefender.com  ip4:203.0.113.7 include:spf.protection.outlook.com a -all"


def with_inventory(record: str, inventory: Inventory, **config: Any) -> Judgement:
    target = replace(wanted(**config), inventory=inventory)
    dns = DNS | {TXT: text(record), Question(DOMAIN, "A"): Present(("203.0.113.8",), 300, NOW)}
    facts = answered(Facts(reading(healthy())), CATALOGUE["spf"], target, dns)
    return CATALOGUE["spf"].find(facts, target)


def test_the_terms_of_other_senders_are_findings_until_each_is_declared():
    judgement = with_inventory(OTHERS, PROVEN)
    assert isinstance(judgement, NeedsPerson)
    assert [(each.kind, each.name, each.value) for each in judgement.findings] == [
        ("term", DOMAIN, "ip4:203.0.113.7"),
        ("term", DOMAIN, "a"),
    ]
    declared = frozenset(each.id for each in judgement.findings)
    assert isinstance(with_inventory(OTHERS, replace(PROVEN, declared=declared)), Compliant)
    assert isinstance(with_inventory(OTHERS, Inventory()), Compliant)  # a row from before: silent


@pytest.mark.parametrize(
    ("before", "removed", "after"),
    [
        (OTHERS, "ip4:203.0.113.7", OTHERS.replace("  ip4:203.0.113.7", "")),
        (OTHERS, "a", OTHERS.replace(" a ", " ")),
        ("v=spf1 ip4:0.0.0.0/0 include:spf.protection.outlook.com -all", "ip4:0.0.0.0/0", GUIDE),
        (f"{GUIDE[:-5]} redirect=_spf.example.net", "redirect=_spf.example.net", None),
    ],
)
def test_a_term_that_a_person_has_removed_is_taken_out_and_the_rest_stays(before, removed, after):
    judgement = with_inventory(before, PROVEN)
    assert isinstance(judgement, NeedsPerson)
    [finding] = [each for each in judgement.findings if each.value == removed]
    going = with_inventory(before, PROVEN.without(finding.id), dns={DOMAIN: HOST})
    if after is None:
        assert isinstance(going, NeedsPerson)
        assert "no 'all' ends the record" in going.todo
        return
    assert isinstance(going, Drifted)
    [step] = going.steps
    assert step.removes == (finding.id,)
    assert change_of(step.parameters).wanted == (Txt((after.encode(),)),)
    told = with_inventory(before, PROVEN.without(finding.id))
    assert isinstance(told, NeedsPerson)
    assert f'publish TXT "{after}" in place of "{before}"' in told.todo


@pytest.mark.parametrize(
    "terms",
    ["ip4:0.0.0.0/0", "ip4:0.0.0.0/1 ip4:128.0.0.0/1", "a/0", "exists:x.northwindlegal.example", "include:open.example",
     "-all"],
)  # fmt: skip
@pytest.mark.parametrize("rest", [GUIDE[7:], "include:spf.protection.outlook.com -all"], ids=["whole", "short"])
def test_a_record_that_does_something_else_is_a_persons_whatever_is_missing(terms, rest):
    dns = {TXT: text(f"v=spf1 {terms} {rest}"), Question("open.example", "TXT"): text("v=spf1 +all")}
    judgement = judge("spf", healthy(), dns, dns={DOMAIN: HOST})
    assert isinstance(judgement, NeedsPerson)


def test_softfail_is_told_and_left_as_it_is():
    record = "v=spf1 include:proxy.exchangedefender.com include:spf.protection.outlook.com ~all"
    judgement = judge("spf", healthy(), {TXT: text(record)})
    assert isinstance(judgement, Compliant)
    assert "~all" in judgement.detail


@pytest.mark.parametrize("record", [("v=spf1 -all",), ("v=spf1 -all", "v=spf1 ~all"), ("v=spf1 include:",)])
def test_what_cannot_be_repaired_says_why(record):
    judgement = judge("spf", healthy(), {TXT: text(*record)})
    assert isinstance(judgement, NeedsPerson)
    assert "publish" not in judgement.todo
