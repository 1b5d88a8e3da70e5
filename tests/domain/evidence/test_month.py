"""A month of a tenant: made of its ledger, config and states, and of nothing else."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.control import Drift
from domain.controls import CATALOGUE
from domain.evidence.brand import Brand
from domain.evidence.month import Known, month_of, without_people
from domain.evidence.page import as_page
from domain.evidence.period import bounds, month_before
from domain.evidence.table import as_csv
from domain.exemption import Exemption
from domain.findings import Finding, found, to_be_answered
from domain.ledger import Entry
from domain.states import ControlState
from domain.tenant import Declaration, TenantConfig
from tests.domain.builders import TENANT_ID

START = datetime(2026, 11, 1, tzinfo=UTC)
AFTER = datetime(2026, 12, 1, 4, tzinfo=UTC)
SPF = Drift("contoso.example", "v=spf1 -all", "v=spf1 include:bob@x.example ~all")


def entry(day, event, control="", **fields):
    return Entry(at=START + timedelta(days=day), tenant_id=TENANT_ID, control=control, event=event, **fields)


PROVEN = entry(
    -3,
    "first_look",
    after={
        "standing": dict.fromkeys(CATALOGUE, "proven") | dict.fromkeys(("direct-send", "mail-flow"), "not_applicable")
    },
)


def known(*entries, states=None, declared=(), **fields):
    good = {
        each: ControlState(id=each, state="compliant", since=START, read_at=AFTER)
        for each in CATALOGUE
        if each != "mail-flow"
    }
    config = TenantConfig(
        tenant_id=TENANT_ID, name="Contoso", initial_domain="contoso.onmicrosoft.com", declared=declared
    )
    return Known(config, (PROVEN, *entries), entries, good | (states or {}), **fields)


def made(*entries, now=AFTER, month="2026-11", **fields):
    return month_of(known(*entries, **fields), month, now)


def test_a_month_in_which_nothing_happened_is_proven_whole():
    month = made()
    assert (month.complete, month.proven) == (True, 1.0)
    assert (month.start, month.end) == (START, datetime(2026, 12, 1, tzinfo=UTC))
    applied = [each for each in month.controls if each.id not in {"direct-send", "mail-flow"}]
    assert all((each.proven, each.at_end, len(each.spans)) == (1.0, "proven", 1) for each in applied)
    [other] = [each for each in month.controls if each.id == "direct-send"]
    assert (other.proven, other.seconds) == (0.0, {"not_applicable": 30 * 86_400})


def test_a_month_that_goes_on_ends_now_and_one_to_come_is_none():
    month = made(now=START + timedelta(days=7))
    assert (month.complete, month.end) == (False, START + timedelta(days=7))
    for wrong in ("2026-12", "2026-13", "november"):
        with pytest.raises(ValueError, match=r"^month: "):
            made(now=START + timedelta(days=7), month=wrong)


def test_a_tenant_to_which_nothing_applies_is_proven_of_nothing():
    nothing = entry(-1, "first_look", after={"standing": dict.fromkeys(CATALOGUE, "not_applicable")})
    assert made(nothing).proven == 0.0


def test_months_begin_and_end_in_utc():
    assert bounds("2026-12").end == datetime(2027, 1, 1, tzinfo=UTC)
    assert month_before(datetime(2027, 1, 1, 4, tzinfo=UTC)) == "2026-12"


def test_each_drift_is_told_with_who_when_seen_and_when_proven_fixed():
    found = entry(4, "drift_found", "spf", drift=(SPF,), last_good=START + timedelta(days=3.9))
    named = entry(4.5, "actor_named", "spf", actor="adm@contoso.example", of=found.id)
    fixed, other = entry(5, "corrected", "spf"), entry(4.1, "corrected", "mx")
    [drift] = made(found, other, named, fixed).drifts
    assert (drift.by, drift.seen_at, drift.last_good) == ("adm@contoso.example", found.at, found.last_good)
    assert (drift.fixed_at, drift.entry, drift.fixed_by) == (fixed.at, found.id, fixed.id)
    [untold] = made(found).drifts
    assert (untold.by, untold.fixed_at, untold.fixed_by) == ("", None, "")


def test_what_was_fixed_after_the_month_is_told_and_what_drifted_after_it_is_not():
    found, fixed = entry(29, "drift_found", "spf", drift=(SPF,)), entry(30.1, "corrected", "spf")
    later = entry(30.05, "drift_found", "mx", drift=(SPF,))
    [drift] = made(found, later, fixed).drifts
    assert drift.fixed_at == fixed.at


def test_people_are_named_only_where_something_is_to_be_done():
    values = (SPF, Drift("Senders", ("a.b@x.example",), None), Drift("Enabled", wanted=True, found=False))
    [drift] = made(entry(4, "drift_found", "spf", drift=values)).drifts
    assert drift.fields[0].found == "v=spf1 include:(someone)@x.example ~all"
    assert (drift.fields[1].wanted, drift.fields[2].wanted) == (("(someone)@x.example",), True)
    assert without_people("to Ann <ann+x@a.example>, 5@home") == "to Ann <(someone)@a.example>, 5@home"
    waits = Finding("1" * 16, "sender", "lock-bypass", "allow list", "ceo@partner.example", "skips", since=START)
    [finding] = made(findings=(waits,)).findings
    assert (finding.value, finding.id) == ("ceo@partner.example", "1" * 16)


def test_the_mail_itself_is_told_of_where_it_is_asked():
    assert made().mail_flow.standing == "not asked"
    assert made(states={"mail-flow": ControlState(id="mail-flow")}).mail_flow.standing == "not asked"
    asked = ControlState(id="mail-flow", state="compliant", read_at=AFTER, detail="4,120 messages, to bob@x.example")
    flow = made(states={"mail-flow": asked}).mail_flow
    assert (flow.standing, flow.detail, flow.read_at) == ("proven", "4,120 messages, to (someone)@x.example", AFTER)


def test_what_a_person_answers_for_is_told_with_the_owner_where_it_held_in_the_month():
    until, past = AFTER + timedelta(days=9), START - timedelta(days=1)
    exceptions = {
        "dmarc": Exemption(reason="moves", owner="Ann", until=until),
        "spf": Exemption(reason="x", owner="x", until=past),
    }
    fields = {
        "kind": "address",
        "control": "inbound-lockdown",
        "name": "ExchangeDefender",
        "reason": "copier",
        "owner": "Bea",
    }
    declared = [
        Declaration(finding="0" * 16, value="198.51.100.7", until=until, **fields),
        Declaration(finding="2" * 16, value="198.51.100.8", until=past, **fields),
    ]
    there = Finding("0" * 16, "address", "inbound-lockdown", "x", "198.51.100.7", "x")
    gone = Finding("3" * 16, "address", "inbound-lockdown", "x", "198.51.100.9", "x", gone_at=past)
    month = made(exceptions=exceptions, declared=declared, findings=(there, gone))
    assert [(each.kind, each.control, each.what, each.owner) for each in month.accepted] == [
        ("exception", "dmarc", "", "Ann"),
        ("declaration", "inbound-lockdown", "address 198.51.100.7", "Bea"),
    ]
    assert month.findings == ()


def test_alerts_are_told_with_their_verdict_and_no_recipient():
    closed = entry(
        6, "alert_closed", "false-alerts", detail="Phish, alert a1: to bob@x.example", before={"messages": [{}, {}]}
    )
    left = entry(7, "alert_left_open", "false-alerts", detail="Phish, alert a2: round the filter")
    one, two = made(closed, left).alerts
    assert (one.verdict, one.messages, one.detail) == ("closed", 2, "Phish, alert a1: to (someone)@x.example")
    assert (two.verdict, two.messages) == ("left open", 0)


def test_an_exception_that_was_over_when_the_month_was_made_is_told_with_its_owner():
    accepted = Exemption(reason="moves", owner="Ann", until=START + timedelta(days=28)).sentence
    month = made(
        entry(2, "exception_made", "dmarc", detail=accepted), entry(28, "exception_ended", "dmarc", detail=accepted)
    )
    assert [(each.control, each.owner, each.reason) for each in month.accepted] == [("dmarc", "Ann", "moves")]


def test_a_finding_that_came_and_went_in_the_month_is_told_by_what_a_person_was_asked():
    old = found("connector", "lock-bypass", "Old scanner", "ann@x.example", "mail round the filter")
    asked = entry(4, "needs_person", "lock-bypass", detail=to_be_answered([old]))
    other = entry(5, "needs_person", "alert-policies", detail="the policy is not there")
    later = entry(31, "needs_person", "lock-bypass", detail=to_be_answered([old]))
    month = made(asked, other, later, now=AFTER + timedelta(days=2))
    [told] = month.asked
    assert (told.at, told.control, told.entry) == (asked.at, "lock-bypass", asked.id)
    assert "connector '(someone)@x.example' on 'Old scanner'" in told.detail
    assert "Old scanner" in as_page(month, Brand())
    assert f"asked,lock-bypass,{asked.at.isoformat()}" in as_csv(month)
