"""Ledger entries as CloudEvents 1.0, for programs: what they are called, and what is in them.

Source: CloudEvents 1.0.2, JSON event format; its sequence extension.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import AwareDatetime

from domain.control import Drift
from domain.ledger import Entry, LedgerEvent

type EventType = Literal[
    "holdfast.drift.found",
    "holdfast.drift.gone",
    "holdfast.correction.begun",
    "holdfast.correction.proven",
    "holdfast.correction.superseded",
    "holdfast.finding.open",
    "holdfast.finding.declared",
    "holdfast.approval.wanted",
    "holdfast.approval.given",
]

_TYPES: Mapping[LedgerEvent, EventType] = {
    "drift_found": "holdfast.drift.found",
    "found_compliant": "holdfast.drift.gone",
    "applying": "holdfast.correction.begun",
    "corrected": "holdfast.correction.proven",
    "superseded": "holdfast.correction.superseded",
    "needs_person": "holdfast.finding.open",
    "declared": "holdfast.finding.declared",
    "awaiting_approval": "holdfast.approval.wanted",
    "proposed": "holdfast.approval.wanted",
    "approved": "holdfast.approval.given",
}


@dataclass(frozen=True, slots=True)
class EventData:
    """What happened. *entry*: the ledger entry's id, which says all; *position*: where it stands in the chain."""

    tenant_id: str
    position: int
    entry: str
    control: str
    event: LedgerEvent
    detail: str
    drift: tuple[Drift, ...]
    actor: str
    operation_id: str | None
    finding: str
    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CloudEvent:
    """One event. *id* and *source* together are unique, and the same however often it is sent."""

    id: str
    source: str
    type: EventType
    time: AwareDatetime
    subject: str
    sequence: str
    data: EventData
    specversion: Literal["1.0"] = "1.0"
    datacontenttype: Literal["application/json"] = "application/json"
    dataschema: str = "https://holdfast.invalid/api/events/schema"


@dataclass(frozen=True, slots=True)
class Position:
    """How far a ledger's events were sent: up to the entry with this place in its chain."""

    sequence: int


def event_of(entry: Entry, position: int) -> CloudEvent | None:
    """The event that *entry* is; None where it is none that programs are told."""
    if (kind := _TYPES.get(entry.event)) is None:
        return None
    data = EventData(
        tenant_id=entry.tenant_id,
        position=position,
        entry=entry.id,
        control=entry.control,
        event=entry.event,
        detail=entry.detail,
        drift=entry.drift,
        actor=entry.actor,
        operation_id=entry.operation_id,
        finding=entry.finding,
        steps=tuple(step.powershell for step in entry.steps),
    )
    source = f"/tenants/{entry.tenant_id}/ledger"
    return CloudEvent(entry.id, source, kind, entry.at, entry.control, f"{position:012d}", data)
