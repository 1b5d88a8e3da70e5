"""A write to the ledger is news for the ticket system and for channels: another job tells it, later."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from clients.cache import ExpiringCache
from clients.http import Clock
from clients.storage.queues import Queues
from domain.jobs import Notify

GATHER = timedelta(seconds=2)
"""A message is hidden for so long, so that one tells what several entries of the same moment say."""
TENANTS_KNOWN = 4096


class Announcer:
    """Marks a tenant as having news before there are any, and sends one message for all of a moment's.

    The mark is what counts: it stays until all is told, and a timer asks again for every tenant that has one.
    *marks*: what marks a tenant, one for each of those that are told.
    """

    def __init__(
        self, marks: Sequence[Callable[[str, datetime], Awaitable[object]]], queues: Queues, *, now: Clock
    ) -> None:
        self._marks = marks
        self._queues = queues
        self._now = now
        self._sent: ExpiringCache[str, bool] = ExpiringCache(TENANTS_KNOWN)

    async def expect(self, tenant_id: str) -> None:
        """Mark the tenant, before an entry about it is written: each time, since who tells now clears older marks."""
        now = self._now()
        await asyncio.gather(*(mark(tenant_id, now) for mark in self._marks))

    async def announce(self, tenant_id: str) -> None:
        """Send the message, after the entry was written."""
        now = self._now()
        if self._sent.get(tenant_id, now):
            return
        self._sent.put(tenant_id, value=True, until=now + GATHER)
        await self._queues.send(Notify(tenant_id=tenant_id, asked_at=now), delay_s=GATHER.total_seconds())
