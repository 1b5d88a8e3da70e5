"""Tell the ticket system what the ledger says and no ticket does yet. The message names a tenant, nothing more.

The ledger is the truth, and a tenant's mark in table `tickets` stays until all of it is told: a PSA that is away delays
notes, loses none, and holds up nothing else. One worker at a time tells of a tenant (lease).
"""

import logging
from dataclasses import replace
from datetime import timedelta

from clients.connect import Clients
from clients.errors import ClientError
from clients.psa.systems import covered
from clients.storage.tickets import TicketMoved
from domain.jobs import Again, Done, Notify, Outcome
from domain.ledger import Entry
from domain.psa import news
from domain.psa.records import Told
from handlers.tickets.addressee import Addressee, addressee
from handlers.tickets.answer import answer_tickets
from handlers.tickets.cause import CauseTeller

log = logging.getLogger("holdfast.notify")

_OVERLAP = timedelta(hours=1)
"""An entry may come into the ledger this much after the time it carries, and is told all the same."""
_FIRST_LOOK = timedelta(days=30)
"""A tenant that is new to the ticket system is told of what has been open for no longer than this."""


async def tell_ticket(job: Notify, clients: Clients) -> Outcome:
    """Tell the ticket system of the company what is new of the tenant, or of the service, under a lease.

    What could not be told stays marked, for the timer to ask again.
    """
    if covered(job.asked_at, clients.psa.done.get(job.tenant_id, clients.now())):
        return Done()
    tickets = clients.storage.tickets
    # Another worker may have taken the mark away after it was made, and before what it was made for was written.
    mark = await tickets.news(job.tenant_id) or await tickets.mark_news(job.tenant_id)
    to = await addressee(job.tenant_id, clients)
    if to is None:  # only to a company that a config names
        await tickets.clear_news(job.tenant_id, mark)
        return Done()
    async with clients.storage.leases.hold(f"psa-{job.tenant_id}") as lease:
        if lease is None:
            return Again(job.pause)
        read_at = clients.now()
        told = await _tell(to, clients)
        if told & await answer_tickets(to.ledger, clients):
            await tickets.clear_news(job.tenant_id, mark)
            clients.psa.done.put(job.tenant_id, read_at, clients.now() + _OVERLAP)
    return Done()


async def _tell(to: Addressee, clients: Clients) -> bool:
    """Tell every cause by itself: what fails of one keeps none of the others waiting. Returns whether all is told."""
    tickets = clients.storage.tickets
    # Loaded first: that copies to the ledger what a crash left in the states' outbox.
    teller = CauseTeller(to, await clients.storage.states.load(to.ledger), clients)
    known = await tickets.told(to.ledger)
    since = known.until - _OVERLAP if known else clients.now() - _FIRST_LOOK
    entries = await clients.storage.ledger.since(to.ledger, since)
    told, complete = known or await _first(to, entries, clients), True
    for cause, untold in news.by_cause(entries, told.ids).items():
        try:
            await teller.tell(cause, untold)
        except (ClientError, TicketMoved) as error:
            log.warning("untold tenant=%s cause=%s %s", to.ledger, cause, error)
            complete = False
        else:
            told = replace(told, ids=(*told.ids, *(entry.id for entry in untold)))
            await tickets.put_told(to.ledger, told)
    if complete and entries:
        until = max(entry.at for entry in entries)
        kept = tuple(entry.id for entry in entries if entry.at >= until - _OVERLAP)
        await tickets.put_told(to.ledger, Told(until=until, ids=kept))
    return complete


async def _first(to: Addressee, entries: list[Entry], clients: Clients) -> Told:
    """Where telling begins for a tenant that is new here: with what is open, not with what once was."""
    begin = Told(until=clients.now() - _FIRST_LOOK + _OVERLAP)
    over = [
        untold
        for untold in news.by_cause(entries, begin.ids).values()
        if news.settled(untold) and not news.opens(untold[-1])
    ]
    begin = replace(begin, ids=tuple(entry.id for untold in over for entry in untold))
    await clients.storage.tickets.put_told(to.ledger, begin)
    return begin
