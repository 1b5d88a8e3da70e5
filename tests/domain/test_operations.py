from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from domain.control import Drift, Drifted
from domain.operations import ControlOutcome, Operation, ending, outcome_of_plan
from domain.steps import ShownStep, Step

NOON = datetime(2026, 8, 11, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("states", "looked_only", "expected"),
    [
        (["compliant", "not_applicable"], False, "succeeded"),
        (["compliant", "unknown"], False, "failed"),
        (["compliant", "drifted"], True, "succeeded"),
        (["unknown"], True, "failed"),
        (["correcting", "held"], False, "running"),
        (["needs_person", "held"], False, "needs_person"),
        (["held", "compliant"], False, "held"),
    ],
)
def test_an_operation_ends_as_its_controls_do(states, looked_only, expected):
    controls = tuple(ControlOutcome(id=str(i), state=state) for i, state in enumerate(states))
    assert ending(controls, looked_only=looked_only) == expected


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (["compliant"], "succeeded"),
        (["compliant", "drifted"], "failed"),
        (["correcting"], "failed"),
        (["drifted", "held"], "held"),
        (["drifted", "excepted"], "held"),
        (["correcting", "needs_person"], "needs_person"),
    ],
)
def test_an_operation_that_nobody_waits_for_any_longer_ends_with_what_is_not_right(states, expected):
    controls = tuple(ControlOutcome(id=str(i), state=state) for i, state in enumerate(states))
    assert ending(controls, looked_only=False, goes_on=False) == expected


def test_an_operation_is_about_the_time_until_all_that_it_allowed_is_over():
    asked = Operation(id="1", kind="open", tenant_id="t", created_at=NOON)
    ended = replace(asked, finished_at=NOON + timedelta(minutes=1))
    meant = replace(ended, until=NOON + timedelta(days=1))
    assert [each.last_meant for each in (asked, ended, meant)] == [NOON, ended.finished_at, meant.until]


def test_an_outcome_shows_what_the_plan_would_write_and_nothing_where_there_is_none():
    drift, step = Drift("Enabled", wanted=True, found=False), Step("exchange", "Set-X", {"Identity": "Lock"})
    shown = outcome_of_plan("mx", "held", "why", Drifted((drift,), (step,)))
    assert (shown.id, shown.state, shown.drift, shown.detail) == ("mx", "held", (drift,), "why")
    assert shown.steps == (ShownStep.of(step),)
    assert outcome_of_plan("mx", "held", "why", None) == ControlOutcome(id="mx", state="held", detail="why")


def test_what_an_operation_tells_is_the_same_entry_however_often_it_is_told():
    operation = Operation(
        id="o-1", kind="undo", tenant_id="t-1", requested_by="alice", reason="a test", created_at=NOON
    )
    entry = operation.told("undoing", "spf", "begun")
    assert entry == operation.told("undoing", "spf", "begun")
    assert (entry.at, entry.tenant_id, entry.operation_id) == (NOON, "t-1", "o-1")
    assert (entry.actor, entry.requested_by, entry.reason) == ("alice", "alice", "a test")


def test_what_an_operation_is_about_to_write_stands_in_its_entry():
    operation = Operation(id="o-1", kind="open", tenant_id="t-1", created_at=NOON)
    plan = Drifted((Drift("Enabled", False, True),), (Step("exchange", "Set-InboundConnector", {"Identity": "x"}),))
    entry = operation.told("opening", "inbound-lockdown", plan=plan)
    assert [(each.field, each.found) for each in entry.drift] == [("Enabled", True)]
    assert [each.cmdlet for each in entry.steps] == ["Set-InboundConnector"]
