"""From a plan to a proof: what a control's state says before, between and after its writes.

Every write is noted as sent before it is sent, so that whoever comes after a crash knows what may have happened, and
its note is taken away only by what a later look shows.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from domain.control import Drifted, Finding, NotApplicable, Unknown
from domain.gate import Answer
from domain.ledger import entry_id
from domain.states import (
    TRY_AGAIN_AFTER,
    Change,
    ControlState,
    Correction,
    Hindrance,
    Missed,
    StateName,
    Tried,
    drift_view,
    shown,
    step_view,
)
from domain.steps import Step
from domain.tenant import Mode

PROOF_PATIENCE = timedelta(minutes=5)
"""How long a write that was answered may stay invisible (exchange-admin-api 2.13: polled for up to 300 s)."""

_NO_EFFECT = f"written and answered, but it does not show after {PROOF_PATIENCE}."

LOST_PATIENCE = timedelta(minutes=20)
"""How long a creating write whose answer was lost may still come up: a cmdlet runs for 15 minutes at most (2.12)."""

EARLY_PATIENCE = timedelta(days=4)
"""How long Microsoft may take to see a published CNAME (dns-and-exchangedefender 3.3)."""

CALM = timedelta(minutes=2)
"""After something made was proven to be there, a look that misses it is an older replica's, for so long (2.13)."""


def begun(state: ControlState, plan: Drifted, now: datetime) -> ControlState:
    """The state just before the first write of *plan*, to be recorded as an `applying` entry of the same time."""
    changes = tuple(
        Change(key=step.key, step=step_view((step,))[0], drift=drift_view(plan.mended_by(step))) for step in plan.steps
    )
    correction = Correction(entry=entry_id(now, "applying", state.id), changes=changes, seen_at=state.since)
    return shown(state, plan).becomes("correcting", now, correction=correction, detail="")


def sending(state: ControlState, step: Step, now: datetime) -> ControlState:
    """The state to be saved before *step* is sent."""
    return _with(state, step, {"sent_at": now})


def answered(state: ControlState, step: Step) -> ControlState:
    """The state once the service has said that *step* was done."""
    return _with(state, step, {"answered": True})


def there_already(state: ControlState, step: Step) -> ControlState:
    """The state once the service has said that what *step* makes exists: it is nobody's proof that we made it."""
    return _with(state, step, {"answered": True, "step": step_view((step,))[0] | {"existed": True}})


def unsent(state: ControlState, step: Step) -> ControlState:
    """The state when *step* turned out not to have been sent after all."""
    return _with(state, step, {"sent_at": None})


def not_sent(state: ControlState, step: Step, reason: Hindrance) -> ControlState:
    """The state after one more job in which *step* could not be sent; for another reason than before counts anew."""
    before = state.missed.get(step.key)
    jobs = before.jobs + 1 if before and before.reason == reason else 1
    return state.model_copy(update={"missed": state.missed | {step.key: Missed(reason=reason, jobs=jobs)}})


def refused_step(state: ControlState, step: Step, why: str, by_hand: str, now: datetime) -> ControlState:
    """The state when the service said no to *step*: a person is told *why* and what to do, and nothing loops."""
    tried = state.tried | {step.key: Tried(at=now, why=why)}
    missed = {key: each for key, each in state.missed.items() if key != step.key}
    told = state.model_copy(update={"tried": tried, "missed": missed, "detail": f"{why} {by_hand}"})
    return _without(told, {step.key}, now, "needs_person")


def too_early(state: ControlState, step: Step, why: str, by_hand: str, now: datetime) -> ControlState:
    """The state when the service has not seen yet what *step* needs: offered again for days before a person is told."""
    earlier = state.tried.get(step.key)
    until = (earlier and earlier.patient_until) or now + EARLY_PATIENCE
    if now >= until:
        return refused_step(state, step, why, by_hand, now)
    waits = f"{why} Tried again every {TRY_AGAIN_AFTER.seconds // 3600} hours until {until:%Y-%m-%d %H:%M} UTC."
    tried = state.tried | {step.key: Tried(at=now, why=waits, patient_until=until)}
    return _without(state.model_copy(update={"tried": tried, "detail": waits}), {step.key}, now, "held")


def stopped(state: ControlState, plan: Drifted, answer: Answer, mode: Mode, now: datetime) -> ControlState:
    """The state when the gate, or what stops writers between two steps, says no. What was sent wants its proof."""
    name: StateName = "held"
    if answer.gate == "exception":
        name = "excepted"
    elif answer.gate == "mode":
        name = "awaiting_approval" if mode == "approve" else "drifted"
    detail = answer.reason if answer.gate in {"exception", "mode"} else f"{answer.gate}: {answer.reason}"
    return put_off(shown(state, plan), name, detail, now)


def put_off(state: ControlState, name: StateName, detail: str, now: datetime) -> ControlState:
    """The state when the rest of the plan is not taken now: what was not sent is forgotten, to be planned again."""
    changes = state.correction.changes if state.correction else ()
    told = state.model_copy(update={"detail": detail})
    return _without(told, {change.key for change in changes if change.sent_at is None}, now, name)


def turned_away(state: ControlState, step: Step, why: str, now: datetime) -> ControlState:
    """The state when *step* alone could not be sent: it is planned again, and the others are taken."""
    return _without(unsent(state, step).model_copy(update={"detail": why}), {step.key}, now, "drifted")


def _with(state: ControlState, step: Step, update: dict[str, object]) -> ControlState:
    if state.correction is None:
        raise ValueError(f"{state.id} has no correction")
    changes = tuple(
        change.model_copy(update=update) if change.key == step.key else change for change in state.correction.changes
    )
    return state.model_copy(update={"correction": state.correction.model_copy(update={"changes": changes})})


def _without(state: ControlState, keys: set[str], now: datetime, last: StateName) -> ControlState:
    """*state* without the changes *keys*; where none is left it becomes *last*."""
    left = tuple(c for c in state.correction.changes if c.key not in keys) if state.correction else ()
    if state.correction and left:
        correction = state.correction.model_copy(update={"changes": left})
        return state.becomes("correcting", now, correction=correction)
    return state.becomes(last, now, correction=None)


type Proof = Literal["proven", "pending", "no_effect", "superseded", "lost", "unsent"]


def proof(change: Change, finding: Finding, now: datetime) -> Proof:
    """What a look after the write says of it.

    Proven is only what was compared and found as wanted. A field that still differs is waited for: a write that was
    answered had no effect when PROOF_PATIENCE is over; one whose answer was lost may not have happened, and is made
    again, a creating one only when it had LOST_PATIENCE to show. A field that is neither (the object is gone, or there
    are two) can no longer be proven.
    """
    if change.sent_at is None:
        return "unsent"
    if isinstance(finding, Unknown):
        return "pending"
    fields = {str(drift["field"]) for drift in change.drift}
    if fields & _off(finding):
        return _patience(change, now - change.sent_at)
    return "proven" if fields <= _equal(finding) else "superseded"


def _patience(change: Change, waited: timedelta) -> Proof:
    if change.answered:
        return "no_effect" if waited >= PROOF_PATIENCE else "pending"
    return "lost" if waited >= LOST_PATIENCE or not change.creates else "pending"


def _off(finding: Finding) -> set[str]:
    return set() if isinstance(finding, Unknown | NotApplicable) else {d.field for d in getattr(finding, "drift", ())}


def _equal(finding: Finding) -> frozenset[str]:
    return frozenset() if isinstance(finding, Unknown | NotApplicable) else finding.equal


@dataclass(frozen=True, slots=True)
class Progress:
    """What became of a correction: its changes by their proof, and the state without those that are settled."""

    state: ControlState
    by: dict[Proof, tuple[Change, ...]] = field(default_factory=dict)

    def those(self, proof: Proof) -> tuple[Change, ...]:
        return self.by.get(proof, ())


def progress(state: ControlState, finding: Finding, now: datetime, *, patient: bool) -> Progress:
    """Judge every change of *state*'s correction. *patient*: what was lost is still waited for, as replicas lag."""
    if state.correction is None:
        return Progress(state)
    by: dict[Proof, tuple[Change, ...]] = {}
    for change in state.correction.changes:
        verdict = proof(change, finding, now)
        verdict = "pending" if patient and verdict == "lost" else verdict
        by[verdict] = (*by.get(verdict, ()), change)
    settled = {change.key for verdict, changes in by.items() if verdict != "pending" for change in changes}
    tried = {change.key: Tried(at=now, why=_NO_EFFECT) for change in by.get("no_effect", ())}
    made = {change.key: now for change in by.get("proven", ()) if change.creates}
    told = state.model_copy(update={"tried": state.tried | tried, "made": _recent(state.made, now) | made})
    return Progress(_without(told, settled, now, "drifted"), by)


def _recent(made: dict[str, datetime], now: datetime) -> dict[str, datetime]:
    return {key: at for key, at in made.items() if now - at < CALM}


def too_soon(state: ControlState, plan: Drifted, now: datetime) -> bool:
    """Whether *plan* would make again what was proven to be there a moment ago."""
    recent = _recent(state.made, now)
    return any(step.key in recent for step in plan.steps)
