import pytest

from domain.alerts.alert import OddAlert, is_false_alert_policy, parse_alert
from tests.domain.alerts.samples import (
    PROFILE,
    alert,
    message,
)

CLUSTER = "#microsoft.graph.security.mailClusterEvidence"


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
        parse_alert(alert(message()) | fields)
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
    assert is_false_alert_policy(alert(title=title), PROFILE) is ours


def test_the_same_title_from_another_product_does_not_concern_us():
    assert not is_false_alert_policy(alert(serviceSource="microsoftSentinel"), PROFILE)


@pytest.mark.parametrize("raw", [None, "alert", [1], {"title": None}, {"title": 7}, {}])
def test_what_may_be_an_alert_of_ours_or_not_is_refused(raw):
    with pytest.raises(OddAlert):
        is_false_alert_policy(raw, PROFILE)


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
    found = parse_alert(alert(**fields))
    assert (found.open, found.untouched) == (is_open, untouched)


def test_our_comment_is_recognised():
    assert parse_alert(alert(comments=[{"comment": None}, {"comment": "Closed [mark]"}])).says("[mark]")
    assert not parse_alert(alert(comments=None)).says("[mark]")
