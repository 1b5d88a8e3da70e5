"""An operation: what an HTTP or webhook caller can follow from request to end (docs/api.md)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import AwareDatetime

from domain.control import Drift
from domain.states import ControlState, StateName
from domain.steps import ShownStep

type OperationState = Literal["queued", "running", "succeeded", "held", "needs_person", "failed"]


@dataclass(frozen=True, slots=True)
class ControlOutcome:
    """One control within an operation."""

    id: str
    state: StateName
    drift: tuple[Drift, ...] = ()
    steps: tuple[ShownStep, ...] = ()
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """Work on one tenant that somebody asked for.

    *plan*: the hash of the plan that was approved. *entry*: the ledger entry that is undone, *until*: for how long that
    is accepted.
    """

    id: str
    kind: Literal["check", "reprovision", "approve", "undo"]
    tenant_id: str
    state: OperationState = "queued"
    requested_by: str = ""
    reason: str = ""
    dry_run: bool = False
    plan: str = ""
    entry: str = ""
    until: AwareDatetime | None = None
    created_at: AwareDatetime
    finished_at: AwareDatetime | None = None
    controls: tuple[ControlOutcome, ...] = ()


def outcome(state: ControlState) -> ControlOutcome:
    return ControlOutcome(id=state.id, state=state.state, drift=state.drift, steps=state.steps, detail=state.detail)


def ending(controls: Sequence[ControlOutcome], *, looked_only: bool) -> OperationState:
    """How an operation ended. One that only looks (check, dry run) succeeds unless something could not be read."""
    states = {control.state for control in controls}
    if "unknown" in states:
        return "failed"
    if looked_only or states <= {"compliant", "not_applicable"}:
        return "succeeded"
    if "correcting" in states or "drifted" in states:
        return "running"
    return "needs_person" if "needs_person" in states else "held"
