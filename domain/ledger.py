"""What happened, entry by entry: append-only, newest first when read."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Self

from pydantic import AwareDatetime, JsonValue, computed_field

from domain.control import Drift
from domain.gate import GateAnswer
from domain.moments import to_the_second
from domain.reading import Lane
from domain.states import ControlState, StateName
from domain.steps import ShownStep, Value

type LedgerEvent = Literal[
    "drift_found",
    "unreadable",
    "found_compliant",
    "not_applicable",
    "held",
    "awaiting_approval",
    "approved",
    "excepted",
    "exception_made",
    "exception_ended",
    "configured",
    "undoing",
    "undone",
    "needs_person",
    "applying",
    "corrected",
    "superseded",
    "parked",
    "parked_seen",
    "operation_lost",
    "incident",
    "incident_taken",
    "incident_ended",
    "actor_named",
    "alert_closed",
    "alert_reopened",
    "alert_left_open",
    "audit_gap",
    "key_ended",
    "declared",
    "proposed",
    "opening",
    "opened",
    "brake_engaged",
    "brake_released",
    "settings_changed",
    "exported",
    "checkpoint",
    "first_look",
    "not_looked",
    "evidence_made",
    "restored",
    "wave_begun",
    "wave_stage",
    "wave_paused",
    "wave_resumed",
    "wave_ended",
]


ENTRY_ID = re.compile(r"[0-9]{16}-[a-z_]{1,40}-[a-z0-9-]{1,40}")
"""What an entry's id looks like; nothing else is ever asked for in storage."""

_FAR_FUTURE_US = 10**16 - 1


def row_key(at: datetime) -> str:
    """A key that sorts a later time before an earlier one: tables sort ascending only."""
    return f"{_FAR_FUTURE_US - int(at.timestamp() * 1_000_000):016d}"


def entry_id(at: datetime, event: LedgerEvent, control: str) -> str:
    """An entry's id, which is also its row key within the tenant."""
    return f"{row_key(at)}-{event}-{control or 'tenant'}"


type Image = Mapping[str, Value | JsonValue]
"""What something was: for drift, each field's value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry. Correcting makes two: `applying` before the first write, `corrected` (`of` it) after the proof.

    *before* and *after* map each drifted field to its value, as found and as read again after the write.
    *answers*: what each part of the gate said. *actor*: who did it, `holdfast` or a person. *last_good*: when a look
    last found the control as wanted, before what this entry tells of: the end of what was proven. *finding*: what a
    person had removed.
    """

    at: AwareDatetime
    tenant_id: str
    control: str = ""
    event: LedgerEvent
    detail: str = ""
    drift: tuple[Drift, ...] = ()
    steps: tuple[ShownStep, ...] = ()
    answers: tuple[GateAnswer, ...] = ()
    before: Image = field(default_factory=dict)
    after: Image = field(default_factory=dict)
    of: str = ""
    actor: str = "holdfast"
    requested_by: str | None = None
    reason: str = ""
    operation_id: str | None = None
    profile_version: str = ""
    last_good: AwareDatetime | None = None
    finding: str = ""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def id(self) -> str:
        """The same for the same entry however often it is appended, so that a crash makes no second one."""
        return entry_id(self.at, self.event, self.control)


LONGEST_LINE = 500
"""Characters of an entry's detail that its line in the fleet's list has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerLine:
    """What a list over all tenants shows of an entry. *id*: the entry's, within its tenant's ledger."""

    id: str
    at: AwareDatetime
    tenant_id: str
    control: str
    event: LedgerEvent
    detail: str
    actor: str
    reason: str
    operation_id: str | None = None

    @classmethod
    def of(cls, entry: Entry) -> Self:
        return cls(
            id=entry.id,
            at=entry.at,
            tenant_id=entry.tenant_id,
            control=entry.control,
            event=entry.event,
            detail=entry.detail[:LONGEST_LINE],
            actor=entry.actor,
            reason=entry.reason[:LONGEST_LINE],
            operation_id=entry.operation_id,
        )

    @property
    def key(self) -> str:
        """Sorts newest first over all tenants."""
        return f"{row_key(self.at)}-{self.tenant_id}-{self.event}-{self.control or 'tenant'}"

    def says(self, text: str) -> bool:
        """Whether *text*, in small letters, stands in it; event and control may be written with spaces."""
        words = (self.event, self.control, self.actor, self.detail, self.reason, self.tenant_id)
        return any(text in found.casefold() or text in found.replace("_", " ") for found in words)

    @property
    def columns(self) -> dict[str, str]:
        """By what lists are filtered."""
        return {"tenant_id": self.tenant_id, "control": self.control, "event": self.event, "actor": self.actor}


_EVENTS: dict[StateName, LedgerEvent] = {
    "compliant": "found_compliant",
    "drifted": "drift_found",
    "unknown": "unreadable",
    "correcting": "applying",
    "held": "held",
    "awaiting_approval": "awaiting_approval",
    "needs_person": "needs_person",
    "excepted": "excepted",
    "not_applicable": "not_applicable",
}


def of_transition(
    before: ControlState, after: ControlState, *, at: datetime, tenant_id: str, operation_id: str | None = None
) -> Entry | None:
    """The entry for a change of state; None when nothing changed that an operator would want to read again."""
    same = _news(before) == _news(after)
    first_good = before.since is None and after.state in {"compliant", "not_applicable"}
    if same or first_good:
        return None
    return Entry(
        at=at,
        tenant_id=tenant_id,
        operation_id=operation_id,
        event=_EVENTS[after.state],
        control=after.id,
        detail=after.detail,
        drift=after.drift,
        steps=after.steps,
        profile_version=after.profile_version,
        last_good=_last_good(before, after),
    )


def _last_good(before: ControlState, after: ControlState) -> datetime | None:
    if before.state == "compliant":
        return before.read_at
    return after.proofs[-1].end if after.proofs and (after.drift or after.state == "needs_person") else None


def of_first_look(
    before: Iterable[ControlState], after: Iterable[ControlState], *, at: datetime, tenant_id: str
) -> Entry | None:
    """The entry for controls that a look found as documented, or without meaning here, before anything was known."""
    new = {each.id for each in before if each.since is None}
    standing: dict[str, JsonValue] = {
        each.id: _FIRST[each.state] for each in after if each.id in new and each.state in _FIRST
    }
    if not standing:
        return None
    said = ", ".join(f"{control} {word}".replace("_", " ") for control, word in standing.items())
    return Entry(at=at, tenant_id=tenant_id, event="first_look", detail=said, after={"standing": standing})


_FIRST: dict[StateName, str] = {"compliant": "proven", "not_applicable": "not_applicable"}


def of_missed_looks(last: Mapping[Lane, datetime], *, at: datetime, tenant_id: str) -> Entry | None:
    """The entry for looks that came more than two intervals after those of *last*, by lane."""
    if not last:
        return None
    said = ", ".join(f"{lane} since {to_the_second(since)}" for lane, since in last.items())
    since: dict[str, JsonValue] = {lane: each.isoformat() for lane, each in last.items()}
    return Entry(
        at=at, tenant_id=tenant_id, event="not_looked", detail=f"nobody looked: {said}", after={"since": since}
    )


def _news(state: ControlState) -> tuple[str, ...]:
    # Why something could not be read has another request id each time: that it could not is the news.
    detail = "" if state.state == "unknown" else state.detail
    return state.state, state.plan, detail, state.announced
