"""An alert is false by proof only."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.alerts.alert import OddAlert, parse_alert
from domain.alerts.triage import FalseAlarm, GotRound, Unproven, Wall, triage
from domain.findings import found
from domain.profile import Profile
from domain.states import Span
from domain.tenant import Wanted
from tests.domain.alerts.samples import (
    LOCKED,
    MAIL,
    PROFILE,
    WALL,
    WANTED,
    alert,
    cluster,
    evidence,
    mailbox,
    message,
    moments,
)

SHOWN = "b2c9a7e4-3d10-4c55-7e21-08deb2a93f00"


UNKNOWN_KIND = {"@odata.type": "#microsoft.graph.security.teamsMessageEvidence", "campaignId": 7}


def judged(*evidence, lockdown=LOCKED, bypass=WALL.bypass, undeclared=(), tenant=WANTED, **fields):
    return triage(parse_alert(alert(*evidence, **fields)), tenant, Wall(lockdown, bypass, undeclared))


@pytest.mark.parametrize(
    ("moved", "verdict"), [(timedelta(minutes=5), FalseAlarm), (timedelta(hours=-7), GotRound), (None, GotRound)]
)
def test_mail_of_a_range_that_a_wave_has_dropped_came_by_the_filter_until_the_change_took_effect(moved, verdict):
    newer = Profile.model_validate(PROFILE.model_dump(exclude_unset=True) | {"delivery_networks": ["203.0.113.0/24"]})
    tenant = Wanted(WANTED.tenant, newer, others=(PROFILE,), moved_at=None if moved is None else MAIL + moved)
    assert isinstance(judged(message(), tenant=tenant), verdict)
    assert isinstance(judged(message(receivedDateTime=None), tenant=tenant), verdict)
    assert isinstance(judged(message("203.0.113.9"), tenant=tenant), FalseAlarm)


def test_of_a_filter_whose_range_is_not_known_no_mail_is_said_to_have_come_round_it():
    bare = Profile(id="x", version="1", name="Another Filter", guide="https://filter.example", sources={})
    for address in ("65.99.255.9", "203.0.113.9"):
        verdict = triage(parse_alert(alert(message(address))), replace(WANTED, profile=bare), WALL)
        assert verdict == Unproven("no range is known that mail of Another Filter comes from")


@pytest.mark.parametrize(
    "evidence",
    [
        pytest.param([message()], id="one message of the range"),
        pytest.param([message("65.99.255.0"), message("65.99.255.255")], id="first and last address"),
        pytest.param([message(" 65.99.255.9 ")], id="blanks around"),
        pytest.param([message("::ffff:65.99.255.9")], id="IPv4 in IPv6 clothes"),
        pytest.param([message(), mailbox(), UNKNOWN_KIND], id="other evidence beside"),
        pytest.param([message(antiSpamDirection=None)], id="direction null"),
        pytest.param([message(antiSpamDirection="inbound", deliveryAction="")], id="other case of the direction"),
        pytest.param([message(), cluster(SHOWN)], id="a cluster of what is shown"),
        pytest.param([message(), cluster(count=None)], id="an empty cluster"),
        pytest.param([message(p2Sender=None, subject=None)], id="no sender, no subject"),
    ],
)
def test_mail_of_the_filter_under_a_proven_lockdown_is_a_false_alarm(evidence):
    assert isinstance(judged(*evidence), FalseAlarm)


@pytest.mark.parametrize(
    "evidence",
    [
        pytest.param([], id="no evidence"),
        pytest.param([mailbox()], id="no message"),
        pytest.param([message(None)], id="senderIp null"),
        pytest.param([{k: v for k, v in message().items() if k != "senderIp"}], id="senderIp missing"),
        pytest.param([message("")], id="senderIp empty"),
        pytest.param([message("255.255.255.255")], id="the placeholder"),
        pytest.param([message("10.0.0.8")], id="private"),
        pytest.param([message("192.168.1.9")], id="private too"),
        pytest.param([message("100.64.3.1")], id="carrier-grade"),
        pytest.param([message("127.0.0.1")], id="loopback"),
        pytest.param([message("fd00::1")], id="private IPv6"),
        pytest.param([message("::1")], id="loopback IPv6"),
        pytest.param([message("0.0.0.9")], id="unspecified"),
        pytest.param([message("65.99.255.024")], id="an ambiguous spelling"),
        pytest.param([message("65.99.255.24:25")], id="with a port"),
        pytest.param([message("65.99.255.0/24")], id="a network"),
        pytest.param([message("inbound30.exchangedefender.com")], id="a name"),
        pytest.param([message(), message(None)], id="one of two unknown"),
        pytest.param([message(antiSpamDirection="Outbound")], id="outbound"),
        pytest.param([message(antiSpamDirection="intraorg")], id="within the organisation"),
        pytest.param([message(), cluster("another-message")], id="a cluster names mail that is not shown"),
        pytest.param([message(), cluster(count=7)], id="a cluster counts mail that is not shown"),
    ],
)
def test_evidence_that_is_not_proven_leaves_it_open(evidence):
    assert isinstance(judged(*evidence), Unproven)


@pytest.mark.parametrize("address", ["198.51.100.24", "65.99.254.255", "206.125.40.9", "2001:4860::8", "52.96.0.1"])
def test_mail_from_elsewhere_got_round_the_filter(address):
    verdict = judged(message(), message(address), message(None))
    assert isinstance(verdict, GotRound)
    assert [each.sender_ip for each in verdict.messages] == [address]


HOUR = timedelta(hours=1)


OVER = (Span(start=MAIL - HOUR, end=MAIL + HOUR),)


@pytest.mark.parametrize(
    ("lockdown", "verdict"),
    [
        pytest.param(LOCKED, FalseAlarm, id="compliant before and after"),
        pytest.param(replace(LOCKED, read_at=MAIL + timedelta(minutes=1)), FalseAlarm, id="until then"),
        pytest.param(replace(LOCKED, read_at=MAIL), Unproven, id="not read since the last mail"),
        pytest.param(replace(LOCKED, since=MAIL + timedelta(seconds=1)), Unproven, id="only since"),
        pytest.param(replace(LOCKED, state="drifted"), Unproven, id="drifted"),
        pytest.param(replace(LOCKED, state="unknown"), Unproven, id="unreadable"),
        pytest.param(replace(LOCKED, state="drifted", proofs=OVER), FalseAlarm, id="drifted later"),
        pytest.param(replace(LOCKED, state="unknown", proofs=OVER), FalseAlarm, id="unreadable later"),
        pytest.param(replace(LOCKED, read_at=None), Unproven, id="never read"),
    ],
)
def test_the_lockdown_must_have_been_proven_when_the_mail_came(lockdown, verdict):
    assert isinstance(judged(message(), lockdown=lockdown), verdict)


def test_it_is_looked_at_again_only_where_a_later_look_can_still_prove_the_lockdown():
    late = judged(message(), lockdown=replace(LOCKED, read_at=MAIL))
    lost = judged(message(), lockdown=replace(LOCKED, state="held"))
    assert late == Unproven("the lock-down has not been read since the mail came", waits=True)
    assert lost == Unproven("the lock-down was not proven compliant when the mail came", waits=False)


def test_the_wall_beside_the_lock_must_have_been_proven_too():
    late = judged(message(), bypass=replace(WALL.bypass, read_at=MAIL))
    assert late == Unproven("what else lets mail in has not been read since the mail came", waits=True)
    unread = judged(message(), bypass=replace(WALL.bypass, state="unknown"))
    assert unread == Unproven("what else lets mail in was not proven when the mail came")


def test_no_alert_is_false_while_a_way_round_was_open_that_no_person_had_declared():
    """Whether its kind was new, so that the control was compliant beside it, or it was taken away since."""
    way = replace(found("bypass", "lock-bypass", "connector Copier", "203.0.113.7", "x"), since=MAIL)
    open_still = judged(message(), undeclared=(way,))
    assert open_still == Unproven("mail could get round the filter when it came, by 'connector Copier'")
    assert isinstance(judged(message(), undeclared=(replace(way, gone_at=MAIL + HOUR),)), Unproven)
    assert isinstance(judged(message(), undeclared=(replace(way, gone_at=MAIL - 99 * HOUR),)), FalseAlarm)


def test_every_message_must_have_its_time_unless_the_alert_has():
    times = {"firstActivityDateTime": None, "lastActivityDateTime": None}
    assert isinstance(judged(message(), **times), FalseAlarm)
    assert isinstance(judged(message(receivedDateTime=None)), FalseAlarm)
    assert isinstance(judged(message(), message(receivedDateTime=None), **times), Unproven)


spans = st.integers(-9, 9).flatmap(
    lambda start: st.integers(0, 9).map(
        lambda hours: Span(start=MAIL + start * HOUR, end=MAIL + (start + hours) * HOUR)
    )
)


@settings(max_examples=80)
@given(evidence, moments, moments, st.lists(spans, max_size=2).map(tuple), st.sampled_from(["drifted", "unknown"]))
def test_no_alert_is_ever_false_on_evidence_that_is_not_proven(found, first, last, proofs, state):
    raw = alert(*found, firstActivityDateTime=first, lastActivityDateTime=last)
    lockdown = replace(LOCKED, proofs=proofs, state=state)
    try:
        parsed = parse_alert(raw)
    except OddAlert:
        return
    if not isinstance(triage(parsed, WANTED, replace(WALL, lockdown=lockdown)), FalseAlarm):
        return
    mails = [item for item in found if "senderIp" in item]
    assert mails
    assert all(mail["senderIp"].strip().startswith(("65.99.255.", "::ffff:")) for mail in mails)
    times = [mail.received for mail in parsed.messages if mail.received] + [
        at for at in (parsed.first_activity, parsed.last_activity) if at
    ]
    assert any(proof.start <= min(times) and max(times) <= proof.end for proof in proofs)
