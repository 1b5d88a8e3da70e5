from dataclasses import replace
from datetime import timedelta

from domain.alerts import finding
from domain.alerts.alert import parse
from domain.alerts.record import blank
from domain.alerts.triage import triage
from domain.states import ControlState
from tests.domain.alerts.samples import LOCKED, NOW, PROFILE, alert, message

OURS = ("falsePositive", "notMalicious")


THEIRS = {"status": "resolved", "classification": "truePositive", "determination": "phishing"}


FALSE, ROUND, UNPROVEN = [message()], [message("198.51.100.24")], [message(None)]


NEVER = ControlState(id=finding.FALSE_ALERTS)


def record_of(raw, **fields):
    seen = parse(raw)
    before = replace(blank(seen), **fields)
    return before.judged(seen, triage(seen, PROFILE, LOCKED), OURS), seen


def test_one_finding_lists_the_messages_of_all_alerts_and_names_each_cause_once():
    one, _ = record_of(alert(*ROUND, id="fa1"))
    other, _ = record_of(alert(message("198.51.100.99", p2Sender=None, internetMessageId=None), id="fa2"))
    found = finding.found(NEVER, [one, other], PROFILE, NOW)
    assert (found.state, len(found.drift)) == ("needs_person", 2)
    assert found.detail.count("IP allow policy") == 1
    again = finding.found(found, [one], PROFILE, NOW + timedelta(hours=1))
    assert (again.detail, again.since) == (found.detail, NOW)


def test_settled_and_false_alerts_are_no_finding():
    records = [record_of(alert(*ROUND, **THEIRS))[0], record_of(alert(*FALSE))[0], record_of(alert(*UNPROVEN))[0]]
    assert finding.found(NEVER, records, PROFILE, NOW).state == "compliant"
