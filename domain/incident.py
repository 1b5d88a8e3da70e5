"""What the MSP itself must hear of: not a tenant's drift, but something of the service that a person has to look at."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from domain.ledger import Entry

SERVICE = "service"
"""The partition of the ledger that belongs to no tenant, but to the service itself."""

type IncidentKind = Literal["parked", "radius", "wrong_keys"]

_ID = re.compile(r"[a-z0-9-]{1,40}")


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
        if not _ID.fullmatch(self.id):
            raise ValueError(f"incident.id: '{self.id}' should be lower-case letters, digits and hyphens, at most 40")

    def entry(self, at: datetime) -> Entry:
        """The entry of the service's own ledger."""
        detail = f"{self.summary}: {self.detail}"
        return Entry(at=at, tenant_id=SERVICE, control=self.id, event="incident", detail=detail)
