"""Whether a tenant's lock is proven: the last good read shows it as the profile wants it, and its MX are the filter's.

What opens a tenant rests on it: spoof intelligence may only be off where nobody but the filter can deliver
(docs/safety.md#promise-5).
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pydantic import AwareDatetime

from domain.exchange import AcceptedDomain, ExchangeObject, InboundConnector
from domain.guards import Guard
from domain.moments import to_the_second

DOORS: tuple[type[ExchangeObject], ...] = (InboundConnector, AcceptedDomain)
"""What is read beside the objects of a control before anything of it is written."""

NOT_PROVEN = "lock not proven"

OLDEST_PROOF = timedelta(minutes=30)
"""Two intervals of the slow lane, in which the MX records are looked at, where its schedule names none."""


@dataclass(frozen=True, slots=True)
class LockSeen:
    """The last good read of a tenant's doors. *against*: why the lock was not proven then; empty where it was.

    *scope*: the domains that its connector named when it was last proven, none being every domain; None where it never
    was, or a former version did not say.
    """

    at: AwareDatetime
    against: str = ""
    scope: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Doors:
    """What the effect guard rests on. *closing*: the MX guard at this moment. *oldest*: how old a proof may be.

    *seen_locked*: the tenant was locked lately, so that closing it again refuses nothing new. *rehearsed*: whether what
    a first close would refuse is known and answered.
    """

    closing: Guard
    lock: LockSeen | None
    seen_locked: bool = False
    rehearsed: Guard = field(default_factory=lambda: Guard(passed=True))
    oldest: timedelta = OLDEST_PROOF

    def unproven(self, now: datetime) -> str:
        """Why the lock is not proven at *now*; empty where it is."""
        if self.lock is None:
            return "the tenant's doors were not read"
        if now - self.lock.at > self.oldest:
            return f"last read at {to_the_second(self.lock.at)}"
        return self.lock.against
