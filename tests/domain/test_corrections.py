from datetime import timedelta

import pytest

from domain.control import Compliant, Drift, Drifted, NeedsPerson, NotApplicable, Unknown
from domain.corrections import (
    CALM,
    EARLY_PATIENCE,
    LOST_PATIENCE,
    PROOF_PATIENCE,
    answered,
    begun,
    not_sent,
    progress,
    proof,
    put_off,
    refused_step,
    sending,
    stopped,
    there_already,
    too_early,
    too_soon,
    turned_away,
    unsent,
)
from domain.gate import Answer, Ruling
from domain.ledger import Entry, answers_view, entry_id
from domain.operations import ControlOutcome, ending, outcome
from domain.states import ControlState, Tried
from domain.steps import Step
from tests.domain.builders import NOW

SET = Drifted((Drift("Enabled", wanted=True, found=False),), (Step("exchange", "Set-X", {"Enabled": True}),))
NEW = Drifted((Drift("Name", "X", None),), (Step("exchange", "New-X", {"Name": "X"}),))
TWO = Drifted(
    SET.drift + NEW.drift,
    (Step("exchange", "Set-X", {"Enabled": True}, ("Enabled",)), Step("exchange", "New-X", {"Name": "X"}, ("Name",))),
)
STATE = ControlState(id="oof-rule")
SOON, LATE, VERY_LATE = NOW + timedelta(seconds=1), NOW + PROOF_PATIENCE, NOW + LOST_PATIENCE


def sent(plan, *, was_answered=False):
    state = begun(STATE, plan, NOW)
    for step in plan.steps:
        state = sending(state, step, NOW)
        state = answered(state, step) if was_answered else state
    return state


def judged(plan, finding, now, *, was_answered):
    correction = sent(plan, was_answered=was_answered).correction
    assert correction
    return proof(correction.changes[0], finding, now)


@pytest.mark.parametrize(
    "finding",
    [
        Compliant(equal=frozenset({"Enabled"})),
        NeedsPerson("another thing", equal=frozenset({"Enabled"})),
        Drifted((Drift("Comment", "a", "b"),), SET.steps, equal=frozenset({"Enabled"})),
    ],
    ids=str,
)
def test_a_write_is_proven_by_its_fields_being_compared_and_equal(finding):
    assert judged(SET, finding, SOON, was_answered=True) == "proven"


@pytest.mark.parametrize("finding", [Compliant(), NotApplicable("x"), NeedsPerson("there are two"), NEW], ids=str)
def test_a_field_that_was_not_compared_proves_nothing(finding):
    assert judged(SET, finding, SOON, was_answered=True) == "superseded"


@pytest.mark.parametrize(
    ("plan", "was_answered", "now", "expected"),
    [
        (SET, True, SOON, "pending"),
        (SET, True, LATE, "no_effect"),
        (NEW, True, LATE, "no_effect"),
        (SET, False, SOON, "lost"),
        (NEW, False, LATE, "pending"),
        (NEW, False, VERY_LATE, "lost"),
    ],
)
def test_a_write_that_does_not_show_is_waited_for_then_judged(plan, was_answered, now, expected):
    assert judged(plan, plan, now, was_answered=was_answered) == expected


@pytest.mark.parametrize("now", [SOON, LATE])
def test_what_cannot_be_read_proves_nothing(now):
    assert judged(SET, Unknown("no answer"), now, was_answered=True) == "pending"


def test_a_person_is_told_when_the_field_stays_off_for_them_to_mend():
    finding = NeedsPerson("by hand", SET.drift)
    assert judged(SET, finding, LATE, was_answered=True) == "no_effect"


def test_a_correction_names_the_entry_that_announced_it():
    state = begun(STATE, SET, NOW)
    assert state.correction
    announced = Entry(at=NOW, tenant_id="t", control="oof-rule", event="applying")
    assert state.correction.entry == announced.id == entry_id(NOW, "applying", "oof-rule")


def test_each_change_is_settled_by_itself():
    told = progress(
        sent(TWO, was_answered=True), Drifted(NEW.drift, NEW.steps, equal=frozenset({"Enabled"})), SOON, patient=True
    )
    assert [change.step["cmdlet"] for change in told.those("proven")] == ["Set-X"]
    assert told.state.state == "correcting"
    assert told.state.correction
    assert [change.step["cmdlet"] for change in told.state.correction.changes] == ["New-X"]


def test_what_was_never_sent_is_planned_again():
    state = begun(STATE, TWO, NOW)
    told = progress(sending(state, TWO.steps[0], NOW), TWO, SOON, patient=True)
    assert [change.step["cmdlet"] for change in told.those("unsent")] == ["New-X"]
    assert [change.step["cmdlet"] for change in told.those("pending")] == ["Set-X"]


def test_what_was_lost_is_waited_for_before_it_is_made_again():
    assert progress(sent(SET), SET, SOON, patient=True).those("pending")
    told = progress(sent(SET), SET, SOON, patient=False)
    assert told.those("lost")
    assert (told.state.state, told.state.correction) == ("drifted", None)


def test_a_state_without_a_correction_makes_no_progress():
    told = progress(STATE, SET, NOW, patient=True)
    assert (told.state, told.by) == (STATE, {})


@pytest.mark.parametrize("note", [sending, unsent, answered])
def test_a_step_can_only_be_noted_in_a_correction(note):
    with pytest.raises(ValueError, match="no correction"):
        note(STATE, SET.steps[0], *([NOW] if note is sending else []))


def test_what_had_no_effect_is_remembered_as_tried():
    told = progress(sent(SET, was_answered=True), SET, LATE, patient=True)
    assert {key: tried.at for key, tried in told.state.tried.items()} == {SET.steps[0].key: LATE}


def test_what_was_made_is_not_made_again_for_a_moment():
    told = progress(sent(NEW, was_answered=True), Compliant(equal=frozenset({"Name"})), SOON, patient=True)
    assert too_soon(told.state, NEW, SOON)
    assert not too_soon(told.state, SET, SOON)
    assert not too_soon(told.state, NEW, SOON + CALM)


def test_a_refused_step_leaves_the_others_to_their_proof():
    state = refused_step(sent(TWO), TWO.steps[0], "no.", "By hand.", LATE)
    assert (state.state, state.detail) == ("correcting", "no. By hand.")
    assert state.tried == {TWO.steps[0].key: Tried(at=LATE, why="no.")}
    last = refused_step(state, TWO.steps[1], "no.", "By hand.", LATE)
    assert (last.state, last.correction) == ("needs_person", None)


def test_jobs_in_which_a_step_could_not_be_sent_count_by_step_and_reason_and_only_in_a_row():
    one, two = (step.key for step in TWO.steps)
    state = not_sent(not_sent(STATE, TWO.steps[0], "silence"), TWO.steps[0], "silence")
    state = not_sent(state, TWO.steps[1], "conflict")
    assert {key: each.jobs for key, each in state.missed.items()} == {one: 2, two: 1}
    assert not_sent(state, TWO.steps[0], "conflict").missed[one].jobs == 1
    told = refused_step(begun(state, TWO, NOW), TWO.steps[0], "no.", "By hand.", NOW)
    assert set(told.missed) == {two}


def test_a_step_that_was_too_early_is_waited_for_and_then_a_persons():
    step = NEW.steps[0]
    state = too_early(sent(NEW), step, "not seen yet.", "By hand.", NOW)
    assert (state.state, state.correction) == ("held", None)
    assert state.detail == "not seen yet. Tried again every 6 hours until 2026-11-27 12:00 UTC."
    later = too_early(begun(state, NEW, LATE), step, "not seen yet.", "By hand.", LATE)
    assert later.tried[step.key].patient_until == state.tried[step.key].patient_until
    over = NOW + EARLY_PATIENCE
    last = too_early(begun(later, NEW, over), step, "not seen yet.", "By hand.", over)
    assert (last.state, last.detail) == ("needs_person", "not seen yet. By hand.")


def test_what_was_sent_still_wants_its_proof_when_the_rest_is_stopped():
    state = sending(begun(STATE, TWO, NOW), TWO.steps[0], NOW)
    held = stopped(state, TWO, Answer("brake", passed=False, reason="now"), "correct", NOW)
    assert held.state == "correcting"
    assert held.correction
    assert [change.key for change in held.correction.changes] == [TWO.steps[0].key]
    nothing_sent = stopped(
        unsent(state, TWO.steps[0]), TWO, Answer("brake", passed=False, reason="now"), "correct", NOW
    )
    assert (nothing_sent.state, nothing_sent.correction) == ("held", None)


def test_a_step_that_was_turned_away_is_forgotten_alone_and_says_why():
    state = turned_away(sent(TWO), TWO.steps[0], "no connection", LATE)
    assert state.correction
    assert ([change.key for change in state.correction.changes], state.tried) == ([TWO.steps[1].key], {})
    last = turned_away(sent(SET), SET.steps[0], "no connection", LATE)
    assert (last.state, last.correction, last.detail) == ("drifted", None, "no connection")


def test_what_is_put_off_says_why():
    state = put_off(begun(STATE, SET, NOW), "drifted", "throttled", NOW)
    assert (state.state, state.detail, state.correction) == ("drifted", "throttled", None)


def test_later_entries_sort_before_earlier_ones():
    assert entry_id(LATE, "corrected", "a") < entry_id(NOW, "applying", "z")


@pytest.mark.parametrize(
    ("gate", "mode", "state"),
    [
        ("brake", "correct", "held"),
        ("guard", "approve", "held"),
        ("exception", "correct", "excepted"),
        ("mode", "approve", "awaiting_approval"),
        ("mode", "observe", "drifted"),
    ],
)
def test_what_the_gate_refuses_gets_the_state_that_says_why(gate, mode, state):
    after = stopped(STATE, SET, Answer(gate, passed=False, reason="because"), mode, NOW)
    assert after.state == state
    assert after.detail.endswith("because")
    assert after.steps
    assert after.plan


def test_the_gates_answers_are_kept_as_given():
    ruling = Ruling((Answer("brake", passed=True), Answer("freeze", passed=False, reason="migration")))
    assert answers_view(ruling)[1] == {"gate": "freeze", "passed": False, "reason": "migration"}


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


def test_an_outcome_shows_what_the_state_shows():
    state = begun(STATE, SET, NOW)
    assert outcome(state).steps == state.steps


def test_what_exists_already_is_marked_and_still_wants_its_proof():
    state = there_already(sent(NEW), NEW.steps[0])
    [change] = progress(state, Compliant(equal=frozenset({"Name"})), SOON, patient=True).those("proven")
    assert (change.answered, change.step["existed"], change.step["cmdlet"]) == (True, True, "New-X")
