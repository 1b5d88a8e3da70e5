import pytest

from domain.control import Facts, Unknown
from domain.controls.per_domain import own_names
from domain.mail.answers import Question, Unclear
from tests.domain.builders import NOW, failing, healthy, judge, reading

DOMAIN = "northwindlegal.example"


MX, TXT, DMARC = Question(DOMAIN, "MX"), Question(DOMAIN, "TXT"), Question(f"_dmarc.{DOMAIN}", "TXT")


def test_the_tenants_own_names_are_those_of_every_accepted_domain_that_is_one():
    rows = healthy()
    rows["Get-AcceptedDomain"] += [
        {"DomainName": name, "DomainType": "Authoritative"} for name in ("bücher.example", "a..b")
    ]
    assert own_names(Facts(reading(rows))) == (DOMAIN, "northwindlegal.onmicrosoft.com", "xn--bcher-kva.example")
    assert own_names(Facts(failing(rows, "Get-AcceptedDomain"))) == ()


def test_one_domain_that_is_unclear_leaves_all_unknown():
    rows = healthy()
    rows["Get-AcceptedDomain"].append({"DomainName": "second.example", "DomainType": "Authoritative"})
    second = {Question("second.example", "MX"): Unclear("SERVFAIL", NOW)}
    finding = judge("mx", rows, second)
    assert isinstance(finding, Unknown)
    assert "second.example" in finding.reason


@pytest.mark.parametrize("control", ["mx", "spf", "dmarc"])
def test_a_domain_that_is_no_name_is_unknown(control):
    rows = healthy()
    rows["Get-AcceptedDomain"][0]["DomainName"] = "a..b"
    assert isinstance(judge(control, rows), Unknown)
