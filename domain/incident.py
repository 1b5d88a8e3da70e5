"""What the MSP itself must hear of: not a tenant's drift, but something of the service that a person has to look at."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Literal

from domain.ledger import Entry, LedgerEvent

SERVICE = "service"
"""The partition of the ledger that belongs to no tenant, but to the service itself."""

type IncidentKind = Literal[
    "parked",
    "radius",
    "wrong_keys",
    "brake",
    "tick",
    "credential",
    "unreachable",
    "throttled",
    "channel",
    "ranges",
    "wave",
    "untold",
    "unread",
]

INCIDENT_ID = re.compile(r"[a-z0-9-]{1,40}")


SEEN_AGAIN_AFTER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Incident:
    """One thing to hear of. *id*: what it is about, the same while it lasts, so that it has one ticket.

    *kind*: by which alert rules tell incidents apart. *summary*: one clause without a colon, the ticket's title.
    *detail*: what is known, for the person who looks into it. *ticketed*: False where tickets are what does not work.
    """

    id: str
    kind: IncidentKind
    summary: str
    detail: str
    ticketed: bool = True

    def __post_init__(self) -> None:
        if not INCIDENT_ID.fullmatch(self.id):
            raise ValueError(f"incident.id: '{self.id}' should be lower-case letters, digits and hyphens, at most 40")

    def entry(self, at: datetime) -> Entry:
        """The entry of the service's own ledger."""
        return service_entry("incident", at, control=self.id, detail=f"{self.summary}: {self.detail}")


def service_entry(
    event: LedgerEvent, at: datetime, *, control: str = "", detail: str = "", by: str = "holdfast"
) -> Entry:
    """An entry of the service's own ledger. *by*: the person who did it, or `holdfast`."""
    asked = None if by == "holdfast" else by
    return Entry(at=at, tenant_id=SERVICE, control=control, event=event, detail=detail, actor=by, requested_by=asked)


def held_by_radius(signature: str, reason: str) -> Incident:
    """Steps of *signature* are held by the blast radius. *reason*: what the gate said."""
    return Incident(
        id=f"radius-{sha256(signature.encode()).hexdigest()[:12]}",
        kind="radius",
        summary="steps of one kind are held by the blast radius",
        detail=f"{reason}; POST /api/radius/{signature}/release lets them go on",
    )


UNTOLD = "untold-"
"""How the id begins of an incident that somebody does not take what is to be told."""


def untold_incident(ledger: str, cause: str) -> str:
    """The id of the incident that a ticket system does not take what is to be told of one cause."""
    return f"{UNTOLD}{sha256(f'{ledger} {cause}'.encode()).hexdigest()[:12]}"


def wave_incident(wave_id: str) -> str:
    """The id of the incident that a wave is paused."""
    return f"wave-{wave_id}"


def since_begun(entries: Sequence[Entry]) -> list[Entry]:
    """Of what was said of one incident, oldest first, what was since it last began; nothing where it is over."""
    lasting = list[Entry]()
    for entry in entries:
        if entry.event == "incident_ended":
            lasting = []
        elif entry.event == "incident" or lasting:
            lasting.append(entry)
    return lasting


def is_news(incident: Incident, told: Sequence[Entry], now: datetime) -> bool:
    """Whether *incident*, seen again at *now*, is to be told after what was *told* of it (oldest first).

    What lasts is told once. What a person ended and is there still is told again after a day.
    """
    before = [each for each in told if each.event != "incident_taken"]
    if not before:
        return True
    if before[-1].event == "incident":
        return before[-1].detail != incident.entry(now).detail
    return before[-1].actor == "holdfast" or now - before[-1].at > SEEN_AGAIN_AFTER
