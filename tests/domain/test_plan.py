"""The corrections of one plan, and what the control's state says of them."""

from dataclasses import replace

import pytest

from domain.control import Compliant, Drifted
from domain.corrections import (
    CALM,
    EARLY_PATIENCE,
    PROOF_PATIENCE,
    TRY_AGAIN_AFTER,
    Answered,
    Memory,
    NotSent,
    Sending,
    StepRefused,
    TooEarly,
    Unanswered,
)
from domain.gate import GateAnswer
from domain.ledger import Entry, entry_id
from domain.operations import outcome
from domain.plan import after_event, begun, judged, put_off, stopped, too_soon
from domain.states import ControlState
from domain.steps import Step
from tests.domain.builders import NOW
from tests.domain.test_corrections import LATE, NEW, SET, SOON

TWO = Drifted(
    SET.drift + NEW.drift,
    (Step("exchange", "Set-X", {"Enabled": True}, ("Enabled",)), Step("exchange", "New-X", {"Name": "X"}, ("Name",))),
)
STATE = ControlState(id="oof-rule")
BRAKE = GateAnswer("brake", passed=False, reason="now")


def sent(plan, *, answered=False):
    state = begun(STATE, plan, NOW)
    for step in plan.steps:
        state = after_event(state, step, Sending(), NOW)
        state = after_event(state, step, Answered(), NOW) if answered else state
    return state


def cmdlets(corrections):
    return [each.step.cmdlet for each in corrections]


def test_a_plan_names_the_entry_that_announced_it():
    state = begun(STATE, SET, NOW)
    announced = Entry(at=NOW, tenant_id="t", control="oof-rule", event="applying")
    assert state.announced == announced.id == entry_id(NOW, "applying", "oof-rule")
    assert STATE.announced == ""


def test_each_correction_is_settled_by_itself():
    judgement = Drifted(NEW.drift, NEW.steps, equal=frozenset({"Enabled"}))
    told = judged(sent(TWO, answered=True), judgement, SOON, patient=True)
    assert cmdlets(told.proven) == ["Set-X"]
    assert told.state.state == "correcting"
    assert cmdlets(told.state.corrections) == ["New-X"]


def test_what_was_never_sent_is_planned_again():
    state = after_event(begun(STATE, TWO, NOW), TWO.steps[0], Sending(), NOW)
    told = judged(state, TWO, SOON, patient=True)
    assert (told.proven, told.superseded) == ((), ())
    assert cmdlets(told.state.corrections) == ["Set-X"]


def test_only_what_was_announced_and_not_sent_yet_is_still_to_be_sent():
    state = begun(STATE, TWO, NOW)
    assert [state.is_planned(step) for step in (*TWO.steps, Step("exchange", "Set-Y", {}))] == [True, True, False]
    state = after_event(state, TWO.steps[0], Sending(), NOW)
    assert [state.is_planned(step) for step in TWO.steps] == [False, True]


def test_what_was_lost_is_waited_for_before_it_is_made_again():
    assert judged(sent(SET), SET, SOON, patient=True).state.corrections
    told = judged(sent(SET), SET, SOON, patient=False)
    assert (told.state.state, told.state.corrections) == ("drifted", ())
    assert told.state.memory_of(SET.steps[0]).is_due(SOON)


def test_what_is_gone_is_superseded():
    told = judged(sent(SET, answered=True), Compliant(), SOON, patient=True)
    assert (cmdlets(told.superseded), told.state.corrections) == (["Set-X"], ())


def test_a_state_without_corrections_is_left_alone():
    assert judged(STATE, SET, NOW, patient=True).state == STATE


@pytest.mark.parametrize("event", [Sending(), Answered(), Unanswered(), NotSent()], ids=str)
def test_an_event_can_only_come_to_a_step_under_way(event):
    with pytest.raises(ValueError, match="no correction"):
        after_event(STATE, SET.steps[0], event, NOW)


def test_a_lost_answer_changes_nothing():
    assert after_event(sent(SET), SET.steps[0], Unanswered(), SOON) == sent(SET)


def test_what_had_no_effect_is_remembered_as_failed():
    told = judged(sent(SET, answered=True), SET, LATE, patient=True)
    assert {key: memory.failed_at for key, memory in told.state.memories.items()} == {SET.steps[0].key: LATE}


def test_what_was_made_is_not_made_again_for_a_moment():
    told = judged(sent(NEW, answered=True), Compliant(equal=frozenset({"Name"})), SOON, patient=True)
    assert too_soon(told.state, NEW, SOON)
    assert not too_soon(told.state, SET, SOON)
    assert not too_soon(told.state, NEW, SOON + CALM)


def test_a_refused_step_leaves_the_others_to_their_proof():
    state = after_event(sent(TWO), TWO.steps[0], StepRefused("no."), LATE, "By hand.")
    assert (state.state, state.detail) == ("correcting", "no. By hand.")
    assert state.memories == {TWO.steps[0].key: Memory(failed_at=LATE, due_at=LATE + TRY_AGAIN_AFTER, why="no.")}
    last = after_event(state, TWO.steps[1], StepRefused("no."), LATE, "By hand.")
    assert (last.state, last.corrections) == ("needs_person", ())


def test_what_is_known_of_a_step_goes_with_it_and_comes_back():
    known = STATE.remembering({SET.steps[0].key: Memory(hindrance="silence", jobs=3)})
    state = begun(known, SET, NOW)
    assert state.memories == {}
    assert put_off(state, "drifted", "", NOW).memories == known.memories
    again = after_event(after_event(state, SET.steps[0], Sending(), NOW), SET.steps[0], NotSent("x", "silence"), NOW)
    assert again.memories == {SET.steps[0].key: Memory(hindrance="silence", jobs=4)}


def test_a_step_that_was_too_early_is_waited_for_and_then_a_persons():
    step = NEW.steps[0]
    early = after_event(sent(NEW), step, TooEarly("not seen yet."), NOW, "By hand.")
    assert (early.state, early.corrections) == ("held", ())
    assert early.detail == "not seen yet. Tried again every 6 hours until 2026-11-27 12:00 UTC."
    over = NOW + EARLY_PATIENCE
    again = after_event(begun(early, NEW, over), step, Sending(), over)
    last = after_event(again, step, TooEarly("not seen yet."), over, "By hand.")
    assert (last.state, last.detail) == ("needs_person", "not seen yet. By hand.")


def test_what_was_sent_still_wants_its_proof_when_the_rest_is_stopped():
    state = after_event(begun(STATE, TWO, NOW), TWO.steps[0], Sending(), NOW)
    held = stopped(state, TWO, BRAKE, "correct", NOW)
    assert held.state == "correcting"
    assert cmdlets(held.corrections) == ["Set-X"]
    nothing_sent = stopped(after_event(state, TWO.steps[0], NotSent(), NOW), TWO, BRAKE, "correct", NOW)
    assert (nothing_sent.state, nothing_sent.corrections) == ("held", ())


def test_a_step_that_was_turned_away_is_forgotten_alone_and_says_why():
    state = after_event(sent(TWO), TWO.steps[0], NotSent("no connection"), LATE)
    assert (cmdlets(state.corrections), state.memories) == (["New-X"], {})
    last = after_event(sent(SET), SET.steps[0], NotSent("no connection"), LATE)
    assert (last.state, last.corrections, last.detail) == ("drifted", (), "no connection")


def test_what_is_put_off_says_why():
    state = put_off(begun(STATE, SET, NOW), "drifted", "throttled", NOW)
    assert (state.state, state.detail, state.corrections) == ("drifted", "throttled", ())


@pytest.mark.parametrize(
    ("gate", "mode", "state"),
    [
        ("brake", "correct", "held"),
        ("guard", "approve", "held"),
        ("exception", "correct", "excepted"),
        ("mode", "approve", "awaiting_approval"),
        ("mode", "observe", "drifted"),
        ("approval", "correct", "awaiting_approval"),
    ],
)
def test_what_the_gate_refuses_gets_the_state_that_says_why(gate, mode, state):
    after = stopped(STATE, SET, GateAnswer(gate, passed=False, reason="because"), mode, NOW)
    assert after.state == state
    assert after.detail.endswith("because")
    assert after.steps
    assert after.plan


def test_an_outcome_shows_what_the_state_shows():
    state = begun(STATE, SET, NOW)
    assert outcome(state).steps == state.steps


def test_a_correction_says_when_its_drift_was_seen():
    [correction] = begun(replace(STATE, since=NOW - PROOF_PATIENCE), SET, NOW).corrections
    assert correction.seen_at == NOW - PROOF_PATIENCE
