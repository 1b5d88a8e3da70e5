"""Read on in a tenant's message trace where that is due. What cannot be read is said in what is returned, not raised.

At most MOST_AN_HOUR requests are sent for a tenant in an hour, each noted before it is sent, so that a crash or a
second worker sends no more. Pages go on over visits. A row that is odd is counted as such and kept where a person sees
it, and the others are read on.
"""

import asyncio
import logging
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from clients.connect import Clients
from clients.errors import ClientError, Refused, Throttled
from clients.graph.message_trace import NotGranted, TracePage
from clients.storage.documents import NewerRow
from clients.storage.rows import RowMoved
from clients.storage.states import TenantStates
from clients.storage.traces import TraceBook
from domain.controls import inbound_lockdown
from domain.controls.lock_bypass import CONTROL as BYPASS
from domain.controls.mail_flow import MAIL_FROM
from domain.exchange import InboundConnector
from domain.facts import Facts
from domain.mail_flow import HOUR, MOST_AN_HOUR, MailSeen
from domain.mail_reading import TraceReading, to_read
from domain.mail_trace import Ways
from domain.mx_moves import MxMemories
from domain.states import StateName
from domain.tenant import Wanted
from handlers import parked

log = logging.getLogger("holdfast.mail")

LONGEST_S = 45
"""A service that hangs keeps no look at the tenant's other services waiting for longer."""

_NEVER = datetime.min.replace(tzinfo=UTC)


class _SpentError(Exception):
    """This hour's requests were sent."""


def seen(states: TenantStates, facts: Facts, now: datetime) -> MailSeen:
    """What is known of the tenant's mail after a look at its connectors; as before where that told nothing."""
    if not facts.was_asked(InboundConnector) or any(facts.doubts([InboundConnector])):
        return states.mail
    return states.mail.seeing(locked=inbound_lockdown.is_locked(facts), now=now)


async def read_on(
    flow: MailSeen, memories: MxMemories, domains: Collection[str], wanted: Wanted, clients: Clients
) -> MailSeen:
    """What is known of the tenant's mail once its trace was read on, where that is due.

    *domains*: those whose MX the guard of the lock asks.
    """
    now = clients.now()
    wish = to_read(flow, memories, wanted.tenant, domains, now) if flow.is_due(now) else None
    if wish is None:
        return flow
    try:
        book, etag = await clients.storage.traces.load(wanted.tenant.tenant_id)
    except NewerRow:
        return flow
    if book.flow and book.was_due == (flow.due_at or _NEVER):
        return book.flow
    try:
        return await _Reader(book, etag, flow, wanted, clients).read(wish)
    except RowMoved:
        return flow
    except Exception as error:  # whatever it is, the looks at the tenant's other services go on
        log.exception("mail_failed tenant=%s", wanted.tenant.tenant_id)
        return flow.unread(f"the look failed: {type(error).__name__}", "", now + HOUR)


@dataclass
class _Reader:
    """One visit to the trace of one tenant."""

    book: TraceBook
    etag: str | None
    flow: MailSeen
    wanted: Wanted
    clients: Clients

    async def read(self, wish: TraceReading) -> MailSeen:
        kept = self.book.reading
        reading = kept if kept and kept.serves(wish, self.flow, self.clients.now()) else wish
        try:
            async with asyncio.timeout(LONGEST_S):
                flow = await self._pages(reading)
        except NotGranted as refusal:
            flow = self.flow.refused(refusal.missing, refusal.sentence, refusal.remedy, self.clients.now())
        except ClientError as error:
            flow = self._failed(error)
        except TimeoutError:
            flow = self.flow.unread("no answer in time", "", self.clients.now() + HOUR)
        await self._keep(replace(self.book, flow=flow, was_due=self.flow.due_at or _NEVER))
        return flow

    async def _pages(self, reading: TraceReading) -> MailSeen:
        ways = Ways.of(self.wanted)
        while True:
            try:
                page = await self._page(reading)
            except _SpentError:
                return self.flow.going_on(reading.traffic.rows, min(self.book.asked) + HOUR)
            for odd in page.odd:
                why = f"an odd row of the message trace: {odd.why}"
                await parked.kept("message-trace", self.wanted.tenant.tenant_id, odd.shown.encode(), why, self.clients)
            now = self.clients.now()
            self.flow = replace(self.flow, first_read_at=self.flow.first_read_at or now)
            reading = reading.with_page(page.rows, page.link, ways, self.flow)
            self.book = replace(self.book, reading=None if reading.done else reading)
            if reading.done:
                return reading.ended(self.flow, now)

    async def _page(self, reading: TraceReading) -> TracePage:
        tenant_id, traffic = self.wanted.tenant.tenant_id, reading.traffic
        return await self.clients.trace.page(
            tenant_id, traffic.start, traffic.end, link=reading.link, permit=self._spend
        )

    async def _spend(self) -> float:
        """Note a request that is about to be sent. Raises _SpentError where none may be."""
        now = self.clients.now()
        lately = tuple(at for at in self.book.asked if now - at < HOUR)
        if len(lately) >= MOST_AN_HOUR:
            raise _SpentError
        await self._keep(replace(self.book, asked=(*lately, now)))
        return asyncio.get_running_loop().time()

    async def _keep(self, book: TraceBook) -> None:
        self.etag = await self.clients.storage.traces.save(self.wanted.tenant.tenant_id, book, self.etag)
        self.book = book

    def _failed(self, error: ClientError) -> MailSeen:
        """A link that is refused is not followed again: its read begins anew."""
        if isinstance(error, Refused):
            self.book = replace(self.book, reading=None)
        wait = error.pause if isinstance(error, Throttled) else None
        remedy = error.remedy if isinstance(error, Refused) else ""
        return self.flow.unread(error.sentence, remedy, self.clients.now() + max(wait or HOUR, timedelta(minutes=20)))


def changed(flow: MailSeen, before: TenantStates, after: TenantStates, now: datetime) -> MailSeen:
    """*flow* after a look that found a way round that is new, or is gone, or a lock that was put right."""
    was, is_now = _ways(before), _ways(after)
    put_right = before.of(_LOCK).state in _OPEN and after.of(_LOCK).state == "compliant"
    if was == is_now and not put_right:
        return flow
    return flow.changed(now, fewer=put_right or bool(was - is_now))


_LOCK = inbound_lockdown.CONTROL.id
_OPEN: frozenset[StateName] = frozenset({"drifted", "correcting", "held", "awaiting_approval"})


def _ways(states: TenantStates) -> frozenset[str]:
    """The ways round that are there, by id; mail that came by one is not another."""
    there = (each for each in states.findings.values() if each.control == BYPASS.id and each.gone_at is None)
    return frozenset(each.id for each in there if not each.name.startswith(MAIL_FROM))
