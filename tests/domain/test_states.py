from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from domain.control import Compliant, Drift, Drifted, NeedsPerson, NotApplicable, Unknown
from domain.controls import CATALOGUE
from domain.corrections import CALM, TRY_AGAIN_AFTER, Memory, Sending, StepRefused, TooEarly
from domain.plan import after_event, begun
from domain.states import (
    PROOFS_KEPT,
    UNREAD_PATIENCE,
    Actor,
    ControlState,
    Look,
    Span,
    after_check,
    step_view,
    waits_for_owner,
    wants_remedy,
)
from domain.steps import Step, digest
from tests.domain.builders import NOW

RULE, ONCE = CATALOGUE["oof-rule"], CATALOGUE["alert-policies"]
PLAN = Drifted((Drift("Enabled", wanted=True, found=False),), (Step("exchange", "Set-X", {"Enabled": True}),), "note")
OTHER = Drifted(PLAN.drift, (Step("exchange", "Set-Y", {"Enabled": True}),))
NEW = ControlState(id="oof-rule")
READ_AT = NOW - timedelta(seconds=3)


def look(*, mode="correct", control=RULE, now=NOW):
    return Look(control, mode, READ_AT, now)


JUDGEMENTS = {
    "compliant": Compliant(),
    "not_applicable": NotApplicable("no licence"),
    "needs_person": NeedsPerson("do this"),
    "drifted": PLAN,
}


@pytest.mark.parametrize(("state", "judgement"), JUDGEMENTS.items())
def test_a_finding_gives_its_state_with_the_time_of_the_read(state, judgement):
    after = after_check(NEW, judgement, look())
    assert (after.state, after.since, after.read_at) == (state, NOW, READ_AT)


def test_drift_shows_what_differs_and_the_steps():
    after = after_check(NEW, PLAN, look())
    assert after.drift == PLAN.drift
    assert after.steps[0].powershell == "Set-X -Enabled $true"
    assert after.detail == "note"


def test_unknown_keeps_the_time_of_the_last_good_read_and_no_drift():
    seen = after_check(NEW, PLAN, look())
    after = after_check(seen, Unknown("no answer", "Grant it."), look(now=NOW + timedelta(minutes=5)))
    assert (after.state, after.read_at, after.drift, after.steps) == ("unknown", READ_AT, (), ())
    assert after.detail == "no answer. Grant it."
    assert after_check(seen, Unknown("no answer"), look()).detail == "no answer"


def test_since_moves_only_when_the_state_does():
    first = after_check(NEW, Compliant(), look())
    later = after_check(first, Compliant(), look(now=NOW + timedelta(hours=1)))
    assert later.since == NOW
    assert after_check(later, PLAN, look(now=NOW + timedelta(hours=2))).since == NOW + timedelta(hours=2)


def sent(now):
    return after_event(begun(NEW, PLAN, now), PLAN.steps[0], Sending(), now)


def given_up(now=NOW):
    return after_event(sent(now), PLAN.steps[0], StepRefused("refused."), now, RULE.by_hand)


def test_what_was_only_too_early_is_held_and_no_persons_business():
    early = after_event(sent(NOW), PLAN.steps[0], TooEarly("not seen yet."), NOW)
    again = after_check(early, PLAN, look(now=NOW + timedelta(hours=1)))
    assert (again.state, again.detail, again.since) == ("held", early.detail, early.since)


@pytest.mark.parametrize("judgement", JUDGEMENTS.values(), ids=str)
def test_a_correction_under_way_is_left_to_whoever_proves_it(judgement):
    correcting = begun(NEW, PLAN, NOW)
    assert after_check(correcting, judgement, look()) == correcting
    assert wants_remedy(correcting, "correct")


@pytest.mark.parametrize("waiting", ["held", "awaiting_approval"])
def test_what_the_gate_said_stands_until_the_plan_changes(waiting):
    held = after_check(NEW, PLAN, look()).becomes(waiting, NOW, "because")
    same = after_check(held, PLAN, look(now=NOW + timedelta(minutes=5)))
    assert (same.state, same.detail, same.since) == (waiting, "because", NOW)
    assert wants_remedy(same, "correct")
    assert after_check(held, OTHER, look()).state == "drifted"


def test_observing_never_asks_for_a_remedy():
    after = after_check(NEW, PLAN, look(mode="observe"))
    assert after.state == "drifted"
    assert not wants_remedy(after, "observe")


def test_a_plan_that_failed_is_not_tried_in_a_loop_but_again_after_a_while():
    failed = given_up()
    soon = after_check(failed, PLAN, look(now=NOW + TRY_AGAIN_AFTER - timedelta(seconds=1)))
    assert (soon.state, soon.detail) == ("needs_person", f"refused. {RULE.by_hand}")
    assert not wants_remedy(soon, "correct")
    assert after_check(soon, PLAN, look(now=NOW + TRY_AGAIN_AFTER)).state == "drifted"


def test_a_control_with_one_try_never_tries_that_plan_again():
    failed = given_up()
    years = after_check(failed, PLAN, look(control=ONCE, now=NOW + timedelta(days=999)))
    assert years.state == "needs_person"


def test_another_drift_is_another_plan_and_is_tried():
    failed = given_up()
    assert after_check(failed, OTHER, look()).state == "drifted"


@pytest.mark.parametrize(
    ("judgement", "kept"),
    [(PLAN, True), (Unknown("no answer"), True), (OTHER, False), (Compliant(), False), (NeedsPerson("do it"), False)],
)
def test_a_step_that_could_not_be_sent_is_counted_as_long_as_it_is_planned(judgement, kept):
    before = ControlState(id="oof-rule", memories={PLAN.steps[0].key: Memory(hindrance="silence", jobs=3)})
    assert after_check(before, judgement, look()).memories == (before.memories if kept else {})


@pytest.mark.parametrize("judgement", [PLAN, Compliant(), NotApplicable("x"), NeedsPerson("do it")], ids=str)
def test_what_was_made_is_remembered_for_a_moment_whatever_is_found(judgement):
    made = ControlState(id="oof-rule", memories={"key": Memory(proven_at=NOW)})
    assert after_check(made, judgement, look()).memories == made.memories
    assert after_check(made, judgement, look(now=NOW + CALM)).memories == {}


def test_being_right_again_forgets_what_failed():
    failed = given_up()
    right = after_check(failed, Compliant(), look())
    assert right.memories == {}
    assert after_check(right, PLAN, look()).state == "drifted"


def test_a_person_who_asks_has_each_step_tried_once_for_it():
    failed = given_up()
    asked = Look(RULE, "correct", READ_AT, NOW, asked_at=NOW + timedelta(minutes=1))
    assert after_check(failed, PLAN, asked).state == "drifted"
    again = given_up(NOW + timedelta(minutes=2))
    assert after_check(again, PLAN, asked).state == "needs_person"


def test_only_the_step_that_failed_is_given_up():
    two = Drifted((*PLAN.drift, Drift("Mode", "Enforce", "Audit")), (PLAN.steps[0], Step("exchange", "Set-Y", {})))
    assert after_check(given_up(), two, look()).state == "drifted"


def test_a_correction_that_cannot_be_read_says_so_and_after_a_while_is_unknown():
    correcting = begun(NEW, PLAN, NOW)
    soon = after_check(correcting, Unknown("no answer", "Grant it."), look())
    assert (soon.state, soon.detail) == ("correcting", "no answer. Grant it.")
    late = after_check(soon, Unknown("no answer"), look(now=NOW + UNREAD_PATIENCE))
    assert (late.state, late.corrections) == ("unknown", correcting.corrections)
    assert wants_remedy(late, "correct")
    assert after_check(late, PLAN, look()).state == "correcting"


@pytest.mark.parametrize("between", [Unknown("no answer"), NeedsPerson("there are two")], ids=str)
def test_what_failed_and_why_is_still_known_after_another_judgement(between):
    later = after_check(after_check(given_up(), between, look()), PLAN, look())
    assert (later.state, later.detail) == ("needs_person", f"refused. {RULE.by_hand}")


def test_what_failed_and_why_is_still_known_when_observing_ends():
    observed = after_check(given_up(), PLAN, look(mode="observe"))
    later = after_check(observed, PLAN, look())
    assert (later.state, later.detail) == ("needs_person", f"refused. {RULE.by_hand}")


@given(
    st.lists(st.sampled_from([*JUDGEMENTS.values(), Unknown("x")]), min_size=1, max_size=8),
)
def test_unknown_never_asks_for_a_write_whatever_came_before(judgements):
    state = NEW
    for minutes, judgement in enumerate(judgements):
        state = after_check(state, judgement, look(now=NOW + timedelta(minutes=minutes)))
        if isinstance(judgement, Unknown):
            assert not wants_remedy(state, "correct")


def test_a_state_survives_storage():
    state = begun(after_check(NEW, PLAN, look()), PLAN, NOW)
    states = TypeAdapter(ControlState)
    assert states.validate_json(states.dump_json(state)) == state


def test_the_digest_tells_plans_apart_and_only_plans():
    assert digest(PLAN.steps) == digest((Step("exchange", "Set-X", {"Enabled": True}),))
    assert digest(PLAN.steps) != digest(OTHER.steps)
    assert digest(PLAN.steps + OTHER.steps) == digest(OTHER.steps + PLAN.steps)


def test_long_values_are_cut_in_the_record():
    view = step_view((Step("exchange", "Set-X", {"Comment": "x" * 5000, "At": NOW, "Ids": ("a",)}),))
    assert str(view[0].parameters["Comment"]).endswith("... (5000 characters)")
    assert view[0].parameters["At"] == NOW.isoformat()
    assert view[0].parameters["Ids"] == ("a",)


HOUR = timedelta(hours=1)
MADE_IT = Actor(who="admin@contoso.example", address="203.0.113.9", at=NOW + HOUR, operation="Set-InboundConnector")


def seen(before, judgement, hours):
    at = NOW + hours * HOUR
    return after_check(before, judgement, Look(RULE, "correct", at, at))


def test_how_long_a_control_was_proven_is_remembered_when_that_ends():
    good = seen(seen(NEW, Compliant(), 0), Compliant(), 2)
    assert good.proven == (Span(start=NOW, end=NOW + 2 * HOUR),)
    for judgement in (PLAN, Unknown("x"), NeedsPerson("x"), NotApplicable("x")):
        over = seen(seen(good, judgement, 3), judgement, 4)
        assert over.proven == over.proofs == good.proven
    again = seen(seen(seen(good, Unknown("x"), 3), Compliant(), 4), Compliant(), 5)
    assert again.proven == (*good.proven, Span(start=NOW + 4 * HOUR, end=NOW + 5 * HOUR))


def test_looks_that_are_far_apart_prove_nothing_of_the_time_between_them():
    good = seen(seen(NEW, Compliant(), 0), Compliant(), 2)
    late = seen(seen(good, Compliant(), 5), Compliant(), 6)
    assert late.proven == (Span(start=NOW, end=NOW + 2 * HOUR), Span(start=NOW + 5 * HOUR, end=NOW + 6 * HOUR))


def test_a_look_that_read_before_it_decided_proves_nothing_by_itself():
    early = after_check(NEW, Compliant(), look())
    assert early.proven == ()


def test_only_so_many_proofs_are_remembered():
    state = NEW
    for hour in range(0, 60, 3):
        for judgement, after in ((Compliant(), 0), (Compliant(), 1), (PLAN, 2)):
            state = seen(state, judgement, hour + after)
    assert len(state.proofs) == PROOFS_KEPT
    assert state.proofs[-1].end == NOW + 58 * HOUR


ASKED, MORE = {"A": "1", "B": "1"}, {"A": "2", "B": "1", "C": "1"}


def asked(before, judgement, what):
    return after_check(before, judgement, replace(look(), asked=what))


def test_what_is_asked_of_an_object_is_known_once_it_was_proven_so():
    proven = asked(NEW, Compliant(), ASKED)
    assert (proven.new_to(ASKED), proven.new_to(MORE)) == (set(), {"A", "C"})
    assert asked(proven, Compliant(), MORE).new_to(MORE) == set()


def test_and_stays_known_where_nobody_can_say_what_is_asked():
    proven = asked(NEW, Compliant(), ASKED)
    assert asked(proven, Unknown("x"), None).asked == ASKED


@pytest.mark.parametrize("judgement", [PLAN, NeedsPerson("x"), Unknown("x"), NotApplicable("x")])
def test_and_no_longer_once_something_else_was_asked(judgement):
    meanwhile = asked(asked(NEW, Compliant(), ASKED), judgement, MORE)
    assert (meanwhile.new_to(MORE), meanwhile.new_to(ASKED)) == ({"A", "C"}, {"A"})
    assert asked(meanwhile, judgement, {}).new_to(ASKED) == {"A", "B"}


def test_a_state_of_before_is_taken_for_proven_by_what_is_asked_at_the_next_look():
    former = replace(asked(NEW, Compliant(), ASKED), asked=None)
    assert former.new_to(MORE) == set()
    assert asked(former, PLAN, ASKED).new_to(MORE) == {"A", "C"}
    assert asked(NEW, PLAN, ASKED).asked is None


def test_who_made_a_drift_is_forgotten_when_another_is_found():
    good = seen(seen(NEW, Compliant(), 0), Compliant(), 0.5)
    named = replace(seen(good, PLAN, 2), actor=MADE_IT)
    assert seen(named, PLAN, 3).actor == MADE_IT
    mended = seen(seen(named, Compliant(), 3), Compliant(), 4)
    assert mended.actor == MADE_IT
    assert seen(mended, PLAN, 5).actor is None


def test_an_actor_reads_as_a_sentence():
    assert str(MADE_IT) == "admin@contoso.example from 203.0.113.9 at 2026-11-23 13:00:00 UTC (Set-InboundConnector)"
    assert " from " not in str(replace(MADE_IT, address=""))


@pytest.mark.parametrize(
    ("name", "detail", "waits"),
    [
        ("held", "guard: lock not proven: it is off", True),
        ("held", "freeze: until Monday", False),
        ("needs_person", "lock not proven", False),
    ],
)
def test_a_plan_waits_for_who_answers_for_it_where_the_lock_is_not_proven(name, detail, waits):
    assert waits_for_owner(replace(NEW, state=name, detail=detail)) is waits
