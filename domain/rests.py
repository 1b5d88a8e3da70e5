"""How long a tenant rests at a service that turned us away: as long as it said, else longer each time. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from pydantic import AwareDatetime

FIRST_REST = timedelta(minutes=1)
LONGEST_REST = timedelta(minutes=30)
RESTS_FORGOTTEN_AFTER = timedelta(hours=1)
"""A service that gave no cause for a rest for so long is asked as if it never had."""
JITTER = 0.2
"""A wait that nobody named is longer by up to this share, so that tenants turned away together do not come back so."""


@dataclass(frozen=True, slots=True)
class Rest:
    """One tenant is not asked about at one service before *until*. *times*: the how manieth rest in a row it is."""

    until: AwareDatetime
    times: int = 1

    def holds_at(self, now: datetime) -> bool:
        return now < self.until


def next_rest(before: Rest | None, wait: timedelta | None, now: datetime, salt: str) -> Rest:
    """The rest that begins now. *wait*: as long as the service named; *salt*: the tenant, for the jitter."""
    times = before.times + 1 if before and now - before.until < RESTS_FORGOTTEN_AFTER else 1
    if wait is None:
        named = min(LONGEST_REST, FIRST_REST * (1 << min(times - 1, 10)))
        share = int.from_bytes(sha256(f"{salt} {times}".encode()).digest()[:2]) / 0xFFFF
        wait = named * (1 + JITTER * share)
    return Rest(until=now + wait, times=times)
