"""Which looks of which tenants have come due between two ticks. Pure: schedules and moments in, tenants out.

A schedule says how often a look is due: its interval is the shortest time between its next 20 moments. Each tenant has
its own moment within the interval, by a hash of its id: so the fleet's looks are spread evenly, and those of one tenant
fall together. A schedule that names hours, days or months also says when not to look.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from itertools import batched, takewhile
from typing import Literal, Self, get_args

from pydantic import AwareDatetime

from ncrontab import Ncrontab

type LookName = Literal["fast", "slow", "alerts", "audit"]
LOOKS: tuple[LookName, ...] = get_args(LookName.__value__)
"""What a visit may look at: Exchange; compliance and DNS; Defender alerts; the audit feed."""

LONGEST_SPREAD = timedelta(hours=1)
"""Looks of a schedule that names hours stay within the hour that it names."""

WORKERS_DIFFER = timedelta(minutes=1)
"""How far the clocks of two workers may be apart: what is of a still later time was written by one that is ahead."""

_SHORTEST_CLAIM = timedelta(seconds=5)
_LONGEST_CLAIM = timedelta(minutes=1)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def place_of(tenant_id: str) -> int:
    """The tenant's place, in seconds: it is looked at where this, modulo the interval, falls."""
    return int.from_bytes(sha256(tenant_id.encode()).digest()[:6])


MINUTES = 15
"""Minutes of the usual slow interval: what is kept of the tenants of one of them stands in one partition of a table."""


def minute_of(tenant_id: str) -> int:
    """The minute of each quarter of an hour, from 0, in which the tenant's usual looks come due."""
    return place_of(tenant_id) // 60 % MINUTES


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often a look is due. *interval* None: never, for the schedule has not two moments."""

    schedule: Ncrontab
    interval: timedelta | None

    @classmethod
    def of(cls, expression: str, now: datetime) -> "Rhythm":
        """Raises ValueError for what is no NCRONTAB."""
        schedule = _schedule(expression)
        return cls(schedule, schedule.interval(now))

    def window(self, after: datetime, until: datetime) -> "Window":
        """What comes due later than *after* and by *until*; of a longer time at most one interval."""
        if self.interval is None:
            return Window((), timedelta(seconds=1), until, until)
        after = max(after, until - self.interval)
        even = self.interval <= LONGEST_SPREAD
        spread = self.interval if even or not self.schedule.names_hours else LONGEST_SPREAD
        starts = self._even(after - spread, until, spread) if even else self._listed(after - spread, until)
        return Window(tuple(starts), spread, after, until)

    def waited(self, looked: datetime, now: datetime) -> timedelta:
        """How much of the time since a tenant was *looked* at the schedule asked for looks in.

        Hours and days that it leaves out do not count. Of a schedule of moments farther apart than LONGEST_SPREAD that
        is the time since the first of them is over for the whole fleet.
        """
        if self.interval is None:
            return timedelta()
        if self.interval > LONGEST_SPREAD:
            first = next(self.schedule.after(looked), now)
            return max(timedelta(), now - first - LONGEST_SPREAD)
        counted, at = timedelta(), looked
        while at < now:
            until = min(now, at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1))
            counted += until - at if self.schedule.names_day_and_hour_of(at) else timedelta()
            at = until
        return counted

    def _even(self, after: datetime, until: datetime, spread: timedelta) -> Iterator[datetime]:
        start = _EPOCH + ((after - _EPOCH) // spread) * spread
        while start <= until:
            if self.schedule.names_day_and_hour_of(start):
                yield start
            start += spread

    def _listed(self, after: datetime, until: datetime) -> Iterator[datetime]:
        return takewhile(lambda moment: moment <= until, self.schedule.after(after - timedelta(seconds=1)))


@lru_cache  # asked for at every look; there are as many as settings
def _schedule(expression: str) -> Ncrontab:
    return Ncrontab(expression)


@dataclass(frozen=True, slots=True)
class Window:
    """The time between two ticks, for one look: a tenant is due at each of *starts* and its place within *spread*."""

    starts: tuple[datetime, ...]
    spread: timedelta
    after: datetime
    until: datetime

    def has(self, place_s: int) -> bool:
        """Whether the tenant with this place is due."""
        offset = timedelta(seconds=place_s % max(1, int(self.spread.total_seconds())))
        return any(self.after < start + offset <= self.until for start in self.starts)


def due(tenants: Iterable[str], windows: Mapping[LookName, Window]) -> dict[str, tuple[LookName, ...]]:
    """The tenants that are to be visited, each with its looks."""
    found = dict[str, tuple[LookName, ...]]()
    for tenant_id in tenants:
        place = place_of(tenant_id)
        if looks := tuple(look for look, window in windows.items() if window.has(place)):
            found[tenant_id] = looks
    return found


def shards(
    visits: Mapping[str, tuple[LookName, ...]], size: int
) -> Iterator[tuple[tuple[LookName, ...], Sequence[str]]]:
    """Groups of at most *size* tenants that have the same looks due.

    Tenants of one minute go together, by their ids, as their rows stand side by side; groups are filled up with those
    of the next minute.
    """
    by_looks = dict[tuple[LookName, ...], list[str]]()
    for tenant_id in sorted(visits, key=lambda each: (minute_of(each), each)):
        by_looks.setdefault(visits[tenant_id], []).append(tenant_id)
    for looks, tenants in by_looks.items():
        for some in batched(tenants, size, strict=False):
            yield looks, some


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far the ticks have come. *done*: up to this moment all that came due is enqueued.

    *claimed*: when the tick that is at work began, if one is. *tenants*: how many were last counted, if they
    ever were (*counted*). *compared*: when the index was last compared with the configs. *timer_at*: when the timer's
    own tick last came to its end; others do the tick where it is late.
    """

    done: AwareDatetime
    claimed: AwareDatetime | None = None
    tenants: int = 0
    counted: bool = False
    compared: AwareDatetime | None = None
    timer_at: AwareDatetime | None = None

    def is_claimed(self, now: datetime, ticks: Rhythm) -> bool:
        """Whether a tick is at work: one that has not ended within its interval has died."""
        allowed = min(_LONGEST_CLAIM, max(_SHORTEST_CLAIM, ticks.interval or _LONGEST_CLAIM))
        return self.claimed is not None and abs(now - self.claimed) < allowed

    def is_ahead(self, now: datetime) -> bool:
        """Whether a clock that is ahead wrote it, so that nothing would be due until that time has come."""
        return self.done - now > WORKERS_DIFFER

    def at(self, now: datetime) -> Self:
        """The same, counting from *now* where it is ahead: what else that clock has said is not known."""
        return replace(self, done=now, compared=None, timer_at=None) if self.is_ahead(now) else self


def late(cursor: Cursor | None, ticks: Rhythm, now: datetime) -> timedelta:
    """How long the tick that should have followed *cursor* is overdue; where none has ever been done it is not.

    Of a cursor that is ahead it is by how much: when the last tick was done nobody can say.
    """
    if cursor is None or ticks.interval is None:
        return timedelta()
    if cursor.is_ahead(now):
        return cursor.done - now
    expected = next(ticks.schedule.after(cursor.done), now)
    return max(timedelta(), now - expected)
