"""The audit feed of a tenant: a hint to look now, and an hour later the name of who changed what.

The feed is late, doubled, out of order and sometimes off, so nothing rests on it: it only asks for looks, and explains
drift that a look has found. Records of others are kept until a drift fits them, whichever of the two comes first.
"""

import json
import logging
from datetime import datetime, timedelta
from typing import Any

from clients.connect import Clients
from clients.errors import ClientError, NotFound, NotLicensed, Throttled
from clients.graph.activity import CONTENT_TYPES, Blob, NoSubscription
from clients.storage.states import TenantStates
from domain.audit.attribution import AFTER, BEFORE, Us, explained, is_ours, named
from domain.audit.record import OddRecord, Record, concerns, parse
from domain.jobs import Again, CheckTenant, Done, Outcome, ReadAudit
from domain.ledger import Entry, of_transition
from domain.states import StateName
from handlers import park

log = logging.getLogger("holdfast.audit")

AUDIT_FEED = "audit-feed"
"""The state that says whether the feed can be read, beside those of the controls."""

FIRST_LOOK = timedelta(hours=24)
OVERLAP = timedelta(minutes=30)
"""Listed again each time: what came up at one moment need not be listed at that moment everywhere."""
WINDOW = timedelta(hours=6)
"""Small, for a window counts as read when all of it was: a throttle in a busy tenant costs one at most."""
KEPT = timedelta(days=7) - timedelta(minutes=10)
"""How long the service keeps content, less the time that asking takes (defender-alerts-and-audit 3.4)."""
UNEXPLAINED = timedelta(hours=48)
"""A record that fits no drift for so long was about a change that no control minds."""


async def read_audit(job: ReadAudit, clients: Clients) -> Outcome:
    """Read on in the feed of the tenant of *job*, and act upon all that came up."""
    tenant = await clients.storage.tenants.get(job.tenant_id)
    if tenant is None or not tenant.enabled:
        return Done()
    async with clients.storage.leases.hold(f"audit-{job.tenant_id}") as lease:
        if lease is None:
            return Again(job.patience.first)
        try:
            await _Reading(job.tenant_id, clients).go_on()
        except Throttled as wait:
            return Again(wait.pause or job.pause)
    return Done()


class _Reading:
    """One run through the feed of one tenant."""

    def __init__(self, tenant_id: str, clients: Clients) -> None:
        self._tenant_id = tenant_id
        self._clients = clients
        self._feed = clients.activity
        self._kept = clients.storage.audit
        self._ask_about: set[str] = set()

    async def go_on(self) -> None:
        """Read what came up, ask for a look at what it touched, and name who made which drift.

        Raises:
            Throttled: What was read until then is kept, and is not read again.
        """
        try:
            await self._read()
        except NotLicensed as refusal:
            await self._tell("not_applicable", f"the tenant has no audit feed: {refusal.sentence}")
        except Throttled:
            raise
        except ClientError as error:
            remedy = getattr(error, "remedy", "")
            await self._tell("unknown", f"the audit feed could not be read: {error.sentence}. {remedy}".strip())
        else:
            await self._tell("compliant", "")
        finally:
            await self._ask()
            await self._explain()

    async def _read(self) -> None:
        self._book = await self._kept.book(self._tenant_id)
        us = Us(self._clients.settings.client_id, await self._feed.object_id(self._tenant_id))
        enabled = await self._feed.enabled(self._tenant_id)
        for content_type in CONTENT_TYPES:
            if content_type not in enabled:
                await self._feed.start(self._tenant_id, content_type)
            try:
                await self._read_type(content_type, us)
            except NoSubscription:  # just started: what it collects shows later, and the window stays where it is
                log.info("audit_not_yet tenant=%s content=%s", self._tenant_id, content_type)

    async def _read_type(self, content_type: str, us: Us) -> None:
        """Window after window, up to now. A window counts as read when all of it was."""
        now = self._clients.now().replace(microsecond=0)
        start = await self._beginning(content_type, now)
        while start < now:
            end = min(start + WINDOW, now)
            async for page in self._feed.content(self._tenant_id, content_type, start, end):
                for blob in page:
                    await self._fetch(content_type, blob, us)
            await self._passed(content_type, end)
            start = end

    async def _beginning(self, content_type: str, now: datetime) -> datetime:
        """Where to read on. What is lost because nobody came for a week is written down."""
        read_until = self._book.until.get(content_type)
        if read_until is None:
            return now - FIRST_LOOK
        if read_until >= now - KEPT:
            return max(read_until - OVERLAP, now - KEPT)
        await self._gap(f"{content_type}: what came up from {read_until.isoformat()} on was kept a week, and not read")
        return now - KEPT

    async def _fetch(self, content_type: str, blob: Blob, us: Us) -> None:
        fetched = self._book.fetched.get(content_type, {})
        if blob.id in fetched:
            return
        try:
            records = await self._feed.fetch(self._tenant_id, blob)
        except NotFound as gone:
            await self._gap(f"what came up at {blob.created.isoformat()} is gone: {gone.sentence}")
        else:
            for raw in records:
                await self._take(raw, us)
        both = self._book.fetched | {content_type: fetched | {blob.id: blob.created}}
        self._book = self._book.model_copy(update={"fetched": both})

    async def _passed(self, content_type: str, end: datetime) -> None:
        """The book, once a window is read: only what the next window may list again is remembered."""
        before = self._book.fetched.get(content_type, {})
        again = {blob_id: created for blob_id, created in before.items() if created >= end - OVERLAP}
        update = {
            "until": self._book.until | {content_type: end},
            "fetched": self._book.fetched | {content_type: again},
        }
        self._book = self._book.model_copy(update=update)
        await self._kept.set_book(self._tenant_id, self._book)

    async def _take(self, raw: Any, us: Us) -> None:  # noqa: ANN401 - whatever the service gave
        """Keep what others did, and look at what they touched. What is odd is kept as it came."""
        try:
            if not concerns(raw):
                return
            record = parse(raw)
        except OddRecord as odd:
            content = json.dumps(raw, sort_keys=True).encode()
            await park.kept("audit", self._tenant_id, content, f"an odd audit record: {odd}", self._clients)
            return
        if is_ours(record, us, await self._written(record)):
            return
        if await self._kept.add(self._tenant_id, record):
            self._ask_about |= set(record.controls)
            log.info("audit tenant=%s operation=%s at=%s", self._tenant_id, record.operation, record.at.isoformat())

    async def _written(self, record: Record) -> list[Entry]:
        """Our own writes about the time of *record*, as the ledger has them."""
        entries = await self._clients.storage.ledger.events(self._tenant_id, record.at - AFTER, "applying")
        return [entry for entry in entries if entry.at <= record.at + BEFORE]

    async def _ask(self) -> None:
        if self._ask_about:
            job = CheckTenant(tenant_id=self._tenant_id, controls=tuple(sorted(self._ask_about)))
            await self._clients.storage.queues.send(job)

    async def _explain(self) -> None:
        """Match the records that are open with the drift that was found about their time."""
        records = sorted(await self._kept.open(self._tenant_id), key=lambda record: record.at)
        if not records:
            return
        ledger, since = self._clients.storage.ledger, records[0].at - timedelta(hours=1)
        found = await ledger.events(self._tenant_id, since, "drift_found", "needs_person")
        told = {(entry.of, entry.detail) for entry in await ledger.events(self._tenant_id, since, "actor_named")}
        for record in records:
            drifts = explained(record, found)
            news = [
                entry
                for entry in (self._named(record, drift) for drift in drifts)
                if (entry.of, entry.detail) not in told
            ]
            if news:
                await self._name(record, news)
            if drifts or record.at < self._clients.now() - UNEXPLAINED:
                await self._kept.settle(self._tenant_id, record)

    def _named(self, record: Record, drift: Entry) -> Entry:
        detail = f"{record.actor}: this made the drift found at {drift.at:%Y-%m-%d %H:%M:%S} UTC"
        known = {"at": self._clients.now(), "tenant_id": self._tenant_id, "control": drift.control}
        return Entry(
            event="actor_named", actor=record.actor.who, detail=detail, of=drift.id, drift=drift.drift, **known
        )

    async def _name(self, record: Record, news: list[Entry]) -> None:
        """Put the name into the states and, by their outbox, into the ledger."""

        def with_name(states: TenantStates) -> tuple[TenantStates, list[Entry]]:
            return states.with_changes({e.control: named(states.of(e.control), record) for e in news}), news

        await self._clients.storage.states.change(self._tenant_id, with_name)

    async def _gap(self, detail: str) -> None:
        known = {"at": self._clients.now(), "tenant_id": self._tenant_id, "control": AUDIT_FEED}
        await self._clients.storage.ledger.append(Entry(event="audit_gap", detail=detail, **known))

    async def _tell(self, state: StateName, detail: str) -> None:
        """Keep whether the feed can be read, with an entry in the ledger where that is news."""

        def told(states: TenantStates) -> tuple[TenantStates, list[Entry]]:
            before, now = states.of(AUDIT_FEED), self._clients.now()
            read_at = now if state == "compliant" else before.read_at
            after = before.becomes(state, now, detail=detail, read_at=read_at)
            entry = of_transition(before, after, at=now, tenant_id=self._tenant_id)
            return states.with_changes({AUDIT_FEED: after}), [entry] if entry else []

        await self._clients.storage.states.change(self._tenant_id, told)
