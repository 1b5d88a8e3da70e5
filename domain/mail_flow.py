"""What is known of the way that a tenant's mail comes, as its message trace has told.

Before the lock-down closes for the first time: the mail that it would refuse (the rehearsal). Once it is closed: the
mail that came all the same (the proof). No subject and no address of a person is kept.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, Self

from pydantic import AwareDatetime

type MissingGrant = Literal["", "permission", "principal"]

MOST_AN_HOUR = 3
"""Requests for one tenant: the customer's other tools share its 100 in five minutes."""
MOST_A_PAGE = 5000
"""Rows of one request (docs/reference/message-trace.md#asking)."""
HOUR = timedelta(hours=1)
SETTLES = timedelta(hours=6)
"""A change of connectors may take effect so late."""
LEAST_REHEARSED = timedelta(days=1)
"""A first close waits until the rehearsal covers so much: what sends once a night is in it
(docs/decisions/0006-how-long-the-lock-waits-for-an-mx.md)."""
ASK_AGAIN_FOR_GRANT = timedelta(hours=6)

type Way = Literal["filter", "tenant", "declared", "outside", "unclear"]
"""filter: from its ranges. tenant: it began there, or Microsoft handed it over. declared: from a service that a person
vouches for. unclear: no address that is anybody's. outside: all else."""


MOST_LISTED = 100
"""Groups that are told one by one; those with most messages first."""
MOST_COUNTED = 3000
"""Groups that are counted one by one while pages are read; what comes up beyond them is counted as a whole."""
ADDRESSES_TOLD = 10
"""Addresses of one group that are told."""


@dataclass(frozen=True, slots=True)
class Group:
    """Messages from outside, of one source and one sender's domain. *source*: a network (/24, IPv6 /64) or an address.

    *addresses*: the first ADDRESSES_TOLD of them; *latest*: when the last one came.
    """

    source: str
    domain: str
    messages: int
    latest: AwareDatetime
    addresses: tuple[str, ...]

    def and_another(self, address: str, at: datetime) -> Self:
        addresses = self.addresses
        if address not in addresses and len(addresses) < ADDRESSES_TOLD:
            addresses = (*addresses, address)
        return replace(self, messages=self.messages + 1, latest=max(at, self.latest), addresses=addresses)


@dataclass(frozen=True, slots=True)
class Traffic:
    """What was counted of the messages received from *start* to *end*.

    *rows*: all that were read; *counted*: those that reached a mailbox, and after a close those too that Microsoft's
    own filter kept back, by the way they came in *by_way*. *settling*: of those from outside, the ones that came while
    a change of connectors took effect. *groups*: the others from outside; *further*: messages of groups beyond
    MOST_COUNTED. *odd*: rows that do not say which way their message came, which any of them may have.
    """

    start: AwareDatetime
    end: AwareDatetime
    rows: int = 0
    by_way: Mapping[Way, int] | None = None
    settling: int = 0
    groups: tuple[Group, ...] = ()
    further: int = 0
    odd: int = 0

    def came(self, way: Way) -> int:
        """How many of the counted messages came by *way*."""
        return (self.by_way or {}).get(way, 0)

    @property
    def counted(self) -> int:
        return sum((self.by_way or {}).values())

    def listed(self) -> Self:
        """The same with the MOST_LISTED groups that have most messages."""
        by_size = sorted(self.groups, key=lambda each: (-each.messages, each.source, each.domain))
        rest = sum(each.messages for each in by_size[MOST_LISTED:])
        return replace(self, groups=tuple(by_size[:MOST_LISTED]), further=self.further + rest)


@dataclass(frozen=True, slots=True)
class MailSeen:
    """One tenant. *first_read_at*: when a page was first read; *read_at*: when last a trace was, to its end.

    *missing*: what was not granted, as long as none was ever read. *failed*: why the last read ended, *remedy* what
    mends it; empty after a good one. *due_at*: when the trace is next to be read; None: now. *so_far*: rows of a read
    that goes on. *locked*: whether some connector locked at the last look; *closed_at*: when it was seen to close.
    *proven_from*: since when the proof runs: the last close, the last way round that was taken away, or first sight.
    """

    first_read_at: AwareDatetime | None = None
    read_at: AwareDatetime | None = None
    missing: MissingGrant = ""
    failed: str = ""
    remedy: str = ""
    due_at: AwareDatetime | None = None
    so_far: int | None = None
    locked: bool | None = None
    closed_at: AwareDatetime | None = None
    proven_from: AwareDatetime | None = None
    rehearsal: Traffic | None = None
    short: bool = False
    proof: Traffic | None = None

    @property
    def was_asked(self) -> bool:
        """Whether any answer, or its lack, is known."""
        return bool(self.read_at or self.missing or self.failed or self.so_far is not None)

    @property
    def settled_at(self) -> datetime | None:
        """Until when mail from outside is no finding; None where nobody saw the lock close."""
        return self.closed_at + SETTLES if self.closed_at else None

    def is_due(self, now: datetime) -> bool:
        return self.due_at is None or self.due_at <= now

    def seeing(self, *, locked: bool, now: datetime) -> Self:
        """The same after a look at the connectors. A lock that was closed at first sight did not close just now."""
        if locked == self.locked:
            return self
        if not locked:
            return replace(self, locked=False, closed_at=None, proven_from=None, proof=None, due_at=self._soon(now))
        closed_at = now if self.locked is False else None
        return replace(
            self, locked=True, closed_at=closed_at, proven_from=now, proof=None, rehearsal=None, due_at=self._soon(now)
        )

    def changed(self, now: datetime, *, fewer: bool) -> Self:
        """The same after a way round has come up, or (*fewer*) was taken away: what came before is past then."""
        if not self.locked:
            return self
        kept = replace(self, proven_from=now, proof=None) if fewer else self
        return replace(kept, due_at=self._soon(now))

    def _soon(self, now: datetime) -> datetime | None:
        """A change is a reason to read at once; not where nothing may be read, nor before anything was asked."""
        return self.due_at if self.missing or self.due_at is None else min(self.due_at, now)

    def refused(self, missing: MissingGrant, why: str, remedy: str, now: datetime) -> Self:
        """The same once a half of the grant was missing: as if never granted, until a trace was read."""
        if self.first_read_at:
            return self.unread(why, remedy, now + HOUR)
        return replace(self, missing=missing, remedy=remedy, failed="", due_at=now + ASK_AGAIN_FOR_GRANT, so_far=None)

    def going_on(self, so_far: int | None, due_at: datetime) -> Self:
        """The same after a good page, *so_far* rows of a read that goes on; None where it has ended."""
        return replace(self, so_far=so_far, due_at=due_at, missing="", failed="", remedy="")

    def unread(self, why: str, remedy: str, due_at: datetime) -> Self:
        return replace(self, failed=why, remedy=remedy, due_at=due_at, missing="", so_far=None)
