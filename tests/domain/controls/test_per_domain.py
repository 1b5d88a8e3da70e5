import pytest

from domain.control import Drifted, NeedsPerson, Unknown
from domain.controls.per_domain import own_names
from domain.facts import Facts
from domain.mail.answers import Absent, DnsAnswer, Mx, Present, Question, Unclear
from tests.domain.builders import NOW, failing, healthy, judge, reading, text

DOMAIN = "northwindlegal.example"


MX, TXT, DMARC = Question(DOMAIN, "MX"), Question(DOMAIN, "TXT"), Question(f"_dmarc.{DOMAIN}", "TXT")


MICROSOFT = Present((Mx(0, "northwindlegal-example.mail.protection.outlook.com"),), 300, NOW)


def test_the_tenants_own_names_are_those_of_every_accepted_domain_that_is_one():
    rows = healthy()
    rows["Get-AcceptedDomain"] += [
        {"DomainName": name, "DomainType": "Authoritative"} for name in ("bücher.example", "a..b")
    ]
    assert own_names(Facts(reading(rows))) == (DOMAIN, "northwindlegal.onmicrosoft.com", "xn--bcher-kva.example")
    assert own_names(Facts(failing(rows, "Get-AcceptedDomain"))) == ()


HOST = {"kind": "rfc2136", "server": "ns.example:53", "key_name": "k", "secret_setting": "HOLDFAST_DNS_SECRET_K"}


SHORT = text("v=spf1 include:spf.protection.outlook.com -all", "MS=ms1")


NOTHING = Absent(name_exists=False, ttl_s=300, at=NOW)


def two(**config):
    rows = healthy()
    rows["Get-AcceptedDomain"].append({"DomainName": SECOND, "DomainType": "Authoritative", **config})
    return rows


SECOND = "second.example"


HOSTS = {DOMAIN: HOST, SECOND: HOST}


@pytest.mark.parametrize(("control", "name"), [("spf", DOMAIN), ("dmarc", f"_dmarc.{DOMAIN}")])
@pytest.mark.parametrize("config", [{}, {"dns": {DOMAIN: HOST}}], ids=["proposed", "published"])
def test_nothing_is_planned_on_a_name_that_is_an_alias(control, name, config):
    dns: dict[Question, DnsAnswer] = {Question(name, "TXT"): Absent(name_exists=True, ttl_s=300, at=NOW)}
    alias: dict[Question, DnsAnswer] = {Question(name, "CNAME"): Present(("elsewhere.example",), 300, NOW)}
    judgement = judge(control, healthy(), dns | alias, **config)
    assert isinstance(judgement, NeedsPerson)
    assert f"{name} is an alias of elsewhere.example" in judgement.todo
    assert "publish TXT" not in judgement.todo
    unclear: dict[Question, DnsAnswer] = {Question(name, "CNAME"): Unclear("SERVFAIL", NOW)}
    assert isinstance(judge(control, healthy(), dns | unclear, **config), Unknown)


UNCLEAR = Unclear("SERVFAIL", NOW)


PER_DOMAIN = [
    ("mx", {Question(SECOND, "MX"): UNCLEAR}, {MX: MICROSOFT}, NeedsPerson),
    ("spf", {Question(SECOND, "TXT"): UNCLEAR}, {TXT: SHORT}, Drifted),
    ("spf", {Question(SECOND, "TXT"): UNCLEAR}, {TXT: text("v=spf1 +all")}, NeedsPerson),
    ("dmarc", {Question(f"_dmarc.{SECOND}", "TXT"): UNCLEAR}, {DMARC: NOTHING}, Drifted),
]


@pytest.mark.parametrize(("control", "unclear", "off", "kind"), PER_DOMAIN)
def test_one_unclear_domain_keeps_nothing_of_the_others_back_and_nothing_compliant(control, unclear, off, kind):
    others = judge(control, two(), unclear, dns=HOSTS)
    assert isinstance(others, Unknown)
    assert SECOND in others.reason
    assert others.reason.endswith(f"as documented: {DOMAIN}")
    assert [name.split(":")[0] for name in others.equal] == [DOMAIN]
    found = judge(control, two(), unclear | off, dns=HOSTS)
    assert isinstance(found, kind)
    assert [drift.field.split(":")[0] for drift in found.drift] == [DOMAIN]
    assert found.unseen == (SECOND,)
    assert f"{SECOND}: " in (found.detail if isinstance(found, Drifted) else found.todo)


@pytest.mark.parametrize("control", ["mx", "spf", "dmarc"])
def test_a_domain_that_is_no_name_is_unknown(control):
    rows = healthy()
    rows["Get-AcceptedDomain"][0]["DomainName"] = "a..b"
    assert isinstance(judge(control, rows), Unknown)


def test_what_only_a_person_can_judge_in_one_domain_is_found_while_another_is_unclear():
    others = text(
        "v=spf1 ip4:192.0.2.7 include:proxy.exchangedefender.com include:spf.protection.outlook.com -all", "MS=ms1"
    )
    judged = judge("spf", two(), {TXT: others, Question(SECOND, "TXT"): UNCLEAR}, dns=HOSTS)
    assert isinstance(judged, Unknown)
    assert [(each.name, each.value) for each in judged.findings] == [(DOMAIN, "ip4:192.0.2.7")]
