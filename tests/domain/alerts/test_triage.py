"""An alert is false by proof only."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.alerts.alert import OddAlert, concerns, parse
from domain.alerts.triage import FalseAlarm, GotRound, Unproven, triage
from domain.states import Span
from tests.domain.alerts.samples import LOCKED, MAIL, PROFILE, alert, cluster, mailbox, message

SHOWN = "b2c9a7e4-3d10-4c55-7e21-08deb2a93f00"
CLUSTER = "#microsoft.graph.security.mailClusterEvidence"
UNKNOWN_KIND = {"@odata.type": "#microsoft.graph.security.teamsMessageEvidence", "campaignId": 7}


def judged(*evidence, lockdown=LOCKED, **fields):
    return triage(parse(alert(*evidence, **fields)), PROFILE, lockdown)


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
        pytest.param(LOCKED.model_copy(update={"read_at": MAIL + timedelta(minutes=1)}), FalseAlarm, id="until then"),
        pytest.param(LOCKED.model_copy(update={"read_at": MAIL}), Unproven, id="not read since the last mail"),
        pytest.param(LOCKED.model_copy(update={"since": MAIL + timedelta(seconds=1)}), Unproven, id="only since"),
        pytest.param(LOCKED.model_copy(update={"state": "drifted"}), Unproven, id="drifted"),
        pytest.param(LOCKED.model_copy(update={"state": "unknown"}), Unproven, id="unreadable"),
        pytest.param(LOCKED.model_copy(update={"state": "drifted", "proofs": OVER}), FalseAlarm, id="drifted later"),
        pytest.param(LOCKED.model_copy(update={"state": "unknown", "proofs": OVER}), FalseAlarm, id="unreadable later"),
        pytest.param(LOCKED.model_copy(update={"read_at": None}), Unproven, id="never read"),
    ],
)
def test_the_lockdown_must_have_been_proven_when_the_mail_came(lockdown, verdict):
    assert isinstance(judged(message(), lockdown=lockdown), verdict)


def test_it_is_looked_at_again_only_where_a_later_look_can_still_prove_the_lockdown():
    late = judged(message(), lockdown=LOCKED.model_copy(update={"read_at": MAIL}))
    lost = judged(message(), lockdown=LOCKED.model_copy(update={"state": "held"}))
    assert late == Unproven("the lock-down has not been read since the mail came", waits=True)
    assert lost == Unproven("the lock-down was not proven compliant when the mail came", waits=False)


def test_every_message_must_have_its_time_unless_the_alert_has():
    times = {"firstActivityDateTime": None, "lastActivityDateTime": None}
    assert isinstance(judged(message(), **times), FalseAlarm)
    assert isinstance(judged(message(receivedDateTime=None)), FalseAlarm)
    assert isinstance(judged(message(), message(receivedDateTime=None), **times), Unproven)


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"id": None}, "alert.id"),
        ({"id": "../incidents/1"}, "alert.id"),
        ({"id": 7}, "alert.id"),
        ({"status": None}, "alert.status"),
        ({"lastUpdateDateTime": None}, "alert.lastUpdateDateTime"),
        ({"lastUpdateDateTime": 1785748601}, "alert.lastUpdateDateTime"),
        ({"lastUpdateDateTime": "2026-08-03T09:16:41"}, "alert.lastUpdateDateTime"),
        ({"firstActivityDateTime": "soon"}, "alert.firstActivityDateTime"),
        ({"title": "x" * 5000}, "alert.title"),
        ({"evidence": "none"}, "evidence"),
        ({"evidence": [None]}, "evidence"),
        ({"evidence": [{"senderIp": "65.99.255.1"}]}, "evidence"),
        ({"evidence": [message(65)]}, "alert.messages.0.senderIp"),
        ({"evidence": [message("6" * 5000)]}, "alert.messages.0.senderIp"),
        ({"evidence": [message(subject=["a"])]}, "alert.messages.0.subject"),
        ({"evidence": [message(receivedDateTime=17)]}, "alert.messages.0.receivedDateTime"),
        ({"evidence": [{"@odata.type": CLUSTER, "emailCount": "7"}]}, "alert.clusters.0.emailCount"),
        ({"comments": "none"}, "alert.comments"),
        ({"assignedTo": {"name": "Ann"}}, "alert.assignedTo"),
    ],
)
def test_an_odd_alert_is_refused_in_one_line_that_names_the_field(fields, fault):
    with pytest.raises(OddAlert, match=fault) as refusal:
        parse(alert(message()) | fields)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("title", "ours"),
    [
        ("Phish delivered due to an IP allow policy", True),
        ("Phish delivered due to an ETR override", True),
        (" phish  delivered due to an IP allow policy\u200b", True),
        ("Phish not zapped because ZAP is disabled", False),
        ("Phish delivered due to tenant or user override", False),
        ("", False),
    ],
)
def test_only_alerts_of_the_profiles_policies_concern_us(title, ours):
    assert concerns(alert(title=title), PROFILE) is ours


def test_the_same_title_from_another_product_does_not_concern_us():
    assert not concerns(alert(serviceSource="microsoftSentinel"), PROFILE)


@pytest.mark.parametrize("raw", [None, "alert", [1], {"title": None}, {"title": 7}, {}])
def test_what_may_be_an_alert_of_ours_or_not_is_refused(raw):
    with pytest.raises(OddAlert):
        concerns(raw, PROFILE)


@pytest.mark.parametrize(
    ("fields", "is_open", "untouched"),
    [
        ({}, True, True),
        ({"status": "inProgress"}, True, True),
        ({"status": "resolved"}, False, True),
        ({"status": "unknown"}, False, True),
        ({"classification": "unknown", "determination": "unknown"}, True, True),
        ({"classification": "truePositive"}, True, False),
        ({"determination": "phishing"}, True, False),
        ({"assignedTo": "ann@contoso.example"}, True, False),
    ],
)
def test_what_a_person_took_or_judged_is_told_apart(fields, is_open, untouched):
    found = parse(alert(**fields))
    assert (found.open, found.untouched) == (is_open, untouched)


def test_our_comment_is_recognised():
    assert parse(alert(comments=[{"comment": None}, {"comment": "Closed [mark]"}])).says("[mark]")
    assert not parse(alert(comments=None)).says("[mark]")


addresses = st.one_of(
    st.none(),
    st.sampled_from(["", "255.255.255.255", "65.99.255.7", "65.99.255.7 ", "10.1.2.3", "::1", "65.99.255", "x"]),
    st.ip_addresses().map(str),
    st.integers(0, 255).map(lambda last: f"65.99.255.{last}"),
    st.text(max_size=20),
)
moments = st.none() | st.datetimes().map(lambda at: f"{at.isoformat()}Z")
evidence = st.lists(
    st.one_of(
        st.builds(message, addresses, receivedDateTime=moments, antiSpamDirection=st.none() | st.text(max_size=8)),
        st.builds(cluster, st.text(max_size=3), count=st.none() | st.integers(-1, 5)),
        st.just(mailbox()),
        st.dictionaries(
            st.sampled_from(["@odata.type", "senderIp", "verdict"]), st.none() | st.integers() | st.text(max_size=9)
        ),
    ),
    max_size=4,
)
spans = st.integers(-9, 9).flatmap(
    lambda start: st.integers(0, 9).map(
        lambda hours: Span(start=MAIL + start * HOUR, end=MAIL + (start + hours) * HOUR)
    )
)


@settings(max_examples=80)
@given(evidence, moments, moments, st.lists(spans, max_size=2).map(tuple), st.sampled_from(["drifted", "unknown"]))
def test_no_alert_is_ever_false_on_evidence_that_is_not_proven(found, first, last, proofs, state):
    raw = alert(*found, firstActivityDateTime=first, lastActivityDateTime=last)
    lockdown = LOCKED.model_copy(update={"proofs": proofs, "state": state})
    try:
        parsed = parse(raw)
    except OddAlert:
        return
    if not isinstance(triage(parsed, PROFILE, lockdown), FalseAlarm):
        return
    mails = [item for item in found if "senderIp" in item]
    assert mails
    assert all(mail["senderIp"].strip().startswith(("65.99.255.", "::ffff:")) for mail in mails)
    times = [mail.received for mail in parsed.messages if mail.received] + [
        at for at in (parsed.first_activity, parsed.last_activity) if at
    ]
    assert any(proof.start <= min(times) and max(times) <= proof.end for proof in proofs)
