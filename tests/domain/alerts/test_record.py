"""What is done about an alert, whatever was begun before, and what all of them come to."""

from dataclasses import replace

import pytest

from domain.alerts import finding
from domain.alerts.alert import parse
from domain.alerts.record import blank
from domain.alerts.triage import triage
from domain.states import ControlState
from tests.domain.alerts.samples import LOCKED, NOW, PROFILE, alert, message

OURS = ("falsePositive", "notMalicious")


CLOSED = {"status": "resolved", "classification": "falsePositive", "determination": "notMalicious"}


THEIRS = {"status": "resolved", "classification": "truePositive", "determination": "phishing"}


FALSE, ROUND, UNPROVEN = [message()], [message("198.51.100.24")], [message(None)]


NEVER = ControlState(id=finding.FALSE_ALERTS)


def record_of(raw, **fields):
    seen = parse(raw)
    before = replace(blank(seen), **fields)
    return before.judged(seen, triage(seen, PROFILE, LOCKED), OURS), seen


@pytest.mark.parametrize(
    ("evidence", "fields", "before", "todo"),
    [
        (FALSE, {}, {}, "close"),
        (FALSE, {"assignedTo": "ann"}, {}, "leave"),
        (FALSE, {}, {"closed": NOW}, "leave"),
        (FALSE, {}, {"work": "closing"}, "close"),
        (FALSE, CLOSED, {"work": "closing"}, "finish"),
        (FALSE, CLOSED, {"closed": NOW}, "leave"),
        (FALSE, CLOSED, {}, "leave"),
        (FALSE, THEIRS, {"work": "closing"}, "leave"),
        (ROUND, {}, {}, "leave"),
        (ROUND, {}, {"work": "closing"}, "leave"),
        (ROUND, CLOSED, {"closed": NOW}, "reopen"),
        (UNPROVEN, CLOSED, {"closed": NOW}, "reopen"),
        (ROUND, CLOSED, {"closed": NOW, "work": "reopening"}, "reopen"),
        (ROUND, {}, {"closed": NOW, "work": "reopening"}, "finish"),
        (ROUND, {"assignedTo": "ann"}, {"closed": NOW, "work": "reopening"}, "leave"),
        (ROUND, THEIRS, {"closed": NOW}, "leave"),
        (ROUND, CLOSED, {"closed": NOW, "reopened": NOW}, "leave"),
    ],
)
def test_what_is_done_follows_from_what_shows_and_what_was_begun(evidence, fields, before, todo):
    record, seen = record_of(alert(*evidence, **fields), **before)
    assert record.todo(seen, OURS) == todo


def test_what_could_not_be_read_says_why():
    assert finding.unread(NEVER, "no consent", NOW).detail == "no consent"
    assert finding.without_service(NEVER, "no licence", NOW).state == "not_applicable"
