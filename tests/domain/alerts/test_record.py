"""What is done about an alert, whatever was begun before, and what all of them come to."""

from dataclasses import replace

import pytest

from domain.alerts import tenant_state
from domain.alerts.alert import parse_alert
from domain.alerts.record import CHANGE_PATIENCE, GIVEN_UP_AFTER, forgotten
from tests.domain.alerts.samples import FALSE, NEVER, NOW, OURS, PROFILE, ROUND, THEIRS, UNPROVEN, alert, record_of

CLOSED = {"status": "resolved", "classification": "falsePositive", "determination": "notMalicious"}


@pytest.mark.parametrize(
    ("evidence", "fields", "before", "todo"),
    [
        (FALSE, {}, {}, "close"),
        (FALSE, {"assignedTo": "ann"}, {}, "leave"),
        (FALSE, {}, {"closed": NOW}, "leave"),
        (FALSE, {}, {"work": "closing"}, "close"),
        (FALSE, CLOSED, {"work": "closing"}, "finish"),
        (FALSE, CLOSED, {"work": "closing", "taken": NOW - CHANGE_PATIENCE}, "finish"),
        (FALSE, {}, {"work": "closing", "taken": NOW - CHANGE_PATIENCE / 2}, "wait"),
        (FALSE, {}, {"work": "closing", "taken": NOW - CHANGE_PATIENCE}, "give_up"),
        (FALSE, THEIRS, {"work": "closing", "taken": NOW}, "leave"),
        (FALSE, {}, {"stuck": True}, "leave"),
        (FALSE, CLOSED, {"closed": NOW}, "leave"),
        (FALSE, CLOSED, {}, "leave"),
        (FALSE, THEIRS, {"work": "closing"}, "leave"),
        (ROUND, {}, {}, "leave"),
        (ROUND, {}, {"work": "closing"}, "leave"),
        (ROUND, CLOSED, {"closed": NOW}, "reopen"),
        (UNPROVEN, CLOSED, {"closed": NOW}, "reopen"),
        (ROUND, CLOSED, {"closed": NOW, "work": "reopening"}, "reopen"),
        (ROUND, {}, {"closed": NOW, "work": "reopening"}, "finish"),
        (ROUND, CLOSED, {"closed": NOW, "work": "reopening", "taken": NOW}, "wait"),
        (ROUND, CLOSED, {"closed": NOW, "work": "reopening", "taken": NOW - CHANGE_PATIENCE}, "give_up"),
        (ROUND, {"assignedTo": "ann"}, {"closed": NOW, "work": "reopening"}, "leave"),
        (ROUND, THEIRS, {"closed": NOW}, "leave"),
        (ROUND, CLOSED, {"closed": NOW, "reopened": NOW}, "leave"),
    ],
)
def test_what_is_done_follows_from_what_shows_and_what_was_begun(evidence, fields, before, todo):
    record, seen = record_of(alert(*evidence, **fields), **before)
    assert record.todo(seen, OURS, NOW) == todo


def test_what_could_not_be_read_says_why():
    assert tenant_state.unread(NEVER, "no consent", NOW).detail == "no consent"
    assert tenant_state.without_service(NEVER, "no licence", NOW).state == "not_applicable"


def test_an_alert_that_fails_visit_after_visit_is_given_up_once_and_says_why_once():
    record, _ = record_of(alert(*FALSE))
    for visits in range(1, GIVEN_UP_AFTER + 2):
        record = record.not_read("AF50000")
        assert record.given_up == (visits >= GIVEN_UP_AFTER)
        assert record.again == (not record.given_up)
        assert record.standing == record.given_up
    assert record.reason.count("could not be read or closed in 3 visits: AF50000") == 1
    state = tenant_state.with_alerts(NEVER, [record], PROFILE, NOW)
    assert state.state == "needs_person"
    assert record.id in state.detail


def test_our_comment_is_known_by_a_word_of_its_own_and_as_before_where_none_was_made():
    begun, _ = record_of(alert(*FALSE), work="closing")
    assert begun.marker == "[Holdfast: closed]"
    assert replace(begun, mark="1f").marker == "[Holdfast: closed 1f]"
    assert replace(begun, work="reopening", mark="2e").marker == "[Holdfast: reopened 2e]"


@pytest.mark.parametrize(("fields", "standing"), [({}, True), (CLOSED, False)])
def test_an_alert_whose_record_made_no_sense_is_left_as_it_is_and_a_persons_while_it_is_open(fields, standing):
    raw = alert(*FALSE, **fields)
    record = forgotten(parse_alert(raw))
    assert record.standing == standing
    judged, seen = record_of(raw, stuck=record.stuck)
    assert judged.todo(seen, OURS, NOW) == "leave"
