"""How long a tenant rests at a service that turned us away or gave no answer: as named, else longer each time. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from pydantic import AwareDatetime

from domain.pauses import doubling

FIRST_REST = timedelta(minutes=1)
LONGEST_REST = timedelta(minutes=30)
LONGEST_SILENCE = timedelta(minutes=10)
"""Shorter: where a service is away for all, every tenant rests, and is to be looked at soon once it is back."""
RESTS_FORGOTTEN_AFTER = timedelta(hours=1)
"""A service that gave no cause for a rest for so long is asked as if it never had."""
THROTTLED_LONG = 6
"""Rests in a row, each twice as long: about an hour."""
LONG_WAIT = timedelta(hours=1)
"""A wait that a service names, as long as THROTTLED_LONG rests."""
JITTER = 0.2
"""A wait that nobody named is longer by up to this share, so that tenants turned away together do not come back so."""

PERSISTS_AFTER = timedelta(minutes=15)
"""A refusal that lasts for so long persists. Until then each visit asks: somebody may be granting what is missing."""
FIRST_REFUSED_REST = timedelta(minutes=8)
"""Longer than the usual interval, or a rest would save no visit."""


@dataclass(frozen=True, slots=True)
class Rest:
    """One tenant is not asked about at one service before *until*. *times*: the how manieth rest in a row it is.

    *refused_since*: since when the service refuses us, where that is why and not a throttle. *silent*: it gave no
    answer, where that is why. *why*: in what words it refused, or which answer is missing. A refusal that does not
    persist yet, and the first lost answer, is one whose *until* is over.
    """

    until: AwareDatetime
    times: int = 1
    refused_since: AwareDatetime | None = None
    why: str = ""
    silent: bool = False

    def holds_at(self, now: datetime) -> bool:
        return now < self.until

    @property
    def sentence(self) -> str:
        """What stands in the states of the controls that are read there."""
        until = self.until.isoformat(timespec="seconds").replace("+00:00", "Z")
        if self.silent:
            return f"no answer, not asked until {until}: {self.why}"
        return f"refused until {until}: {self.why}" if self.refused_since else f"throttled until {until}"


def next_rest(before: Rest | None, wait: timedelta | None, now: datetime, salt: str) -> Rest:
    """The rest that begins now. *wait*: as long as the service named; *salt*: the tenant, for the jitter.

    A LONG_WAIT counts as THROTTLED_LONG rests in a row, of which operators are told.
    """
    lately = _lately(before, now)
    times = lately.times + 1 if lately and not lately.refused_since and not lately.silent else 1
    if wait and wait >= LONG_WAIT:
        times = max(times, THROTTLED_LONG)
    return Rest(until=now + (wait or _grown(FIRST_REST, times, salt)), times=times)


def next_refusal(before: Rest | None, why: str, now: datetime, salt: str) -> Rest:
    """What becomes of a service that refuses us now: it is noted, and once that persists the tenant rests there."""
    lately = _lately(before, now)
    since = lately.refused_since if lately else None
    if lately is None or since is None or now - since < PERSISTS_AFTER:
        return Rest(until=now, times=0, refused_since=since or now, why=why)
    times = lately.times + 1
    return Rest(until=now + _grown(FIRST_REFUSED_REST, times, salt), times=times, refused_since=since, why=why)


def next_silence(before: Rest | None, why: str, now: datetime, salt: str) -> Rest:
    """What becomes of a service that gave no answer: that is noted, and from the next time in a row on there is a rest.

    One lost answer says nothing of the tenant; a service that hangs for it holds a worker's place in each visit. A
    throttle or a refusal of late goes on: what was named and counted there is not forgotten for a lost answer.
    """
    lately = _lately(before, now)
    if lately and not lately.silent:
        return lately
    times = lately.times + 1 if lately else 0
    pause = _grown(FIRST_REST, times, salt, longest=LONGEST_SILENCE) if times else timedelta()
    return Rest(until=now + pause, times=times, why=why, silent=True)


def _lately(before: Rest | None, now: datetime) -> Rest | None:
    return before if before and now - before.until < RESTS_FORGOTTEN_AFTER else None


def _grown(first: timedelta, times: int, salt: str, longest: timedelta = LONGEST_REST) -> timedelta:
    """How long the rest of this number lasts: twice as long as the one before, and longer by the tenant's jitter."""
    named = doubling(first, longest, times - 1)
    share = int.from_bytes(sha256(f"{salt} {times}".encode()).digest()[:2]) / 0xFFFF
    return named * (1 + JITTER * share)
