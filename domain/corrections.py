"""From a plan to a proof: a control's state before its write, when the gate refuses, and after each look."""

from datetime import datetime, timedelta
from typing import Literal

from domain.control import Drifted, Finding, NeedsPerson, Unknown
from domain.gate import Answer
from domain.ledger import entry_id
from domain.states import ControlState, Correction, StateName, Tried, digest, drift_view, step_view
from domain.tenant import Mode

PROOF_PATIENCE = timedelta(minutes=5)
"""How long a write may stay invisible (exchange-admin-api 2.13: seconds to minutes, polled for up to 300 s)."""

type Proof = Literal["proven", "pending", "no_effect", "write_again"]


def proof(correction: Correction, finding: Finding, now: datetime) -> Proof:
    """What a read after the write says of it.

    A write that was answered and does not show within PROOF_PATIENCE had no effect. One whose answer was lost may not
    have happened: an absolute write is simply made again; a creating one only when it had time to show, or there would
    be two.
    """
    if isinstance(finding, Unknown):
        return "pending"
    if not _still_off(correction, finding):
        return "proven"
    waited_enough = now - correction.written_at >= PROOF_PATIENCE
    if correction.answered:
        return "no_effect" if waited_enough else "pending"
    return "write_again" if waited_enough or not correction.creates else "pending"


def _still_off(correction: Correction, finding: Finding) -> bool:
    off = {drift.field for drift in finding.drift} if isinstance(finding, Drifted | NeedsPerson) else set()
    return any(drift["field"] in off for drift in correction.drift)


def begun(state: ControlState, plan: Drifted, now: datetime) -> ControlState:
    """The state just before the first write of *plan*, to be recorded as an `applying` entry of the same time."""
    correction = Correction(
        entry=entry_id(now, "applying", state.id),
        written_at=now,
        plan=digest(plan.steps),
        steps=step_view(plan.steps),
        drift=drift_view(plan.drift),
    )
    return _shown(state, plan).becomes("correcting", now, correction=correction, detail="")


def answered(state: ControlState) -> ControlState:
    """The state once the service has said that every step was done."""
    correction = state.correction and state.correction.model_copy(update={"answered": True})
    return state.model_copy(update={"correction": correction})


def closed(state: ControlState) -> ControlState:
    """The state without its correction, to be judged afresh."""
    return state.model_copy(update={"correction": None})


def given_to_person(state: ControlState, why: str, now: datetime) -> ControlState:
    """The state when a write was refused or had no effect: told to a person, and not tried again in a loop."""
    tried = Tried(plan=state.correction.plan if state.correction else state.plan, at=now)
    return state.becomes("needs_person", now, correction=None, tried=tried, detail=why)


def refused(state: ControlState, plan: Drifted, answer: Answer, mode: Mode, now: datetime) -> ControlState:
    """The state when the gate said no."""
    name: StateName = "held"
    if answer.gate == "exception":
        name = "excepted"
    elif answer.gate == "mode":
        name = "awaiting_approval" if mode == "approve" else "drifted"
    detail = answer.reason if answer.gate in {"exception", "mode"} else f"{answer.gate}: {answer.reason}"
    return _shown(state, plan).becomes(name, now, detail=detail)


def _shown(state: ControlState, plan: Drifted) -> ControlState:
    """*state* with the drift and the steps of *plan*, for a person to read."""
    update = {"drift": drift_view(plan.drift), "steps": step_view(plan.steps), "plan": digest(plan.steps)}
    return state.model_copy(update=update)
