"""The life of one step: what each event makes of it, and which events make nothing."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.control import Compliant, Drift, Drifted, NeedsPerson, NotApplicable, Unknown
from domain.corrections import (
    CALM,
    EARLY_PATIENCE,
    FOLLOWED_FOR,
    LOST_PATIENCE,
    MOST_CONFLICTS,
    MOST_SILENCES,
    PROOF_PATIENCE,
    TRY_AGAIN_AFTER,
    Answered,
    Correction,
    Ending,
    Hindrance,
    Looked,
    Memory,
    NotSent,
    Sending,
    StepRefused,
    TooEarly,
    Unanswered,
    advance,
    followed_until,
)
from domain.steps import ShownStep, Step
from tests.domain.builders import NOW

SET = Drifted((Drift("Enabled", wanted=True, found=False),), (Step("exchange", "Set-X", {"Enabled": True}),))
NEW = Drifted((Drift("Name", "X", None),), (Step("exchange", "New-X", {"Name": "X"}),))
SOON, LATE, VERY_LATE = NOW + timedelta(seconds=1), NOW + PROOF_PATIENCE, NOW + LOST_PATIENCE


def planned(plan=SET, **memory):
    [step] = plan.steps
    return Correction(step.key, ShownStep.of(step), plan.drift, "entry", memory=Memory(**memory))


def sending(correction, now=NOW):
    after = advance(correction, Sending(), now)
    assert isinstance(after, Correction)
    return after


def sent(plan=SET, **memory):
    return sending(planned(plan, **memory))


def answered(plan=SET, *, existed=False):
    return advance(sent(plan), Answered(existed), NOW)


def told(correction, judgement, now, *, patient=False):
    """How a look ends the correction, or the phase that it leaves it in."""
    after = advance(correction, Looked(judgement, patient), now)
    return after.name if isinstance(after, Ending) else after.phase


@given(st.timedeltas(timedelta(), timedelta(days=9)), st.timedeltas(timedelta(), timedelta(hours=9)))
def test_a_correction_is_taken_for_followed_no_shorter_than_it_should_be_and_hardly_longer(later, pause):
    until, now = followed_until(NOW + later, pause), NOW + later
    assert timedelta() <= until - (now + pause + FOLLOWED_FOR) < timedelta(seconds=10)
    assert followed_until(until - pause - FOLLOWED_FOR, pause) == until


@pytest.mark.parametrize(
    "judgement",
    [
        Compliant(equal=frozenset({"Enabled"})),
        NeedsPerson("another thing", equal=frozenset({"Enabled"})),
        Drifted((Drift("Comment", "a", "b"),), SET.steps, equal=frozenset({"Enabled"})),
    ],
    ids=str,
)
def test_a_write_is_proven_by_its_fields_being_compared_and_equal(judgement):
    assert told(answered(), judgement, SOON) == "proven"
    assert told(sent(), judgement, SOON) == "proven"


@pytest.mark.parametrize("judgement", [Compliant(), NotApplicable("x"), NeedsPerson("there are two"), NEW], ids=str)
def test_a_field_that_was_not_compared_proves_nothing(judgement):
    assert told(answered(), judgement, SOON) == "superseded"


@pytest.mark.parametrize(
    ("plan", "was_answered", "now", "expected"),
    [
        (SET, True, SOON, "answered"),
        (SET, True, LATE, "no_effect"),
        (NEW, True, LATE, "no_effect"),
        (SET, False, SOON, "planned"),
        (NEW, False, LATE, "sent"),
        (NEW, False, VERY_LATE, "planned"),
    ],
)
def test_a_write_that_does_not_show_is_waited_for_then_judged(plan, was_answered, now, expected):
    assert told(answered(plan) if was_answered else sent(plan), plan, now) == expected


@pytest.mark.parametrize("now", [SOON, LATE])
def test_what_cannot_be_read_proves_nothing(now):
    assert told(answered(), Unknown("no answer"), now) == "answered"


OF_ONE = Drifted((Drift("a.example: SPF", "new", "old"),), (Step("exchange", "Set-X", {"Identity": "a.example"}),))


@pytest.mark.parametrize(
    ("judgement", "verdict"),
    [
        (Unknown("a.example: SERVFAIL", equal=frozenset({"b.example: SPF"})), "answered"),
        (Unknown("b.example: SERVFAIL", equal=frozenset({"a.example: SPF"})), "proven"),
        (replace(SET, unseen=("a.example",)), "answered"),
        (replace(SET, unseen=("b.example",), equal=frozenset({"a.example: SPF"})), "proven"),
        (replace(SET, unseen=("example",)), "superseded"),
        (NeedsPerson("publish", unseen=("a.example",)), "answered"),
    ],
    ids=str,
)
def test_what_could_not_be_read_is_waited_for_and_what_could_is_proven(judgement, verdict):
    assert told(answered(OF_ONE), judgement, LATE) == verdict


def test_a_person_is_told_when_the_field_stays_off_for_them_to_mend():
    assert told(answered(), NeedsPerson("by hand", SET.drift), LATE) == "no_effect"


def test_what_was_lost_is_waited_for_before_it_is_due_again():
    assert told(sent(), SET, SOON, patient=True) == "sent"
    lost = advance(sent(), Looked(SET), SOON)
    assert isinstance(lost, Correction)
    assert (lost.phase, lost.sent_at, lost.memory.due_at) == ("planned", None, SOON)


def test_a_lost_answer_leaves_the_step_sent():
    assert advance(sent(), Unanswered(), SOON) == sent()


def test_what_had_no_effect_is_remembered_as_failed():
    ended = advance(answered(), Looked(SET), LATE)
    assert isinstance(ended, Ending)
    memory = ended.correction.memory
    assert (memory.failed_at, memory.due_at) == (LATE, LATE + TRY_AGAIN_AFTER)
    assert "does not show after" in memory.why


def test_what_was_made_is_calming_for_a_moment_once_it_is_proven():
    made = advance(answered(NEW), Looked(Compliant(equal=frozenset({"Name"}))), SOON)
    was_set = advance(answered(), Looked(Compliant(equal=frozenset({"Enabled"}))), SOON)
    assert isinstance(made, Ending)
    assert isinstance(was_set, Ending)
    assert made.correction.memory.is_calming(SOON)
    assert not made.correction.memory.is_calming(SOON + CALM)
    assert was_set.correction.memory == Memory()


def test_a_refused_step_ends_and_is_due_in_hours_or_when_a_person_asks():
    ended = advance(sent(), StepRefused("no."), LATE)
    assert isinstance(ended, Ending)
    assert ended.name == "refused"
    again = replace(planned(), memory=ended.correction.memory)
    assert advance(again, Sending(), LATE + TRY_AGAIN_AFTER - timedelta(seconds=1)) == again
    assert advance(again, Sending(asked_at=NOW), LATE) == again
    for event, now in ((Sending(), LATE + TRY_AGAIN_AFTER), (Sending(asked_at=LATE + timedelta(seconds=1)), LATE)):
        after = advance(again, event, now)
        assert isinstance(after, Correction)
        assert (after.phase, after.sent_at) == ("sent", now)


def test_a_step_that_was_too_early_is_due_again_and_then_a_persons():
    early = advance(sent(NEW), TooEarly("not seen yet."), NOW)
    assert isinstance(early, Correction)
    assert (early.phase, early.memory.due_at) == ("planned", NOW + TRY_AGAIN_AFTER)
    assert early.memory.why == "not seen yet. Tried again every 6 hours until 2026-11-27 12:00 UTC."
    assert early.memory.is_patient(NOW)
    later = advance(sending(early, NOW + TRY_AGAIN_AFTER), TooEarly("not seen yet."), NOW + TRY_AGAIN_AFTER)
    assert isinstance(later, Correction)
    assert later.memory.patient_until == early.memory.patient_until == NOW + EARLY_PATIENCE
    over = NOW + EARLY_PATIENCE
    last = advance(sending(later, over), TooEarly("not seen yet."), over)
    assert isinstance(last, Ending)
    memory = last.correction.memory
    assert (last.name, memory.why, memory.is_patient(over)) == ("refused", "not seen yet.", False)


def test_jobs_in_which_a_step_could_not_be_sent_count_by_reason_and_only_in_a_row():
    memory = Memory()
    said: list[tuple[Hindrance, int]] = [("silence", 1), ("silence", 2), ("conflict", 1), ("conflict", 2)]
    for hindrance, jobs in said:
        after = advance(sent(hindrance=memory.hindrance, jobs=memory.jobs), NotSent("why", hindrance), NOW)
        assert isinstance(after, Correction)
        memory = after.memory
        assert (after.phase, memory.jobs) == ("planned", jobs)
    once_more = advance(sent(hindrance="conflict", jobs=2), NotSent("turned away"), NOW)
    assert isinstance(once_more, Correction)
    assert once_more.memory.jobs == 2


@pytest.mark.parametrize(("hindrance", "most"), [("conflict", MOST_CONFLICTS), ("silence", MOST_SILENCES)])
def test_a_step_that_is_hindered_too_often_is_a_persons(hindrance, most):
    assert isinstance(advance(sent(hindrance=hindrance, jobs=most - 1), NotSent("why", hindrance), NOW), Correction)
    ended = advance(sent(hindrance=hindrance, jobs=most), NotSent("why", hindrance), NOW)
    assert isinstance(ended, Ending)
    memory = ended.correction.memory
    assert (ended.name, memory.hindrance, memory.jobs, memory.failed_at) == ("refused", None, 0, NOW)
    assert memory.why.startswith("why; ")


def test_what_exists_already_is_marked_and_still_wants_its_proof():
    existing = answered(NEW, existed=True)
    ended = advance(existing, Looked(Compliant(equal=frozenset({"Name"}))), SOON)
    assert isinstance(ended, Ending)
    assert (existing.phase, ended.name, ended.correction.step.existed) == ("answered", "proven", True)


EVENTS = [
    Sending(), Answered(), Answered(existed=True), Unanswered(), NotSent("x"), NotSent("x", "silence"),
    TooEarly("x"), StepRefused("x"), Looked(SET), Looked(Compliant(equal=frozenset({"Enabled"}))), Looked(Unknown("x")),
]  # fmt: skip


@pytest.mark.parametrize("event", EVENTS[1:], ids=str)
def test_before_it_is_sent_nothing_but_sending_moves_a_step(event):
    assert advance(planned(), event, NOW) == planned()


@pytest.mark.parametrize("event", EVENTS[:8], ids=str)
def test_once_it_is_answered_only_a_look_moves_a_step(event):
    assert advance(answered(), event, LATE) == answered()


def test_a_step_is_not_sent_twice():
    assert advance(sent(), Sending(), LATE) == sent()
