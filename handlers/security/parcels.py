"""The parcels of a tenant's audit feed: each is fetched once, and one that fails stops no other."""

import json
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace

from clients.connect import Clients
from clients.errors import ClientError, CredentialRefused, NotFound, TenantGone, Throttled
from clients.graph.activity import Blob, OddContent
from clients.storage.audit import AuditBook
from domain.ledger import Entry
from handlers import parked
from handlers.security.needed import Needed

AUDIT_FEED = "audit-feed"
"""The state that says whether the feed can be read, beside those of the controls."""

MOST_VISITS = 3
"""A piece that fails in so many visits is given up: the service answers 500 AF50000 for some for days."""

type Take = Callable[[object], Awaitable[None]]


class Parcels:
    """What one visit fetches of one tenant's feed. Each record is handed to *take*, as it came.

    *book*: how far the feed is read; *failed*: what could not be read in this visit, and is tried again in the next.
    *patient*: until a piece fails, for five tries for each of a burst take all of a visit.
    """

    def __init__(self, tenant_id: str, take: Take, lease: Needed, clients: Clients) -> None:
        self._tenant_id = tenant_id
        self._take = take
        self._lease = lease
        self._clients = clients
        self._kept = clients.storage.audit
        self.book = self._saved = AuditBook()
        self.failed: ClientError | None = None
        self.patient = True

    async def open_book(self) -> None:
        """Begin with what is kept. Raises NewerRow."""
        self.book = self._saved = await self._kept.book(self._tenant_id)

    async def keep_book(self, *, at_once: bool = False) -> None:
        """Keep the book, where it has changed: without a lease nothing has, and another worker may be reading."""
        if self.book != self._saved:
            await self._kept.set_book(self._tenant_id, self.book, at_once=at_once)
            self._saved = self.book

    async def are_settled(self, content_type: str, page: Iterable[Blob | OddContent]) -> bool:
        """Fetch what is listed, each once. Returns whether all was read, or will never be."""
        whole = True
        for each in page:
            if isinstance(each, OddContent):
                await self._park(each)
            elif not self.book.has(content_type, each.id):
                await self._lease.get()
                whole &= await self._is_settled(content_type, each)
        return whole

    async def _is_settled(self, content_type: str, blob: Blob) -> bool:
        try:
            records = await self._clients.activity.fetch(self._tenant_id, blob, once=not self.patient)
        except NotFound as gone:
            await self.tell_gap(f"what came up at {blob.created.isoformat()} is gone: {gone.sentence}")
        except (Throttled, CredentialRefused, TenantGone):
            raise
        except ClientError as error:  # also a refusal: the listing was not refused
            self.patient = False
            if not await self._is_given_up(blob, error):
                return False
        else:
            await self._take_all(records)
        self.book = self.book.settling(content_type, blob.id, blob.created)
        return True

    async def _is_given_up(self, blob: Blob, error: ClientError) -> bool:
        """Whether a parcel that could not be fetched now is given up, which is told; else a later visit tries again."""
        self.book = self.book.not_fetched(blob.id)
        visits = self.book.failed[blob.id]
        if visits < MOST_VISITS:
            self.failed = error
            return False
        why = error.with_remedy
        await self.tell_gap(
            f"what came up at {blob.created.isoformat()} could not be fetched in {visits} visits: {why}"
        )
        return True

    async def _take_all(self, records: Sequence[object]) -> None:
        if records and not self.book.open:
            self.book = replace(self.book, open=True)
            await self.keep_book(at_once=True)
        for raw in records:
            await self._take(raw)

    async def _park(self, odd: OddContent) -> None:
        """Keep as it came what cannot be fetched: it is written down and told, and the rest is read."""
        content = json.dumps(odd.raw, sort_keys=True).encode()
        await parked.kept("audit", self._tenant_id, content, f"an odd piece of content: {odd.why}", self._clients)

    async def tell_gap(self, detail: str) -> None:
        """Write down what will never be read."""
        entry = Entry(
            at=self._clients.now(), tenant_id=self._tenant_id, control=AUDIT_FEED, event="audit_gap", detail=detail
        )
        await self._clients.storage.ledger.append(entry)
