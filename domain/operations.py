"""An operation: what an HTTP or webhook caller can follow from request to end (docs/api.md)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Self
from uuid import UUID, uuid5

from pydantic import AwareDatetime

from domain.control import Drift, Drifted
from domain.ledger import Entry, LedgerEvent, row_key
from domain.states import ControlState, StateName, drift_view, step_view
from domain.steps import ShownStep

type OperationKind = Literal["check", "reprovision", "approve", "undo", "remove", "open"]
type OperationState = Literal["queued", "running", "succeeded", "held", "needs_person", "failed"]
ENDED: frozenset[OperationState] = frozenset({"succeeded", "held", "needs_person", "failed"})


UNHEARD_FOR = timedelta(minutes=20)
"""Nothing works on an operation of which no worker was heard for so long.

A worker that dies in the tenth minute of its invocation has renewed its message in the fifth, for ten minutes
(docs/reference/azure-functions.md#life-of-a-message): so a message that is still there is delivered within fifteen.
"""

CUT_AFTER = timedelta(seconds=60)
"""A worker that began so long ago and has not the lease was cut: an invocation can be, at any point (host #12007)."""

LOST = "lost: its message was gone twice, or no worker was heard of it for long; ask again"


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
    is accepted. *finding*: the finding that is removed. *goes_on*: it has ended for whoever asked, and its message is
    still to come: a service had turned the tenant away.
    """

    id: str
    kind: OperationKind
    tenant_id: str
    state: OperationState = "queued"
    requested_by: str = ""
    reason: str = ""
    dry_run: bool = False
    plan: str = ""
    entry: str = ""
    finding: str = ""
    until: AwareDatetime | None = None
    created_at: AwareDatetime
    finished_at: AwareDatetime | None = None
    controls: tuple[ControlOutcome, ...] = ()
    goes_on: bool = False

    @property
    def has_ended(self) -> bool:
        return self.state in ENDED

    @property
    def is_over(self) -> bool:
        """Whether nothing is done for it any more: a message that comes after all is a double."""
        return self.has_ended and not self.goes_on

    def told(self, event: LedgerEvent, control: str, detail: str = "", plan: Drifted | None = None) -> Entry:
        """An entry of the tenant's ledger about it, with what *plan* writes: the same however often it is made."""
        return Entry(
            at=self.created_at,
            tenant_id=self.tenant_id,
            control=control,
            event=event,
            detail=detail,
            drift=drift_view(plan.drift) if plan else (),
            steps=step_view(plan.steps) if plan else (),
            actor=self.requested_by,
            requested_by=self.requested_by,
            reason=self.reason,
            operation_id=self.id,
        )

    @property
    def last_meant(self) -> datetime:
        """The last moment that it was about: it was asked for, came to its end, or what it allowed has ended."""
        return max(filter(None, (self.created_at, self.finished_at, self.until)))


@dataclass(frozen=True, slots=True)
class RecentOperation:
    """What the list of operations keeps of one, to find it."""

    id: str
    tenant_id: str
    kind: str
    created_at: AwareDatetime

    @classmethod
    def of(cls, operation: Operation) -> Self:
        return cls(operation.id, operation.tenant_id, operation.kind, operation.created_at)

    @property
    def key(self) -> str:
        """Sorts newest first."""
        return f"{row_key(self.created_at)}-{self.id}"


_KEYS = UUID("5d5b7f0e-8a3c-4f6e-9d39-5c1a5f0f6f0b")
"""The namespace of ids that are made from idempotency keys (RFC 9562, section 5.5)."""


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """A *caller*'s *key* for one request, and the *fingerprint* of all that this request asks for.

    The key names the operation, so no list of keys is kept, and of two callers at once the storage service lets one
    make it. Source: draft-ietf-httpapi-idempotency-key-header-07.
    """

    caller: str
    key: str
    fingerprint: str

    @property
    def operation_id(self) -> str:
        return str(uuid5(_KEYS, f"{self.caller}\n{self.key}"))


def outcome(state: ControlState) -> ControlOutcome:
    return ControlOutcome(id=state.id, state=state.state, drift=state.drift, steps=state.steps, detail=state.detail)


def outcome_of_plan(control: str, state: StateName, why: str, plan: Drifted | None) -> ControlOutcome:
    """How a control stands, with what *plan* would write; None is a plan of nothing."""
    if plan is None:
        return ControlOutcome(id=control, state=state, detail=why)
    return ControlOutcome(
        id=control, state=state, drift=drift_view(plan.drift), steps=step_view(plan.steps), detail=why
    )


_RIGHT: frozenset[StateName] = frozenset({"compliant", "not_applicable"})
_UNDER_WAY: frozenset[StateName] = frozenset({"correcting", "drifted"})


def ending(controls: Sequence[ControlOutcome], *, looked_only: bool, goes_on: bool = True) -> OperationState:
    """How an operation stands. One that only looks (check, dry run) succeeds unless something could not be read.

    *goes_on*: what is not right yet is still worked on for whoever asked. Else it ends without that.
    """
    states = {control.state for control in controls}
    if "unknown" in states:
        return "failed"
    if looked_only or states <= _RIGHT:
        return "succeeded"
    if goes_on and states & _UNDER_WAY:
        return "running"
    if "needs_person" in states:
        return "needs_person"
    return "held" if states - _UNDER_WAY - _RIGHT else "failed"
