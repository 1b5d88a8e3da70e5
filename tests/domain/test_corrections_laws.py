"""The machine alone, driven by every event in any order, doubled and late, with a crash after each: its promises hold.

Between two events the correction is what storage would give back; an event that a crash swallows never comes. The
world beside it knows what a real service would: when the step was really sent, and what looks have shown.
"""

from datetime import datetime, timedelta
from typing import ClassVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from pydantic import TypeAdapter

from domain.control import Compliant, Drift, Drifted, Judgement, NeedsPerson, NotApplicable, Unknown
from domain.corrections import (
    EARLY_PATIENCE,
    LOST_PATIENCE,
    MOST_CONFLICTS,
    MOST_SILENCES,
    PROOF_PATIENCE,
    TRANSITIONS,
    TRY_AGAIN_AFTER,
    Answered,
    Correction,
    Ending,
    Event,
    Looked,
    Memory,
    NotSent,
    Sending,
    StepRefused,
    TooEarly,
    Unanswered,
    advance,
)
from domain.steps import ShownStep, Step
from tests.domain.builders import NOW

FIELD = "Name"
SET, NEW = (Step("exchange", cmdlet, {"Name": "X"}) for cmdlet in ("Set-X", "New-X"))
OFF: tuple[Judgement, ...] = (
    Drifted((Drift(FIELD, "X", None),), (SET,)),
    NeedsPerson("by hand", (Drift(FIELD, "X", None),)),
)
EQUAL: tuple[Judgement, ...] = (
    Compliant(equal=frozenset({FIELD})),
    NeedsPerson("something else", equal=frozenset({FIELD})),
    Drifted((Drift("Other", "a", "b"),), (SET,), equal=frozenset({FIELD})),
)
GONE: tuple[Judgement, ...] = (Compliant(), NotApplicable("no licence"), NeedsPerson("there are two"))
BLIND: tuple[Judgement, ...] = (Unknown("no answer"),)
LOOKS = {
    id(each): what
    for what, several in (("off", OFF), ("equal", EQUAL), ("gone", GONE), ("blind", BLIND))
    for each in several
}
"""What each look shows, by identity: findings are equal whatever they say of what was compared."""
REPLIES: tuple[Event, ...] = (
    *(Answered(), Answered(existed=True), Unanswered(), TooEarly("why"), StepRefused("why")),
    *(NotSent("why"), NotSent("why", "conflict"), NotSent("why", "silence")),
)
STORED = TypeAdapter(Correction)
MEMORY = TypeAdapter(Memory)


type Arrow = tuple[str, str, bool]
"""From a phase, to a phase or ending, and whether a look led there."""

DRAWN: set[Arrow] = {
    (each.phase, each.to, each.move in {"equal", "gone", "lost", "no effect"})
    for each in TRANSITIONS
    if each.move != "unanswered"  # it leaves everything as it was
}


def arrows(before: Correction, event: Event, after: Correction | Ending) -> set[Arrow]:
    """The arrow of the drawing that led from *before* to *after*; none where nothing changed."""
    if after == before:
        return set()
    arrow = before.phase, after.name if isinstance(after, Ending) else after.phase, isinstance(event, Looked)
    assert arrow in DRAWN
    return {arrow}


def ended(before: Correction, ending: Ending, event: Event, now: datetime) -> None:
    assert before.sent_at, "it ended and was never sent"
    memory = ending.correction.memory
    match ending.name:
        case "proven":
            assert isinstance(event, Looked)
            assert LOOKS[id(event.judgement)] == "equal", "proven without a look that compared and found it equal"
            assert memory.failed_at == before.memory.failed_at
        case "superseded":
            assert isinstance(event, Looked)
            assert LOOKS[id(event.judgement)] == "gone"
        case "no_effect":
            assert isinstance(event, Looked)
            assert LOOKS[id(event.judgement)] == "off"
            assert before.phase == "answered"
            assert now - before.sent_at >= PROOF_PATIENCE
        case "refused":
            assert before.phase == "sent"
    if ending.name in {"no_effect", "refused"}:
        assert memory.due_at == now + TRY_AGAIN_AFTER, "a person is told, and nothing loops"
        assert memory.why


class OneStep(RuleBasedStateMachine):
    """One step's lives, one after the other: what outlives each is its memory."""

    taken: ClassVar[set[Arrow]] = set()

    def __init__(self) -> None:
        super().__init__()
        self.now: datetime = NOW
        self.creates = True
        self.memory = Memory()
        self.correction: Correction | None = None
        self.before: Correction | None = None
        self.answered = False
        self.may_have_happened_at: datetime | None = None
        self.missed_at: datetime | None = None

    # --- what happens ------------------------------------------------------------------------------------------------

    @rule(another=st.booleans(), creates=st.booleans(), at_once=st.booleans())
    @precondition(lambda self: self.correction is None)
    def plan(self, *, another: bool, creates: bool, at_once: bool) -> None:
        """The same step, with what is remembered of it, or another one; most are sent *at_once*."""
        if another:
            self.creates, self.memory = creates, Memory()
            self.may_have_happened_at = self.missed_at = None
        step = NEW if self.creates else SET
        self.correction = Correction(
            step.key, ShownStep.of(step), (Drift(FIELD, "X", None),), "entry", memory=self.memory
        )
        if at_once:
            self.send(asked=False, twice=False)

    @rule(duration=st.sampled_from([
        timedelta(seconds=1), PROOF_PATIENCE, LOST_PATIENCE, TRY_AGAIN_AFTER, EARLY_PATIENCE,
    ]))  # fmt: skip
    def time_passes(self, duration: timedelta) -> None:
        self.now += duration

    @rule(asked=st.booleans(), twice=st.booleans())
    @precondition(lambda self: self.correction is not None)
    def send(self, *, asked: bool, twice: bool) -> None:
        before = self.come(Sending(self.now if asked else None), twice=twice)
        if self.correction is None or self.correction.phase != "sent" or before.phase == "sent":
            return
        assert before.phase == "planned"
        assert self.correction.sent_at == self.now, "noted before it is sent"
        if not asked and before.memory.due_at:
            assert self.now >= before.memory.due_at, "a refused step was sent again before it was due"
        self.never_made_blindly_again()
        self.may_have_happened_at, self.missed_at, self.answered = self.now, None, False

    @rule(event=st.sampled_from(REPLIES), twice=st.booleans())
    @precondition(lambda self: self.correction is not None)
    def reply(self, event: Event, *, twice: bool) -> None:
        if self.come(event, twice=twice).phase != "sent":
            return
        if isinstance(event, Answered):
            self.answered = True
        elif not isinstance(event, Unanswered):
            self.may_have_happened_at = None

    @rule(
        later=st.sampled_from([timedelta(), PROOF_PATIENCE, LOST_PATIENCE]),
        judgement=st.sampled_from([OFF, OFF, EQUAL, GONE, BLIND]).flatmap(st.sampled_from),
        patient=st.booleans(),
        twice=st.booleans(),
    )
    @precondition(lambda self: self.correction is not None)
    def look(self, later: timedelta, judgement: Judgement, *, patient: bool, twice: bool) -> None:
        self.now += later
        if LOOKS[id(judgement)] == "off":
            self.missed_at = self.now
        elif LOOKS[id(judgement)] != "blind":
            self.may_have_happened_at = None  # seen to be there, or to be there no longer
        self.come(Looked(judgement, patient), twice=twice)

    @rule()
    @precondition(lambda self: self.correction is not None and self.correction.phase == "planned")
    def forget_the_plan(self) -> None:
        """The gate said no, or the worker died: what is not sent is planned anew, with what is remembered."""
        assert self.correction
        self.memory, self.correction = self.correction.memory, None

    # --- what holds --------------------------------------------------------------------------------------------------

    def come(self, event: Event, *, twice: bool) -> Correction:
        """Let *event* come, and a crash right after it. What it was before."""
        before = self.correction
        assert before
        after = advance(before, event, self.now)
        if twice and isinstance(after, Correction):
            assert advance(after, event, self.now) == after, "the second of two changed something"
        self.taken.update(arrows(before, event, after))
        patience = (after.correction if isinstance(after, Ending) else after).memory.patient_until
        if before.memory.patient_until:
            assert patience in {before.memory.patient_until, None}, "patience began anew"
        if isinstance(after, Ending):
            ended(before, after, event, self.now)
            self.memory, self.correction = MEMORY.validate_json(MEMORY.dump_json(after.correction.memory)), None
        else:
            self.correction = STORED.validate_json(STORED.dump_json(after))
        return before

    def never_made_blindly_again(self) -> None:
        """What may have happened is sent again only after a look that missed it; a New-* only when it had time to show."""
        if self.may_have_happened_at is None:
            return
        assert self.missed_at, "sent again unread"
        assert self.missed_at >= self.may_have_happened_at
        if self.creates:
            patience = PROOF_PATIENCE if self.answered else LOST_PATIENCE
            assert self.missed_at - self.may_have_happened_at >= patience, "made again before it had time to show"

    @invariant()
    def what_is_sent_says_when_and_what_is_planned_was_not(self) -> None:
        if self.correction:
            assert (self.correction.sent_at is None) == (self.correction.phase == "planned")

    @invariant()
    def no_hindrance_is_counted_for_ever(self) -> None:
        memory = self.correction.memory if self.correction else self.memory
        assert memory.jobs <= {"conflict": MOST_CONFLICTS, "silence": MOST_SILENCES, None: 0}[memory.hindrance]

    @invariant()
    def patience_ends(self) -> None:
        memory = self.correction.memory if self.correction else self.memory
        assert not memory.patient_until or memory.patient_until <= self.now + EARLY_PATIENCE


def test_the_promises_hold_whatever_comes_and_every_arrow_was_taken():
    run_state_machine_as_test(OneStep, settings=settings(max_examples=400, stateful_step_count=30))
    assert OneStep.taken == DRAWN
