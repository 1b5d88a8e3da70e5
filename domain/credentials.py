"""When what lets us in, or others in, runs out: told of early enough to be renewed."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.incident import Incident

WARNED_AT = (timedelta(days=30), timedelta(days=14), timedelta(days=3))
"""Before the end: the last that has come counts, so that a new installation is told once."""


@dataclass(frozen=True, slots=True)
class Expiring:
    """Something that lets somebody in until *until*. *id*: letters, digits and hyphens; *name*: for people."""

    id: str
    name: str
    until: datetime


def warning(each: Expiring, now: datetime) -> Incident | None:
    """What is to be told of *each* at *now*; None where there is nothing to tell yet."""
    begun = [before for before in WARNED_AT if each.until - before <= now]
    if not begun:
        return None
    return Incident(
        id=f"credential-{each.id}"[:40].rstrip("-"),
        kind="credential",
        summary=f"a credential ends within {min(begun).days} days",
        detail=f"{each.name} ends at {each.until:%Y-%m-%d %H:%M} UTC; renew it before (docs/operations.md#credentials)",
    )
