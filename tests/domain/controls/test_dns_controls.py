"""MX, SPF and DMARC of every domain: told exactly, and never written without a provider."""

import pytest

from domain.control import Compliant, Drift, NeedsPerson, Unknown
from domain.mail.answers import Absent, Mx, Present, Question, Unclear
from tests.domain.builders import NOW, healthy, judge, text

DOMAIN = "northwindlegal.example"
MX, TXT, DMARC = Question(DOMAIN, "MX"), Question(DOMAIN, "TXT"), Question(f"_dmarc.{DOMAIN}", "TXT")
MICROSOFT = Present((Mx(0, "northwindlegal-example.mail.protection.outlook.com"),), 300, NOW)


def unlocked():
    rows = healthy()
    rows["Get-InboundConnector"][0]["Enabled"] = False
    return rows


def test_an_mx_elsewhere_is_told_with_the_host():
    finding = judge("mx", unlocked(), {MX: MICROSOFT})
    assert isinstance(finding, NeedsPerson)
    assert finding.todo.startswith(
        f"{DOMAIN}: its MX northwindlegal-example.mail.protection.outlook.com is not the filter's"
    )
    assert [drift.field for drift in finding.drift] == [f"{DOMAIN}: MX"]


def test_an_mx_elsewhere_on_a_locked_tenant_is_an_outage_with_the_way_out_in_order():
    finding = judge("mx", healthy(), {MX: MICROSOFT})
    assert isinstance(finding, NeedsPerson)
    assert "being refused NOW: switch the lock-down off, move the MX back" in finding.todo


def test_a_domain_whose_mail_is_only_passed_on_counts_and_microsofts_own_do_not():
    rows = healthy()
    names = {"relay.example": "InternalRelay", "away.example": "ExternalRelay", "x.onmicrosoft.us": "Authoritative"}
    rows["Get-AcceptedDomain"] += [{"DomainName": name, "DomainType": kind} for name, kind in names.items()]
    finding = judge("mx", rows, {Question(name, "MX"): MICROSOFT for name in names})
    assert isinstance(finding, NeedsPerson)
    assert [drift.field for drift in finding.drift] == ["relay.example: MX"]


def test_a_declared_service_does_not_lock():
    rows = unlocked()
    rows["Get-InboundConnector"].append(
        rows["Get-InboundConnector"][0]
        | {"Name": "Relay", "Identity": "Relay", "Enabled": True, "SenderIPAddresses": ["203.0.113.7"]}
    )
    declared = [{"name": "Relay", "sender_ips": ["203.0.113.7"]}]
    finding = judge("mx", rows, {MX: MICROSOFT}, service_connectors=declared)
    assert isinstance(finding, NeedsPerson)
    assert "NOW" not in finding.todo


def test_a_missing_include_is_proposed_as_the_exact_record():
    finding = judge(
        "spf", healthy(), {TXT: text("v=spf1 ip4:203.0.113.7 include:spf.protection.outlook.com -all", "MS=ms1")}
    )
    assert isinstance(finding, NeedsPerson)
    new = "v=spf1 include:proxy.exchangedefender.com ip4:203.0.113.7 include:spf.protection.outlook.com -all"
    assert f'publish TXT "{new}"' in finding.todo
    assert finding.drift == (Drift(f"{DOMAIN}: SPF", "includes", "no or another record"),)


def test_a_domain_without_spf_is_proposed_the_guides_record():
    finding = judge("spf", healthy(), {TXT: text("MS=ms1")})
    assert isinstance(finding, NeedsPerson)
    assert (
        '"v=spf1 include:proxy.exchangedefender.com include:spf.protection.outlook.com -all" as there is none'
        in finding.todo
    )


def test_softfail_is_told_and_left_as_it_is():
    record = "v=spf1 include:proxy.exchangedefender.com include:spf.protection.outlook.com ~all"
    finding = judge("spf", healthy(), {TXT: text(record)})
    assert isinstance(finding, Compliant)
    assert "~all" in finding.detail


@pytest.mark.parametrize("record", [("v=spf1 -all",), ("v=spf1 -all", "v=spf1 ~all"), ("v=spf1 include:",)])
def test_what_cannot_be_repaired_says_why(record):
    finding = judge("spf", healthy(), {TXT: text(*record)})
    assert isinstance(finding, NeedsPerson)
    assert "publish" not in finding.todo


def test_a_missing_dmarc_record_is_proposed():
    finding = judge("dmarc", healthy(), {DMARC: Absent(name_exists=False, ttl_s=300, at=NOW)})
    assert isinstance(finding, NeedsPerson)
    assert f'publish _dmarc.{DOMAIN} TXT "v=DMARC1; p=none"' in finding.todo


def test_two_dmarc_records_are_told_and_no_third_is_proposed():
    finding = judge("dmarc", healthy(), {DMARC: text("v=DMARC1; p=none", "v=DMARC1; p=reject")})
    assert isinstance(finding, NeedsPerson)
    assert "publish" not in finding.todo


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
