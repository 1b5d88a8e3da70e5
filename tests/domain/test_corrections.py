from datetime import timedelta

import pytest

from domain.control import Compliant, Drift, Drifted, NeedsPerson, NotApplicable, Unknown
from domain.corrections import PROOF_PATIENCE, answered, begun, closed, given_to_person, proof, refused
from domain.gate import Answer, Ruling
from domain.ledger import Entry, answers_view, entry_id
from domain.operations import ControlOutcome, ending, outcome
from domain.states import ControlState
from domain.steps import Step
from tests.domain.builders import NOW

SET = Drifted((Drift("Enabled", wanted=True, found=False),), (Step("exchange", "Set-X", {"Enabled": True}),))
NEW = Drifted((Drift("Name", "X", None),), (Step("exchange", "New-X", {"Name": "X"}),))
OTHER = Drifted((Drift("Comment", "a", "b"),), (Step("exchange", "Set-X", {"Comment": "a"}),))
STATE = ControlState(id="oof-rule")
SOON, LATE = NOW + timedelta(seconds=1), NOW + PROOF_PATIENCE


def judged(plan, finding, now, *, was_answered):
    state = begun(STATE, plan, NOW)
    correction = (answered(state) if was_answered else state).correction
    assert correction
    return proof(correction, finding, now)


@pytest.mark.parametrize("finding", [Compliant(), NotApplicable("x"), NeedsPerson("another thing"), OTHER], ids=str)
def test_a_write_is_proven_when_none_of_its_fields_differ_any_more(finding):
    assert judged(SET, finding, SOON, was_answered=True) == "proven"


@pytest.mark.parametrize(
    ("plan", "was_answered", "now", "expected"),
    [
        (SET, True, SOON, "pending"),
        (SET, True, LATE, "no_effect"),
        (NEW, True, LATE, "no_effect"),
        (SET, False, SOON, "write_again"),
        (NEW, False, SOON, "pending"),
        (NEW, False, LATE, "write_again"),
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
    assert closed(state).correction is None


def test_later_entries_sort_before_earlier_ones():
    assert entry_id(LATE, "corrected", "a") < entry_id(NOW, "applying", "z")


def test_a_state_without_a_correction_has_nothing_to_be_answered():
    assert answered(STATE) == STATE


def test_giving_up_remembers_the_plan():
    state = given_to_person(begun(STATE, SET, NOW), "refused", LATE)
    assert (state.state, state.correction, state.detail) == ("needs_person", None, "refused")
    assert (
        given_to_person(closed(begun(STATE, SET, NOW)), "x", NOW).tried
        == given_to_person(begun(STATE, SET, NOW), "x", NOW).tried
    )


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
    after = refused(STATE, SET, Answer(gate, passed=False, reason="because"), mode, NOW)
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
