"""What is known of each control of a tenant, and how a finding changes it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, Self, assert_never

from pydantic import AwareDatetime, BaseModel, ConfigDict

from domain.control import Compliant, Control, Drift, Drifted, Finding, NeedsPerson, NotApplicable, Unknown
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

LONGEST_SHOWN = 2000
"""Characters of one drifted value that states and ledger keep; whole values stay in the tenant."""


class Correction(BaseModel):
    """A write that has begun and is not proven yet.

    *entry*: the id of the ledger entry made before it. *answered*: the service said that it was done; without that
    the answer was lost, or the worker died, and the write may or may not have happened.
    """

    model_config = ConfigDict(frozen=True)

    entry: str
    written_at: AwareDatetime
    plan: str
    steps: tuple[dict[str, Any], ...]
    drift: tuple[dict[str, Any], ...]
    answered: bool = False

    @property
    def creates(self) -> bool:
        return any(step["cmdlet"].startswith("New-") for step in self.steps)


class Tried(BaseModel):
    """A write that was refused or had no effect, so that nothing loops. *plan*: the digest of its steps."""

    model_config = ConfigDict(frozen=True)

    plan: str
    at: AwareDatetime


class ControlState(BaseModel):
    """One control of one tenant, as `GET /tenants/{tenant_id}/state` shows it."""

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
    tried: Tried | None = None

    def becomes(self, state: StateName, now: datetime, **changes: Any) -> Self:  # noqa: ANN401 - fields of any type
        """This state after *changes*; `since` moves only when the name does."""
        since = self.since if state == self.state and self.since else now
        return self.model_copy(update={"state": state, "since": since, **changes})


WAITING: frozenset[StateName] = frozenset({"held", "awaiting_approval", "excepted"})
"""States that the gate gave. A check that finds the same drift again leaves them: only the gate can say otherwise."""


@dataclass(frozen=True, slots=True)
class Look:
    """One look at one control: which, in which mode of the tenant, when its facts were read, and when now is."""

    control: Control
    mode: Mode
    read_at: datetime | None
    now: datetime


def after_check(before: ControlState, finding: Finding, look: Look) -> ControlState:
    """The state of a control once a check has found *finding*.

    A correction under way is left alone: only the remediation that proves it may end it (promise 2).
    """
    if before.correction:
        return before
    seen = before.model_copy(update={"drift": (), "steps": (), "plan": "", "detail": "", "read_at": look.read_at})
    match finding:
        case Unknown():
            # The time of the last good read stays: an unknown carries no proof of its own.
            return seen.becomes("unknown", look.now, detail=_sentence(finding), read_at=before.read_at)
        case Compliant(detail=detail):
            return seen.becomes("compliant", look.now, detail=detail, tried=None)
        case NotApplicable(reason=reason):
            return seen.becomes("not_applicable", look.now, detail=reason, tried=None)
        case NeedsPerson(todo=todo, drift=drift):
            return seen.becomes("needs_person", look.now, detail=todo, drift=drift_view(drift))
        case Drifted():
            return _after_drift(before, seen, finding, look)
        case _:
            assert_never(finding)


def _after_drift(before: ControlState, seen: ControlState, found: Drifted, look: Look) -> ControlState:
    plan = digest(found.steps)
    shown = seen.model_copy(
        update={"drift": drift_view(found.drift), "steps": step_view(found.steps), "plan": plan, "detail": found.detail}
    )
    if look.mode == "observe":
        return shown.becomes("drifted", look.now)
    if given_up(before, plan, look.control, look.now):
        return shown.becomes("needs_person", look.now, detail=before.detail)
    if before.state in WAITING and before.plan == plan:
        return shown.becomes(before.state, look.now, detail=before.detail)
    return shown.becomes("drifted", look.now)


def wants_remedy(state: ControlState, mode: Mode) -> bool:
    """Whether a remediation should look at the control now."""
    return state.state == "correcting" or (mode != "observe" and state.state in {"drifted", *WAITING})


def given_up(state: ControlState, plan: str, control: Control, now: datetime) -> bool:
    """Whether this very plan was tried before without success, and it is too early (or never time) to try again."""
    if state.tried is None or state.tried.plan != plan:
        return False
    return control.once or now - state.tried.at < TRY_AGAIN_AFTER


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
            "parameters": _json(step.parameters),
            "powershell": step.powershell,
        }
        for step in steps
    )


def digest(steps: tuple[Step, ...]) -> str:
    """A name for exactly this plan: what a person approves, and what was tried."""
    text = json.dumps([[s.service, s.cmdlet, _json(s.parameters)] for s in steps], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _json(value: object) -> Any:  # noqa: ANN401 - JSON is of any type
    match value:
        case Mapping():
            return {key: _json(item) for key, item in value.items()}
        case tuple():
            return [_json(item) for item in value]
        case datetime():
            return value.isoformat()
        case str() if len(value) > LONGEST_SHOWN:
            return f"{value[:LONGEST_SHOWN]}... ({len(value)} characters)"
        case _:
            return value
