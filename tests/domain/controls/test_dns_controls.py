"""MX, SPF and DMARC of every domain: told exactly, and never written without a provider."""

import pytest

from domain.control import Compliant, Drift, Drifted, Facts, NeedsPerson, Unknown
from domain.controls.per_domain import own_names
from domain.dns_steps import change_of
from domain.mail.answers import Absent, Mx, Present, Question, Txt, Unclear
from domain.profile import given
from tests.domain.builders import NOW, failing, healthy, judge, reading, text, wanted

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


def test_the_tenants_own_names_are_those_of_every_accepted_domain_that_is_one():
    rows = healthy()
    rows["Get-AcceptedDomain"] += [
        {"DomainName": name, "DomainType": "Authoritative"} for name in ("bücher.example", "a..b")
    ]
    assert own_names(Facts(reading(rows))) == (DOMAIN, "northwindlegal.onmicrosoft.com", "xn--bcher-kva.example")
    assert own_names(Facts(failing(rows, "Get-AcceptedDomain"))) == ()


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
    old = "v=spf1 ip4:203.0.113.7 include:spf.protection.outlook.com -all"
    assert f'publish TXT "{new}" in place of "{old}"' in finding.todo
    assert finding.drift == (Drift(f"{DOMAIN}: SPF", new, old),)


HOST = {"kind": "rfc2136", "server": "ns.example:53", "key_name": "k", "secret_setting": "HOLDFAST_DNS_SECRET_K"}
SHORT = text("v=spf1 include:spf.protection.outlook.com -all", "MS=ms1")
NOTHING = Absent(name_exists=False, ttl_s=300, at=NOW)


def test_where_the_zone_has_a_host_the_record_is_published_beside_all_that_is_there():
    finding = judge("spf", healthy(), {TXT: SHORT}, dns={DOMAIN: HOST})
    assert isinstance(finding, Drifted)
    [step] = finding.steps
    change = change_of(step.parameters)
    new = Txt((b"v=spf1 include:proxy.exchangedefender.com include:spf.protection.outlook.com -all",))
    assert (change.zone, change.name, change.type) == (DOMAIN, DOMAIN, "TXT")
    assert change.expected == SHORT.values
    assert change.wanted == (Txt((b"MS=ms1",)), new)
    assert finding.mended_by(step) == finding.drift == (Drift(f"{DOMAIN}: SPF", new.data.decode(), step_text(SHORT)),)


def step_text(answer):
    return answer.values[0].data.decode()


def test_a_missing_dmarc_record_is_published_where_the_zone_has_a_host():
    finding = judge("dmarc", healthy(), {DMARC: NOTHING}, dns={DOMAIN: HOST})
    assert isinstance(finding, Drifted)
    [step] = finding.steps
    assert (
        step.powershell
        == f'update add _dmarc.northwindlegal.example. 3600 TXT "{given(wanted().profile.dmarc).record}"'
    )


def test_a_missing_dmarc_record_is_published_at_the_highest_domain_and_inherited_below():
    rows = healthy()
    below = (f"sales.{DOMAIN}", f"eu.sales.{DOMAIN}")
    rows["Get-AcceptedDomain"] += [{"DomainName": name, "DomainType": "Authoritative"} for name in below]
    finding = judge("dmarc", rows, {DMARC: NOTHING}, dns={DOMAIN: HOST})
    assert isinstance(finding, Drifted)
    [step] = finding.steps
    assert step.parameters["Name"] == f"_dmarc.{DOMAIN}"
    assert [drift.field for drift in finding.drift] == [f"{DOMAIN}: DMARC"]
    for name in below:
        assert f"{name}: inherits the record of {DOMAIN}, once that is published" in finding.detail
    assert isinstance(judge("dmarc", rows, {DMARC: text("v=DMARC1; p=none")}, dns={DOMAIN: HOST}), Compliant)


def test_a_sub_domain_waits_also_for_a_record_that_a_person_is_to_publish():
    rows = healthy()
    rows["Get-AcceptedDomain"].append({"DomainName": f"sales.{DOMAIN}", "DomainType": "Authoritative"})
    finding = judge("dmarc", rows, {DMARC: NOTHING}, dns={f"sales.{DOMAIN}": HOST})
    assert isinstance(finding, NeedsPerson)
    assert f"publish _dmarc.{DOMAIN} TXT" in finding.todo
    assert f"sales.{DOMAIN}: inherits the record of {DOMAIN}" in finding.todo


@pytest.mark.parametrize("kind", ["InternalRelay", None])
def test_a_sub_domain_whose_parent_is_nobodys_to_mend_here_gets_its_own_dmarc_record(kind):
    rows, name = healthy(), f"sales.{DOMAIN}"
    rows["Get-AcceptedDomain"][0] |= {"DomainName": name}
    if kind:
        rows["Get-AcceptedDomain"].append({"DomainName": DOMAIN, "DomainType": kind})
    finding = judge("dmarc", rows, {DMARC: NOTHING}, dns={DOMAIN: HOST})
    assert isinstance(finding, Drifted)
    assert [step.parameters["Name"] for step in finding.steps] == [f"_dmarc.{name}"]


def test_another_text_at_the_name_of_a_dmarc_record_is_a_persons_to_judge():
    finding = judge("dmarc", healthy(), {DMARC: text("hello")}, dns={DOMAIN: HOST})
    assert isinstance(finding, NeedsPerson)


@pytest.mark.parametrize(
    ("cloud", "include"),
    [("us", "spf.protection.office365.us"), ("cn", "spf.protection.partner.outlook.cn")],
)
def test_microsofts_include_is_that_of_the_tenants_cloud(cloud, include):
    rows = healthy()
    dns = {TXT: text("v=spf1 include:proxy.exchangedefender.com -all"), Question(include, "TXT"): text("v=spf1 -all")}
    finding = judge("spf", rows, dns, initial_domain=f"northwindlegal.onmicrosoft.{cloud}")
    assert isinstance(finding, NeedsPerson)
    assert f"include:{include} include:proxy.exchangedefender.com -all" in finding.todo


def test_an_international_domain_is_published_under_its_a_labels():
    rows = healthy()
    rows["Get-AcceptedDomain"][0]["DomainName"] = "Bücher.example"
    name = "xn--bcher-kva.example"
    finding = judge("spf", rows, {Question(name, "TXT"): SHORT}, dns={"bücher.example": HOST})
    assert isinstance(finding, Drifted)
    change = change_of(finding.steps[0].parameters)
    assert (change.zone, change.name) == (name, name)


def test_one_domain_with_a_host_is_put_back_and_the_other_is_told():
    rows = healthy()
    rows["Get-AcceptedDomain"].append({"DomainName": "second.example", "DomainType": "Authoritative"})
    dns = {TXT: SHORT, Question("second.example", "TXT"): SHORT}
    finding = judge("spf", rows, dns, dns={DOMAIN: HOST})
    assert isinstance(finding, Drifted)
    assert [drift.field for drift in finding.drift] == [f"{DOMAIN}: SPF"]
    assert finding.detail.startswith("second.example: publish TXT")


def test_a_record_set_that_is_too_large_to_be_put_back_is_proposed():
    many = text("v=spf1 include:spf.protection.outlook.com -all", *(f"token-{n}-{'x' * 240}" for n in range(20)))
    finding = judge("spf", healthy(), {TXT: many}, dns={DOMAIN: HOST})
    assert isinstance(finding, NeedsPerson)
    assert "publish TXT" in finding.todo


def test_what_cannot_be_repaired_is_not_written_either():
    for record in (("v=spf1 -all",), ("v=spf1 -all", "v=spf1 ~all"), ("v=spf1 include:",)):
        assert isinstance(judge("spf", healthy(), {TXT: text(*record)}, dns={DOMAIN: HOST}), NeedsPerson)


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


def test_what_a_dmarc_record_leaves_to_be_wished_is_told_and_no_drift():
    finding = judge("dmarc", healthy(), {DMARC: text("v=DMARC1; p=none; sp=none; pct=50")})
    assert isinstance(finding, Compliant)
    assert "no mailbox in 'rua' receives reports" in finding.detail
    assert "pct=50: removed" in finding.detail


@pytest.mark.parametrize(
    ("answer", "told"),
    [(NOTHING, True), (text("hello"), True), (text("v=DMARC1"), False), (Unclear("SERVFAIL", NOW), False)],
    ids=["absent", "other", "wanted", "unclear"],
)
def test_reports_to_a_stranger_need_his_consent(answer, told):
    record = text(f"v=DMARC1; p=none; rua=mailto:a@{DOMAIN},mailto:d@vendor.example,mailto:e@VENDOR.example")
    consent = Question(f"{DOMAIN}._report._dmarc.vendor.example", "TXT")
    finding = judge("dmarc", healthy(), {DMARC: record, consent: answer})
    assert isinstance(finding, Compliant)
    assert (f"vendor.example has not said that it takes reports about {DOMAIN}" in finding.detail) is told


def test_a_mailbox_whose_consent_can_have_no_name_is_left_out():
    long = ".".join(["a" * 60] * 4)
    assert judge("dmarc", healthy(), {DMARC: text(f"v=DMARC1; p=none; rua=mailto:a@{long}")}) == Compliant()


def test_a_dmarc_record_at_the_domain_itself_is_told_and_none_is_made_beside_it():
    apex = text("v=DMARC1; p=reject", "v=spf1 -all")
    alone = judge("dmarc", healthy(), {DMARC: NOTHING, TXT: apex}, dns={DOMAIN: HOST})
    assert isinstance(alone, NeedsPerson)
    assert f"it belongs at _dmarc.{DOMAIN}" in alone.todo
    beside = judge("dmarc", healthy(), {TXT: apex})
    assert isinstance(beside, Compliant)
    assert "where nobody looks" in beside.detail


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
