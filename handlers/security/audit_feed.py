"""How far a tenant's audit feed is read: window after window, each parcel of it once."""

import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from clients.connect import Clients
from clients.errors import ClientError, Forbidden, NotFound, Throttled, Unauthorised
from clients.graph.activity import CONTENT_TYPES, Blob, NoSubscription, OddContent
from clients.storage.audit import AuditBook
from domain.ledger import Entry
from handlers import park
from handlers.security.needed import Needed

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

MOST_VISITS = 3
"""A parcel that fails in so many visits is given up: the service answers 500 AF50000 for some for days."""

type Take = Callable[[object], Awaitable[None]]


class FeedReader:
    """Reads on in one tenant's feed, and hands each record to *take*, as it came."""

    def __init__(self, tenant_id: str, take: Take, lease: Needed, clients: Clients) -> None:
        self._tenant_id = tenant_id
        self._lease = lease
        self._failed: ClientError | None = None
        self._take = take
        self._clients = clients
        self._feed = clients.activity
        self._kept = clients.storage.audit
        self._book = self._saved = AuditBook()
        self._patient = True
        """Until a parcel fails: five tries for each of a burst take all of a visit. It has its MOST_VISITS besides."""

    async def read(self) -> None:
        """Read what came up since the last time, up to now.

        A parcel that cannot be fetched keeps nobody else from being read; after MOST_VISITS it is a gap.

        Raises:
            ClientError: The feed, or a parcel of it, cannot be read. What was read is kept, and is not read again.
        """
        self._book = self._saved = await self._kept.book(self._tenant_id)
        try:
            await self._read_all()
        finally:  # also at the end of a visit's time, or each visit would begin where this one did
            await self._keep()

    async def _read_all(self) -> None:
        enabled = await self._feed.enabled(self._tenant_id)
        for content_type in CONTENT_TYPES:
            if content_type not in enabled:
                await self._feed.start(self._tenant_id, content_type)
            try:
                await self._read_type(content_type)
            except NoSubscription:  # just started: what it collects shows later, and the window stays where it is
                log.info("audit_not_yet tenant=%s content=%s", self._tenant_id, content_type)
            except (Throttled, Forbidden, Unauthorised):  # about the tenant, not about what is listed of one type
                raise
            except ClientError as error:
                self._failed = error
        if self._failed:
            raise self._failed

    async def _read_type(self, content_type: str) -> None:
        """Window after window, up to now. A window counts as read when all of it was."""
        now = self._clients.now().replace(microsecond=0)
        start = await self._beginning(content_type, now)
        while start < now:
            end, whole = min(start + WINDOW, now), True
            async for page in self._feed.content(self._tenant_id, content_type, start, end):
                for blob in page:
                    if isinstance(blob, OddContent):
                        await self._park(blob)
                    else:
                        whole &= await self._fetch(content_type, blob)
            if not whole:
                return
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

    async def _fetch(self, content_type: str, blob: Blob) -> bool:
        """Fetch a parcel, once. Returns whether that is settled: it was read, or will never be."""
        fetched = self._book.fetched.get(content_type, {})
        if blob.id in fetched:
            return True
        await self._lease.get()
        try:
            records = await self._feed.fetch(self._tenant_id, blob, once=not self._patient)
        except NotFound as gone:
            await self._gap(f"what came up at {blob.created.isoformat()} is gone: {gone.sentence}")
        except (Throttled, Forbidden, Unauthorised):  # about the tenant, not about this parcel
            raise
        except ClientError as error:
            self._patient = False
            if not await self._is_lost(blob, error):
                return False
        else:
            await self._take_all(records)
        both = self._book.fetched | {content_type: fetched | {blob.id: blob.created}}
        failed = {each: visits for each, visits in self._book.failed.items() if each != blob.id}
        self._book = replace(self._book, fetched=both, failed=failed)
        return True

    async def _park(self, odd: OddContent) -> None:
        """Keep as it came what cannot be fetched: it is written down and told, and the rest is read."""
        content = json.dumps(odd.raw, sort_keys=True).encode()
        await park.kept("audit", self._tenant_id, content, f"an odd piece of content: {odd.why}", self._clients)

    async def _take_all(self, records: Sequence[object]) -> None:
        if records and not self._book.open:
            self._book = replace(self._book, open=True)
            await self._keep(at_once=True)
        for raw in records:
            await self._take(raw)

    async def _is_lost(self, blob: Blob, error: ClientError) -> bool:
        """Whether a parcel that could not be fetched now is given up, which is told; else a later visit tries again."""
        visits = self._book.failed.get(blob.id, 0) + 1
        self._book = replace(self._book, failed=self._book.failed | {blob.id: visits})
        if visits < MOST_VISITS:
            self._failed = error
            return False
        when = blob.created.isoformat()
        await self._gap(f"what came up at {when} could not be fetched in {visits} visits: {error.sentence}")
        return True

    async def _passed(self, content_type: str, end: datetime) -> None:
        """Keep that a window is read; only what the next window may list again is remembered of it."""
        before = self._book.fetched.get(content_type, {})
        again = {blob_id: created for blob_id, created in before.items() if created >= end - _OVERLAP}
        self._book = replace(
            self._book,
            until=self._book.until | {content_type: end},
            fetched=self._book.fetched | {content_type: again},
        )
        await self._keep()

    async def _keep(self, *, at_once: bool = False) -> None:
        """Keep the book, where it has changed: without a lease nothing has, and another worker may be reading."""
        if self._book != self._saved:
            await self._kept.set_book(self._tenant_id, self._book, at_once=at_once)
            self._saved = self._book

    async def _gap(self, detail: str) -> None:
        entry = Entry(
            at=self._clients.now(), tenant_id=self._tenant_id, control=AUDIT_FEED, event="audit_gap", detail=detail
        )
        await self._clients.storage.ledger.append(entry)
