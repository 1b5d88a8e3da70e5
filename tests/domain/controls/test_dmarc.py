import pytest

from domain.control import Compliant, Drifted, NeedsPerson
from domain.mail.answers import Absent, Question, Unclear
from domain.profile import given
from tests.domain.builders import NOW, healthy, judge, text, wanted

DOMAIN = "northwindlegal.example"


MX, TXT, DMARC = Question(DOMAIN, "MX"), Question(DOMAIN, "TXT"), Question(f"_dmarc.{DOMAIN}", "TXT")


HOST = {"kind": "rfc2136", "server": "ns.example:53", "key_name": "k", "secret_setting": "HOLDFAST_DNS_SECRET_K"}


NOTHING = Absent(name_exists=False, ttl_s=300, at=NOW)


def test_a_missing_dmarc_record_is_published_where_the_zone_has_a_host():
    judgement = judge("dmarc", healthy(), {DMARC: NOTHING}, dns={DOMAIN: HOST})
    assert isinstance(judgement, Drifted)
    [step] = judgement.steps
    assert (
        step.powershell
        == f'update add _dmarc.northwindlegal.example. 3600 TXT "{given(wanted().profile.dmarc).record}"'
    )


def test_a_missing_dmarc_record_is_published_at_the_highest_domain_and_inherited_below():
    rows = healthy()
    below = (f"sales.{DOMAIN}", f"eu.sales.{DOMAIN}")
    rows["Get-AcceptedDomain"] += [{"DomainName": name, "DomainType": "Authoritative"} for name in below]
    judgement = judge("dmarc", rows, {DMARC: NOTHING}, dns={DOMAIN: HOST})
    assert isinstance(judgement, Drifted)
    [step] = judgement.steps
    assert step.parameters["Name"] == f"_dmarc.{DOMAIN}"
    assert [drift.field for drift in judgement.drift] == [f"{DOMAIN}: DMARC"]
    for name in below:
        assert f"{name}: inherits the record of {DOMAIN}, once that is published" in judgement.detail
    assert isinstance(judge("dmarc", rows, {DMARC: text("v=DMARC1; p=none")}, dns={DOMAIN: HOST}), Compliant)


def test_a_sub_domain_waits_also_for_a_record_that_a_person_is_to_publish():
    rows = healthy()
    rows["Get-AcceptedDomain"].append({"DomainName": f"sales.{DOMAIN}", "DomainType": "Authoritative"})
    judgement = judge("dmarc", rows, {DMARC: NOTHING}, dns={f"sales.{DOMAIN}": HOST})
    assert isinstance(judgement, NeedsPerson)
    assert f"publish _dmarc.{DOMAIN} TXT" in judgement.todo
    assert f"sales.{DOMAIN}: inherits the record of {DOMAIN}" in judgement.todo


@pytest.mark.parametrize("kind", ["InternalRelay", None])
def test_a_sub_domain_whose_parent_is_nobodys_to_mend_here_gets_its_own_dmarc_record(kind):
    rows, name = healthy(), f"sales.{DOMAIN}"
    rows["Get-AcceptedDomain"][0] |= {"DomainName": name}
    if kind:
        rows["Get-AcceptedDomain"].append({"DomainName": DOMAIN, "DomainType": kind})
    judgement = judge("dmarc", rows, {DMARC: NOTHING}, dns={DOMAIN: HOST})
    assert isinstance(judgement, Drifted)
    assert [step.parameters["Name"] for step in judgement.steps] == [f"_dmarc.{name}"]


def test_another_text_at_the_name_of_a_dmarc_record_is_a_persons_to_judge():
    judgement = judge("dmarc", healthy(), {DMARC: text("hello")}, dns={DOMAIN: HOST})
    assert isinstance(judgement, NeedsPerson)


def test_a_missing_dmarc_record_is_proposed():
    judgement = judge("dmarc", healthy(), {DMARC: Absent(name_exists=False, ttl_s=300, at=NOW)})
    assert isinstance(judgement, NeedsPerson)
    assert f'publish _dmarc.{DOMAIN} TXT "v=DMARC1; p=none"' in judgement.todo


def test_what_a_dmarc_record_leaves_to_be_wished_is_told_and_no_drift():
    judgement = judge("dmarc", healthy(), {DMARC: text("v=DMARC1; p=none; sp=none; pct=50")})
    assert isinstance(judgement, Compliant)
    assert "no mailbox in 'rua' receives reports" in judgement.detail
    assert "pct=50: removed" in judgement.detail


@pytest.mark.parametrize(
    ("answer", "told"),
    [(NOTHING, True), (text("hello"), True), (text("v=DMARC1"), False), (Unclear("SERVFAIL", NOW), False)],
    ids=["absent", "other", "wanted", "unclear"],
)
def test_reports_to_a_stranger_need_his_consent(answer, told):
    record = text(f"v=DMARC1; p=none; rua=mailto:a@{DOMAIN},mailto:d@vendor.example,mailto:e@VENDOR.example")
    consent = Question(f"{DOMAIN}._report._dmarc.vendor.example", "TXT")
    judgement = judge("dmarc", healthy(), {DMARC: record, consent: answer})
    assert isinstance(judgement, Compliant)
    assert (f"vendor.example has not said that it takes reports about {DOMAIN}" in judgement.detail) is told


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
    judgement = judge("dmarc", healthy(), {DMARC: text("v=DMARC1; p=none", "v=DMARC1; p=reject")})
    assert isinstance(judgement, NeedsPerson)
    assert "publish" not in judgement.todo


NO_POLICY = [
    ("v=DMARC1", "neither 'p' nor a mailbox"),
    ("v=DMARC1; p=block", "no valid 'p'"),
    ("v=DMARC1; p=reject; sp=block", "no valid 'sp'"),
    ("v=DMARC1; p=reject; np=block", "no valid 'np'"),
]


@pytest.mark.parametrize(("record", "why"), NO_POLICY)
@pytest.mark.parametrize("at", [DOMAIN, "example"], ids=["own", "inherited"])
def test_a_dmarc_record_of_which_receivers_apply_nothing_is_a_persons(record, why, at):
    judgement = judge(
        "dmarc", healthy(), {DMARC: NOTHING, Question(f"_dmarc.{at}", "TXT"): text(record)}, dns={DOMAIN: HOST}
    )
    assert isinstance(judgement, NeedsPerson)
    assert f"receivers apply nothing of the record of {at}" in judgement.todo
    assert why in judgement.todo
    reports = text(f"{record}; rua=mailto:dmarc@{DOMAIN}")
    assert isinstance(judge("dmarc", healthy(), {DMARC: reports}), Compliant)
