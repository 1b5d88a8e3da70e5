"""Tell the ticket system what the ledger says and no ticket does yet. The message names a tenant, nothing more.

The ledger is the truth, and a tenant's mark in table `tickets` stays until all of it is told: a PSA that is away delays
notes, loses none, and holds up nothing else. One worker at a time tells of a tenant (lease).
"""

import logging
from dataclasses import replace
from datetime import timedelta

from clients.connect import Clients
from clients.errors import ClientError, Throttled, Unreachable
from clients.psa.systems import covered
from clients.storage.tickets import TicketMoved
from domain.incident import SERVICE, Incident, untold_incident
from domain.jobs import Again, Done, Notify, Outcome
from domain.ledger import Entry
from domain.psa import news
from domain.psa.records import NotTaken, Told
from handlers.operators import end_incident, tell_operators
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
    news = clients.storage.tickets.news
    # Another worker may have taken the mark away after it was made, and before what it was made for was written.
    mark = await news.standing(job.tenant_id, clients.now())
    to = await addressee(job.tenant_id, clients)
    if to is None:  # only to a company that a config names
        await news.clear(job.tenant_id, mark)
        return Done()
    async with clients.storage.leases.hold(f"psa-{job.tenant_id}") as lease:
        if lease is None:
            return Again(job.pause)
        read_at = clients.now()
        told = await _tell(to, clients)
        if told & await answer_tickets(to.ledger, clients):
            await news.clear(job.tenant_id, mark)
            clients.psa.done.put(job.tenant_id, read_at, clients.now() + _OVERLAP)
    return Done()


async def _tell(to: Addressee, clients: Clients) -> bool:
    """Tell every cause by itself: what fails of one keeps none of the others waiting. Returns whether all is told."""
    tickets = clients.storage.tickets
    # Loaded first: that copies to the ledger what a crash left in the states' outbox.
    teller = CauseTeller(to, await clients.storage.states.load(to.ledger), clients)
    known = await tickets.told(to.ledger)
    since = known.until - _OVERLAP if known else clients.now() - _FIRST_LOOK
    entries = await clients.storage.ledger.readable_since(to.ledger, since)
    told, complete = known or await _first(to, entries, clients), True
    for cause, untold in news.by_cause(entries, told.ids).items():
        after = await _one_told(teller, cause, untold, told, to.ledger, clients)
        complete &= untold[-1].id in after.ids
        if after != told:
            told = after
            await tickets.put_told(to.ledger, told)
    if complete and entries:
        until = max(entry.at for entry in entries)
        kept = tuple(entry.id for entry in entries if entry.at >= until - _OVERLAP)
        await tickets.put_told(to.ledger, replace(told, until=until, ids=kept))
    return complete


async def _one_told(  # noqa: PLR0913, PLR0917 - one cause, and all that is known of it
    teller: CauseTeller, cause: str, untold: list[Entry], told: Told, ledger: str, clients: Clients
) -> Told:
    """*told* once *cause* was tried, where it is due: with the entries that were *untold*, unless they are to wait.

    What a ticket system refuses, or fails at, time and again is given up after a set number of tries, and the operators
    are told: the ledger has it all.
    """
    before, now = told.not_taken.get(cause), clients.now()
    if before and now < before.due_at:
        return told
    waiting = {other: each for other, each in told.not_taken.items() if other != cause}
    try:
        await teller.tell(cause, untold)
    except (ClientError, TicketMoved, ValueError) as error:  # ValueError: a ticket or note that is odd in its own way
        log.warning("untold tenant=%s cause=%s %s", ledger, cause, error)
        if _passes(error):
            return told
        waiting[cause] = after = NotTaken.after(before, now)
        if not after.given_up(refused=not isinstance(error, Unreachable)):
            return replace(told, not_taken=waiting)
        await tell_operators(_given_up(ledger, cause, error), clients)
    else:
        if before:
            await end_incident(untold_incident(ledger, cause), "the ticket system has taken it", clients)
    return replace(told, ids=(*told.ids, *(entry.id for entry in untold)), not_taken=waiting)


def _passes(error: Exception) -> bool:
    """Whether *error* says nothing of the cause: the system is away or busy, or somebody else is at the ticket."""
    return isinstance(error, Throttled | TicketMoved) or (isinstance(error, Unreachable) and error.status is None)


def _given_up(ledger: str, cause: str, error: Exception) -> Incident:
    said = error.sentence if isinstance(error, ClientError) else type(error).__name__
    return Incident(
        id=untold_incident(ledger, cause),
        kind="untold",
        summary="a ticket system does not take what it is told",
        detail=f"{ledger} {cause}: {said}; the ledger has what no ticket says",
        ticketed=ledger != SERVICE,  # or it would be told of itself
    )


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
