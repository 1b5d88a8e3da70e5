"""How far a tenant's audit feed is read: window after window, each parcel of it once."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta

from clients.connect import Clients
from clients.errors import NotFound
from clients.graph.activity import CONTENT_TYPES, Blob, NoSubscription
from clients.storage.audit import AuditBook
from domain.ledger import Entry

log = logging.getLogger("holdfast.audit")

AUDIT_FEED = "audit-feed"
"""The state that says whether the feed can be read, beside those of the controls."""

_FIRST_LOOK = timedelta(hours=24)
_OVERLAP = timedelta(minutes=30)
"""Listed again each time: what came up at one moment need not be listed at that moment everywhere."""
WINDOW = timedelta(hours=6)
"""Small, for a window counts as read when all of it was: a throttle in a busy tenant costs one at most."""
KEPT = timedelta(days=7) - timedelta(minutes=10)
"""How long the service keeps content, less the time that asking takes (defender-alerts-and-audit 3.4)."""

type Take = Callable[[object], Awaitable[None]]


class FeedReader:
    """Reads on in one tenant's feed, and hands each record to *take*, as it came."""

    def __init__(self, tenant_id: str, take: Take, clients: Clients) -> None:
        self._tenant_id = tenant_id
        self._take = take
        self._clients = clients
        self._feed = clients.activity
        self._kept = clients.storage.audit
        self._book = AuditBook()

    async def read(self) -> None:
        """Read what came up since the last time, up to now.

        Raises:
            ClientError: The feed cannot be read. What was read until then is kept, and is not read again.
        """
        self._book = await self._kept.book(self._tenant_id)
        enabled = await self._feed.enabled(self._tenant_id)
        for content_type in CONTENT_TYPES:
            if content_type not in enabled:
                await self._feed.start(self._tenant_id, content_type)
            try:
                await self._read_type(content_type)
            except NoSubscription:  # just started: what it collects shows later, and the window stays where it is
                log.info("audit_not_yet tenant=%s content=%s", self._tenant_id, content_type)

    async def _read_type(self, content_type: str) -> None:
        """Window after window, up to now. A window counts as read when all of it was."""
        now = self._clients.now().replace(microsecond=0)
        start = await self._beginning(content_type, now)
        while start < now:
            end = min(start + WINDOW, now)
            async for page in self._feed.content(self._tenant_id, content_type, start, end):
                for blob in page:
                    await self._fetch(content_type, blob)
            await self._passed(content_type, end)
            start = end

    async def _beginning(self, content_type: str, now: datetime) -> datetime:
        """Where to read on. Content that expired unread, after a week without a look, is recorded as lost."""
        read_until = self._book.until.get(content_type)
        if read_until is None:
            return now - _FIRST_LOOK
        if read_until >= now - KEPT:
            return max(read_until - _OVERLAP, now - KEPT)
        await self._gap(f"{content_type}: what came up from {read_until.isoformat()} on was kept a week, and not read")
        return now - KEPT

    async def _fetch(self, content_type: str, blob: Blob) -> None:
        fetched = self._book.fetched.get(content_type, {})
        if blob.id in fetched:
            return
        try:
            records = await self._feed.fetch(self._tenant_id, blob)
        except NotFound as gone:
            await self._gap(f"what came up at {blob.created.isoformat()} is gone: {gone.sentence}")
        else:
            for raw in records:
                await self._take(raw)
        both = self._book.fetched | {content_type: fetched | {blob.id: blob.created}}
        self._book = replace(self._book, fetched=both)

    async def _passed(self, content_type: str, end: datetime) -> None:
        """Keep that a window is read; only what the next window may list again is remembered of it."""
        before = self._book.fetched.get(content_type, {})
        again = {blob_id: created for blob_id, created in before.items() if created >= end - _OVERLAP}
        self._book = replace(
            self._book,
            until=self._book.until | {content_type: end},
            fetched=self._book.fetched | {content_type: again},
        )
        await self._kept.set_book(self._tenant_id, self._book)

    async def _gap(self, detail: str) -> None:
        entry = Entry(
            at=self._clients.now(), tenant_id=self._tenant_id, control=AUDIT_FEED, event="audit_gap", detail=detail
        )
        await self._clients.storage.ledger.append(entry)
