"""What is known of each control of a tenant, and how a finding changes it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, Self, assert_never

from pydantic import AwareDatetime, BaseModel, ConfigDict

from domain.control import Compliant, Control, Drift, Drifted, Finding, NeedsPerson, NotApplicable, Unknown
from domain.exemption import Exemption
from domain.steps import Step
from domain.tenant import Mode

type StateName = Literal[
    "compliant",
    "drifted",
    "unknown",
    "correcting",
    "held",
    "awaiting_approval",
    "needs_person",
    "excepted",
    "not_applicable",
]

TRY_AGAIN_AFTER = timedelta(hours=6)
"""A refused write is offered again after this: a missing role may have been granted. Controls with `once` never are."""

UNREAD_PATIENCE = timedelta(minutes=5)
"""A correction that cannot be read for so long is told as unknown: somebody may have to grant something."""

PROOFS_KEPT = 16
"""Ended spans of proof that a state remembers: what raises alerts for mail of that time comes up within days."""

LONGEST_BETWEEN = timedelta(hours=2)
"""Looks farther apart prove nothing of the time between: the service stood still, or the tenant was switched off."""

CLOCKS_DIFFER = timedelta(minutes=2)
"""How far the clocks of Microsoft's services and ours may be apart."""

LONGEST_SHOWN = 2000
"""Characters of one drifted value that states and ledger keep; whole values stay in the tenant."""


class Change(BaseModel):
    """One step of a correction: what it writes, which drift it mends, and how far it has come.

    *sent_at*: just before it was sent; None while it was not. *answered*: the service said that it was done; without
    that the answer was lost, or the worker died, and the write may or may not have happened.
    """

    model_config = ConfigDict(frozen=True)

    key: str
    step: dict[str, Any]
    drift: tuple[dict[str, Any], ...]
    sent_at: AwareDatetime | None = None
    answered: bool = False

    @property
    def creates(self) -> bool:
        return str(self.step["cmdlet"]).startswith("New-")


class Correction(BaseModel):
    """Writes that have begun and are not proven yet. *entry*: the id of the ledger entry made before the first.

    *seen_at*: when the drift was seen that they are to mend.
    """

    model_config = ConfigDict(frozen=True)

    entry: str
    changes: tuple[Change, ...]
    seen_at: AwareDatetime | None = None


class Tried(BaseModel):
    """A step that was refused or had no effect: when, and *why* as a person is told.

    *patient_until*: it was only too early, and until then that is nobody's business.
    """

    model_config = ConfigDict(frozen=True)

    at: AwareDatetime
    why: str
    patient_until: AwareDatetime | None = None

    def patient_at(self, now: datetime) -> bool:
        return self.patient_until is not None and now < self.patient_until


type Hindrance = Literal["conflict", "silence"]
"""Why a step was not sent: its provider shows other records, or cannot be reached."""


class Missed(BaseModel):
    """A step that could not be sent: in how many *jobs* in a row it was for the same *reason*."""

    model_config = ConfigDict(frozen=True)

    reason: Hindrance
    jobs: int


class Span(BaseModel):
    """From one look to another, both and all between them of the same finding."""

    model_config = ConfigDict(frozen=True)

    start: AwareDatetime
    end: AwareDatetime


class Actor(BaseModel):
    """Who changed something, as the tenant's audit log has it. *who*: a user, an app, or how the service calls it."""

    model_config = ConfigDict(frozen=True)

    who: str
    address: str
    at: AwareDatetime
    operation: str

    def __str__(self) -> str:
        address = f" from {self.address}" if self.address else ""
        return f"{self.who}{address} at {self.at:%Y-%m-%d %H:%M:%S} UTC ({self.operation})"


class ControlState(BaseModel):
    """One control of one tenant, as `GET /tenants/{tenant_id}/state` shows it.

    *tried*: steps (by key) that were refused or had no effect, so that nothing loops. *missed*: those that are offered
    again and again. *made*: steps that created something, and when that was proven: an older replica may show for a
    while that it is not there.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    state: StateName = "unknown"
    since: AwareDatetime | None = None
    read_at: AwareDatetime | None = None
    profile_version: str = ""
    drift: tuple[dict[str, Any], ...] = ()
    detail: str = "not read yet"
    steps: tuple[dict[str, Any], ...] = ()
    plan: str = ""
    correction: Correction | None = None
    tried: dict[str, Tried] = {}
    missed: dict[str, Missed] = {}
    made: dict[str, AwareDatetime] = {}
    proofs: tuple[Span, ...] = ()
    actor: Actor | None = None

    @property
    def proven(self) -> tuple[Span, ...]:
        """Every span through which the control was proven compliant, the one that lasts included."""
        return (*self.proofs, *_proof(self))

    def becomes(self, state: StateName, now: datetime, **changes: Any) -> Self:  # noqa: ANN401 - fields of any type
        """This state after *changes*; `since` moves only when the name does."""
        since = self.since if state == self.state and self.since else now
        return self.model_copy(update={"state": state, "since": since, **changes})


WAITING: frozenset[StateName] = frozenset({"held", "awaiting_approval"})
"""States that the gate gave. A check that finds the same drift again leaves them: only the gate can say otherwise."""


@dataclass(frozen=True, slots=True)
class Look:
    """One look at one control: which, in which mode of the tenant, when its facts were read, and when now is.

    *asked_at*: when a person asked for it to be put back, if one did. *exemption*: the control's exception, if it has
    one.
    """

    control: Control
    mode: Mode
    read_at: datetime | None
    now: datetime
    asked_at: datetime | None = None
    exemption: Exemption | None = None

    @property
    def accepted(self) -> str:
        """Why drift is accepted at this moment; empty where it is not."""
        return self.exemption.sentence if self.exemption and self.exemption.holds_at(self.now) else ""


def after_check(before: ControlState, finding: Finding, look: Look) -> ControlState:
    """The state of a control once a look has found *finding*.

    A correction under way is left to whoever proves it (promise 2); that it cannot be read is told all the same.
    """
    if before.correction:
        return _while_correcting(before, finding, look.now)
    blank = {"drift": (), "steps": (), "plan": "", "detail": "", "missed": _still_missed(before, finding)}
    seen = before.model_copy(update={**blank, "read_at": look.read_at})
    stood_still = before.state == "compliant" and _far_apart(before.read_at, look.read_at)
    if not isinstance(finding, Compliant) or stood_still:
        seen = seen.model_copy(update={"proofs": before.proven[-PROOFS_KEPT:]})
        if seen.actor and not last_drift_is(seen, seen.actor.at):
            seen = seen.model_copy(update={"actor": None})
    match finding:
        case Unknown():
            # The time of the last good read stays: an unknown carries no proof of its own.
            return seen.becomes("unknown", look.now, detail=_sentence(finding), read_at=before.read_at)
        case Compliant(detail=detail):
            since = {"since": look.now} if stood_still else {}
            return seen.becomes("compliant", look.now, detail=detail, tried={}, **since)
        case NotApplicable(reason=reason):
            return seen.becomes("not_applicable", look.now, detail=reason, tried={})
        case NeedsPerson(todo=todo, drift=drift):
            state = seen.becomes("needs_person", look.now, detail=todo, drift=drift_view(drift))
            return _unless_accepted(before, state, look)
        case Drifted():
            return _unless_accepted(before, _after_drift(before, seen, finding, look), look)
        case _:
            assert_never(finding)


def _still_missed(before: ControlState, finding: Finding) -> dict[str, Missed]:
    """The steps that could not be sent and are planned again; where nothing could be read, all."""
    if isinstance(finding, Unknown):
        return before.missed
    planned = {step.key for step in finding.steps} if isinstance(finding, Drifted) else set()
    return {key: each for key, each in before.missed.items() if key in planned}


def _far_apart(before: datetime | None, after: datetime | None) -> bool:
    return before is not None and after is not None and after - before > LONGEST_BETWEEN


def _proof(state: ControlState) -> tuple[Span, ...]:
    if state.state != "compliant" or not state.since or not state.read_at or state.read_at < state.since:
        return ()
    return (Span(start=state.since, end=state.read_at),)


def last_drift_is(state: ControlState, at: datetime) -> bool:
    """Whether what happened at *at* can have made the state's last drift: no look found all well after it."""
    return bool(state.proofs) and at >= state.proofs[-1].end - CLOCKS_DIFFER


def _while_correcting(before: ControlState, finding: Finding, now: datetime) -> ControlState:
    if not isinstance(finding, Unknown):
        return before if before.state == "correcting" else before.becomes("correcting", now, detail="")
    long_ago = before.since is not None and before.state == "correcting" and now - before.since >= UNREAD_PATIENCE
    state: StateName = "unknown" if long_ago else before.state
    return before.becomes(state, now, detail=_sentence(finding))


def _unless_accepted(before: ControlState, after: ControlState, look: Look) -> ControlState:
    if not look.accepted:
        return after
    since = before.since if before.state == "excepted" else look.now
    return after.model_copy(update={"state": "excepted", "since": since, "detail": look.accepted})


def _after_drift(before: ControlState, seen: ControlState, found: Drifted, look: Look) -> ControlState:
    state = shown(seen, found).model_copy(update={"detail": found.detail})
    left = open_steps(before, found, look)
    if look.mode != "observe" and not left:
        tried = [before.tried[step.key] for step in found.steps]
        whys = " ".join(dict.fromkeys(each.why for each in tried))
        if all(each.patient_at(look.now) for each in tried):
            return state.becomes("held", look.now, detail=whys)
        return state.becomes("needs_person", look.now, detail=f"{whys} {look.control.by_hand}")
    if look.mode != "observe" and before.state in WAITING and before.plan == digest(left):
        return shown(seen, found.only(left)).becomes(before.state, look.now, detail=before.detail)
    return state.becomes("drifted", look.now)


def shown(state: ControlState, plan: Drifted) -> ControlState:
    """*state* with the drift and the steps of *plan*, for a person to read."""
    update = {"drift": drift_view(plan.drift), "steps": step_view(plan.steps), "plan": digest(plan.steps)}
    return state.model_copy(update=update)


def open_steps(state: ControlState, plan: Drifted, look: Look) -> tuple[Step, ...]:
    """The steps of *plan* that have not been tried without success lately, or since a person asked."""
    return tuple(step for step in plan.steps if not _given_up(state.tried.get(step.key), look))


def _given_up(tried: Tried | None, look: Look) -> bool:
    if tried is None:
        return False
    if look.asked_at:
        return tried.at >= look.asked_at
    return look.control.once or look.now - tried.at < TRY_AGAIN_AFTER


def wants_remedy(state: ControlState, mode: Mode) -> bool:
    """Whether a remediation should look at the control now."""
    return state.correction is not None or (mode != "observe" and state.state in {"drifted", *WAITING})


def _sentence(unknown: Unknown) -> str:
    return f"{unknown.reason}. {unknown.remedy}".removesuffix(" ") if unknown.remedy else unknown.reason


def drift_view(drift: tuple[Drift, ...]) -> tuple[dict[str, Any], ...]:
    """Drift as JSON objects of `field`, `wanted`, `found` (design 6)."""
    return tuple({"field": d.field, "wanted": _json(d.wanted), "found": _json(d.found)} for d in drift)


def step_view(steps: tuple[Step, ...]) -> tuple[dict[str, Any], ...]:
    """Steps as JSON objects of `service`, `cmdlet`, `parameters`, `powershell` (design 6)."""
    return tuple(
        {
            "service": step.service,
            "cmdlet": step.cmdlet,
            # What a change in DNS found is needed whole, to be put back; it is small (`dns_steps`).
            "parameters": _json(step.parameters, whole=step.service == "dns"),
            "powershell": step.powershell,
        }
        for step in steps
    )


def digest(steps: tuple[Step, ...]) -> str:
    """A name for exactly this plan, in whatever order its steps were found: what a person approves."""
    return hashlib.sha256(" ".join(sorted(step.key for step in steps)).encode()).hexdigest()[:16]


def _json(value: object, *, whole: bool = False) -> Any:  # noqa: ANN401 - JSON is of any type
    match value:
        case Mapping():
            return {key: _json(item, whole=whole) for key, item in value.items()}
        case tuple():
            return [_json(item, whole=whole) for item in value]
        case datetime():
            return value.isoformat()
        case str() if len(value) > LONGEST_SHOWN and not whole:
            return f"{value[:LONGEST_SHOWN]}... ({len(value)} characters)"
        case _:
            return value
