"""What happened, entry by entry: append-only, newest first when read."""

import re
from datetime import datetime
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, computed_field

from domain.gate import Ruling
from domain.states import ControlState, StateName

type Event = Literal[
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
    "incident",
    "actor_named",
    "alert_closed",
    "alert_reopened",
    "alert_left_open",
    "audit_gap",
]


ENTRY_ID = re.compile(r"[0-9]{16}-[a-z_]{1,40}-[a-z0-9-]{1,40}")
"""What an entry's id looks like; nothing else is ever asked for in storage."""

_FAR_FUTURE_US = 10**16 - 1


def row_key(at: datetime) -> str:
    """A key that sorts a later time before an earlier one: tables sort ascending only."""
    return f"{_FAR_FUTURE_US - int(at.timestamp() * 1_000_000):016d}"


def entry_id(at: datetime, event: Event, control: str) -> str:
    """An entry's id, which is also its row key within the tenant."""
    return f"{row_key(at)}-{event}-{control or 'tenant'}"


class Entry(BaseModel):
    """One entry. Correcting makes two: `applying` before the first write, `corrected` (`of` it) after the proof.

    *before* and *after* map each drifted field to its value, as found and as read again after the write.
    *answers*: what each part of the gate said. *actor*: who did it, `holdfast` or a person. *last_good*: when a look
    last found the control as wanted, before the drift that this entry tells of.
    """

    model_config = ConfigDict(frozen=True)

    at: AwareDatetime
    tenant_id: str
    control: str = ""
    event: Event
    detail: str = ""
    drift: tuple[dict[str, Any], ...] = ()
    steps: tuple[dict[str, Any], ...] = ()
    answers: tuple[dict[str, Any], ...] = ()
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    of: str = ""
    actor: str = "holdfast"
    requested_by: str | None = None
    reason: str = ""
    operation_id: str | None = None
    profile_version: str = ""
    last_good: AwareDatetime | None = None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def id(self) -> str:
        """The same for the same entry however often it is appended, so that a crash makes no second one."""
        return entry_id(self.at, self.event, self.control)


_EVENTS: dict[StateName, Event] = {
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


def of_transition(before: ControlState, after: ControlState, **known: Any) -> Entry | None:  # noqa: ANN401 - Entry's fields
    """The entry for a change of state; None when nothing changed that an operator would want to read again."""
    same = _news(before) == _news(after)
    first_good = before.since is None and after.state in {"compliant", "not_applicable"}
    if same or first_good:
        return None
    return Entry(
        event=_EVENTS[after.state],
        control=after.id,
        detail=after.detail,
        drift=after.drift,
        steps=after.steps,
        profile_version=after.profile_version,
        last_good=after.proofs[-1].end if after.drift and after.proofs else None,
        **known,
    )


def _news(state: ControlState) -> tuple[str, ...]:
    # Why something could not be read has another request id each time: that it could not is the news.
    detail = "" if state.state == "unknown" else state.detail
    return state.state, state.plan, detail, state.correction.entry if state.correction else ""


def answers_view(ruling: Ruling) -> tuple[dict[str, Any], ...]:
    """The gate's answers as JSON objects of `gate`, `passed`, `reason`."""
    return tuple({"gate": a.gate, "passed": a.passed, "reason": a.reason} for a in ruling.answers)
