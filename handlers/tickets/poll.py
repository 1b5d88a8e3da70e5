"""Every vendor drops webhooks: look for what changed, and for what is not told. What is lost costs time only."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from clients.connect import Clients
from clients.errors import ClientError
from clients.psa.api import PsaClient
from clients.storage.documents import NewerRow
from clients.storage.tickets import OddTicket
from domain.incident import Incident
from domain.jobs import Done, Notify, Outcome, ReadTicket
from domain.psa.desk import TicketSystem
from domain.psa.records import Polled
from domain.psa.ticket import Ticket, trigger_of
from handlers.groups import in_groups
from handlers.operators import end_incident, tell_unless_open

log = logging.getLogger("holdfast.poll")

_OVERLAP = timedelta(minutes=15)
"""The PSA's clock is not ours, and a change may show later than it was made."""
_AT_ONCE = 16

_UNPOLLED_AFTER = timedelta(hours=1)
"""A ticket system that could not be asked for so long needs somebody: a secret was exchanged, or it has moved."""


async def look_for_changes(clients: Clients) -> Outcome:
    """Ask for a look at every ticket that may have something to say, and for every tenant that has untold news.

    What fails at one system is raised once the others were gone through.
    """
    systems = clients.psa.by_provider.values()
    answered = await asyncio.gather(*(_poll(psa, clients) for psa in systems), return_exceptions=True)
    if True in answered:  # while no system answers, no ticket can be told
        for tenant_id in await clients.storage.tickets.news.all():
            await clients.storage.queues.send(Notify(tenant_id=tenant_id, asked_at=clients.now()))
    for failed in answered:
        if isinstance(failed, BaseException):
            raise failed
    return Done()


async def _poll(psa: PsaClient, clients: Clients) -> bool:
    """Go through what has changed since the last time that this worked; gives whether it did now."""
    now = clients.now()
    last = await clients.storage.tickets.polled(psa.provider)
    try:
        changed = await psa.changed_since((last.until if last else now) - _OVERLAP)
    except ClientError as error:
        log.warning("poll_failed provider=%s %s", psa.provider, error)
        if last and now - last.until >= _UNPOLLED_AFTER:
            await tell_unless_open(_unpolled(psa.provider, last, error.sentence), clients)
        return False
    await in_groups((_take_up(ticket, now, psa, clients) for ticket in changed.tickets), _AT_ONCE)
    if changed.odd:
        await tell_unless_open(_odd(psa.provider, changed.odd), clients)
    await clients.storage.tickets.put_polled(psa.provider, Polled(until=now))
    if last and now - last.until >= _UNPOLLED_AFTER:
        await end_incident(_unpolled(psa.provider, last).id, "the ticket system can be asked again", clients)
    log.info("poll provider=%s changed=%d odd=%d", psa.provider, len(changed.tickets), len(changed.odd))
    return True


def _unpolled(provider: TicketSystem, last: Polled, why: str = "") -> Incident:
    return Incident(
        id=f"unread-{provider}-poll",
        kind="unread",
        summary="a ticket system cannot be asked what has changed, and what no webhook tells of is not done",
        detail=f"{provider}, last at {last.until:%Y-%m-%d %H:%M} UTC: {why}",
        ticketed=False,  # tickets are what does not work
    )


def _odd(provider: TicketSystem, odd: Sequence[str]) -> Incident:
    return Incident(
        id=f"unread-{provider}-list",
        kind="unread",
        summary="a ticket system lists what makes no sense, and what that may ask for is not done",
        detail=f"{provider}: {len(odd)} of the tickets that changed, the first: {odd[0]}",
    )


async def _take_up(ticket: Ticket, now: datetime, psa: PsaClient, clients: Clients) -> None:
    """Ask for a look at the ticket where it may have something to say."""
    if await _may_ask(ticket, psa, clients):
        job = ReadTicket(provider=psa.provider, ticket_id=ticket.id, asked_at=now)
        await clients.storage.queues.send(job)


async def _may_ask(ticket: Ticket, psa: PsaClient, clients: Clients) -> bool:
    """Whether the ticket's trigger is not the one we know of, or it may say yes to a plan.

    Also where what is remembered of it makes no sense to this version: whoever reads the ticket says so, or leaves it.
    """
    try:
        known, _ = await clients.storage.tickets.known(psa.provider, ticket.id)
    except (OddTicket, NewerRow) as unread:
        log.warning("poll_unsure %s", unread)
        return True
    trigger = trigger_of(psa.desk, ticket)
    moved = (trigger.name if trigger else "") != (known.trigger if known else "")
    return moved or bool(known and (known.cause or known.asking))
