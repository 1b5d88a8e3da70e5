"""Tell the ticket system what the ledger says and no ticket does yet. The message names a tenant, nothing more.

The ledger is the truth, and a tenant's mark in table `tickets` stays until all of it is told: a PSA that is away delays
notes, loses none, and holds up nothing else. One worker at a time tells of a tenant (lease).
"""

import logging
from collections import defaultdict
from datetime import datetime, timedelta
from typing import NamedTuple

from clients.connect import Clients
from clients.errors import ClientError, Invalid, NotFound
from clients.psa.api import PsaClient
from clients.psa.systems import covered
from clients.storage.states import TenantStates
from clients.storage.tickets import TicketMoved
from domain.jobs import Again, Done, Notify, Outcome
from domain.ledger import Entry
from domain.psa import news
from domain.psa.records import Ask, CauseTicket, Known, Told
from domain.psa.ticket import Ticket
from domain.tenant import TenantConfig
from handlers.operations import ENDED

log = logging.getLogger("holdfast.notify")

PATIENCE = timedelta(days=1)
"""For so long after it was asked, an answer that the PSA refuses is tried again: Autotask says of its own troubles too
that we are at fault."""
OVERLAP = timedelta(hours=1)
"""An entry may come into the ledger this much after the time it carries, and is told all the same."""
FIRST_LOOK = timedelta(days=30)
"""A tenant that is new to the ticket system is told of what has been open for no longer than this."""


async def tell_ticket(job: Notify, clients: Clients) -> Outcome:
    """Tell the ticket system of the tenant's company what is new, under the tenant's lease.

    What could not be told stays marked, for the timer to ask again.
    """
    if covered(job.asked_at, clients.psa.done.get(job.tenant_id, clients.now())):
        return Done()
    tickets = clients.storage.tickets
    # Another worker may have taken the mark away after it was made, and before what it was made for was written.
    mark = await tickets.news(job.tenant_id) or await tickets.mark_news(job.tenant_id)
    tenant = await clients.storage.tenants.get(job.tenant_id)
    psa = clients.psa.of(tenant) if tenant else None
    if tenant is None or psa is None:  # never to a company that nobody named
        await tickets.clear_news(job.tenant_id, mark)
        return Done()
    async with clients.storage.leases.hold(f"psa-{job.tenant_id}") as lease:
        if lease is None:
            return Again(job.pause)
        read_at = clients.now()
        if await Teller(tenant, psa, clients).tell():
            await tickets.clear_news(job.tenant_id, mark)
            clients.psa.done.put(job.tenant_id, read_at, clients.now() + OVERLAP)
    return Done()


class _Place(NamedTuple):
    """A cause's ticket as it is in the PSA now, and what we remember of it."""

    ticket: Ticket
    record: CauseTicket


class Teller:
    """Tells one tenant's news, under its lease."""

    def __init__(self, tenant: TenantConfig, psa: PsaClient, clients: Clients) -> None:
        self._tenant = tenant
        self._psa = psa
        self._clients = clients
        self._tickets = clients.storage.tickets
        self._company = tenant.psa.company_id if tenant.psa else ""

    async def tell(self) -> bool:
        """Tell every cause by itself, then those who asked: what fails of one keeps none of the others waiting.

        Returns:
            Whether all is told and every question has its answer.
        """
        now = self._clients.now()
        # Loaded first: that copies to the ledger what a crash left in the states' outbox.
        states = await self._clients.storage.states.load(self._tenant.tenant_id)
        told = await self._tickets.told(self._tenant.tenant_id)
        since = told.until - OVERLAP if told else now - FIRST_LOOK
        entries = await self._clients.storage.ledger.since(self._tenant.tenant_id, since)
        told = told or await self._first(entries, now)
        complete = True
        for cause, untold in _by_cause(entries, told).items():
            complete &= (ended := await self._try(cause, untold, states))
            if ended:
                told = told.model_copy(update={"ids": (*told.ids, *(entry.id for entry in untold))})
                await self._tickets.put_told(self._tenant.tenant_id, told)
        if complete and entries:
            until = max(entry.at for entry in entries)
            kept = tuple(entry.id for entry in entries if entry.at >= until - OVERLAP)
            await self._tickets.put_told(self._tenant.tenant_id, Told(until=until, ids=kept))
        return complete & await self._answers()

    async def _first(self, entries: list[Entry], now: datetime) -> Told:
        """Where telling begins for a tenant that is new here: with what is open, not with what once was."""
        begin = Told(until=now - FIRST_LOOK + OVERLAP)
        over = [untold for untold in _by_cause(entries, begin).values() if news.settled(untold)]
        begin = begin.model_copy(update={"ids": tuple(entry.id for untold in over for entry in untold)})
        await self._tickets.put_told(self._tenant.tenant_id, begin)
        return begin

    async def _try(self, cause: str, untold: list[Entry], states: TenantStates) -> bool:
        try:
            await self._cause(cause, untold, states)
        except (ClientError, TicketMoved) as error:
            log.warning("untold tenant=%s cause=%s %s", self._tenant.tenant_id, cause, error)
            return False
        return True

    async def _cause(self, cause: str, untold: list[Entry], states: TenantStates) -> None:
        opening = any(news.opens(entry) for entry in untold)
        record = await self._tickets.cause(self._tenant.tenant_id, cause)
        if record is None and not opening:
            return
        place = await self._place(cause, record, opening=opening)
        if place is None:
            return
        place, left = await self._already(cause, place, untold)
        if left:
            place = await self._note(cause, place, left, states)
        if news.settled(untold):
            await self._settle(cause, place)

    async def _place(self, cause: str, record: CauseTicket | None, *, opening: bool) -> _Place | None:
        """The ticket to write on: the open one of this cause, else, where *opening*, one reopened or new."""
        if record and (ticket := await self._known(record)):
            if not ticket.closed:
                return _Place(ticket, record)
            if opening and self._reopens(record):
                await self._psa.set_status(ticket.id, self._psa.desk.closing.reopen_status)
                reopened = record.model_copy(update={"status": self._psa.desk.closing.reopen_status, "closed_at": None})
                await self._tickets.put_cause(self._tenant.tenant_id, cause, reopened)
                return _Place(await self._psa.ticket(ticket.id), reopened)
        return await self._open(cause) if opening else None

    async def _known(self, record: CauseTicket) -> Ticket | None:
        if record.provider != self._psa.provider:
            return None
        try:
            ticket = await self._psa.ticket(record.ticket_id)
        except NotFound:
            return None
        return ticket if ticket.company == self._company else None

    def _reopens(self, record: CauseTicket) -> bool:
        days = timedelta(days=self._psa.desk.closing.reopen_days)
        return record.closed_at is not None and self._clients.now() - record.closed_at <= days

    async def _open(self, cause: str) -> _Place:
        """Look for a ticket with our key, which a crash may have left unrecorded; open one only where there is none."""
        key = news.key(self._tenant.tenant_id, cause)
        found = await self._psa.find(self._company, key)
        if found is None:
            filter_name = self._clients.filter_name(self._tenant)
            summary = news.summary(cause, self._tenant.name, filter_name)
            number = await self._psa.create(self._company, key, summary, news.about(filter_name))
            found = await self._psa.ticket(number)
        record = CauseTicket(provider=self._psa.provider, ticket_id=found.id, status=found.status)
        known, version = await self._tickets.known(self._psa.provider, found.id)
        known = known or Known(read_at=self._clients.now())
        known = known.model_copy(update={"tenant_id": self._tenant.tenant_id, "cause": cause})
        await self._tickets.put_known(self._psa.provider, found.id, known, version)
        await self._tickets.put_cause(self._tenant.tenant_id, cause, record)
        log.info("ticket tenant=%s cause=%s ticket=%s", self._tenant.tenant_id, cause, found.id)
        return _Place(found, record)

    async def _already(self, cause: str, place: _Place, untold: list[Entry]) -> tuple[_Place, list[Entry]]:
        """What is left to tell, after a worker that died, or got no answer, while it wrote a note or just after."""
        record = place.record
        if posting := record.posting:
            mark = news.marker(posting)
            written = any(mark in note.text for note in await self._psa.notes(place.ticket.id))
            record = record.model_copy(update={"posting": (), "noted": posting if written else record.noted})
            await self._tickets.put_cause(self._tenant.tenant_id, cause, record)
        left = [entry for entry in untold if entry.id not in record.noted]
        return place._replace(record=record), left

    async def _note(self, cause: str, place: _Place, untold: list[Entry], states: TenantStates) -> _Place:
        state, desk = states.of(cause), self._psa.desk
        posting = place.record.model_copy(update={"posting": tuple(entry.id for entry in untold)})
        await self._tickets.put_cause(self._tenant.tenant_id, cause, posting)
        number = await self._psa.add_note(place.ticket.id, news.note(untold, state, desk.approval))
        record = posting.model_copy(update={"posting": (), "noted": posting.posting})
        ticket = place.ticket
        if news.lists_plan(untold, state):
            ticket = await self._psa.ticket(ticket.id)
            armed = ticket.status not in desk.approval.statuses
            record = record.model_copy(update={"plan": state.plan, "plan_note": number, "armed": armed})
        elif state.state != "awaiting_approval":
            record = record.model_copy(update={"plan": ""})
        await self._tickets.put_cause(self._tenant.tenant_id, cause, record)
        return _Place(ticket, record)

    async def _settle(self, cause: str, place: _Place) -> None:
        """Close a ticket whose cause is gone, where that is wanted and nobody has made the ticket theirs."""
        desk, record = self._psa.desk, place.record
        if not desk.closing.status or place.ticket.status not in {record.status, *desk.approval.statuses}:
            return
        await self._psa.set_status(place.ticket.id, desk.closing.status)
        closed = record.model_copy(update={"status": desk.closing.status, "closed_at": self._clients.now(), "plan": ""})
        await self._tickets.put_cause(self._tenant.tenant_id, cause, closed)

    async def _answers(self) -> bool:
        """Tell each ticket that asked for something how it stands. Returns whether every one has its answer."""
        complete = True
        async for ask in self._tickets.asks(self._tenant.tenant_id):
            try:
                complete &= await self._answer(ask)
            except (ClientError, TicketMoved) as error:
                complete &= await self._given_up(ask, error)
        return complete

    async def _given_up(self, ask: Ask, error: ClientError | TicketMoved) -> bool:
        """Whether the ticket is gone, or takes nothing more: the ledger has it all. Else it is tried again."""
        operation = await self._clients.storage.operations.get(ask.operation_id)
        waited = self._clients.now() - operation.created_at if operation else PATIENCE
        if isinstance(error, NotFound) or (isinstance(error, Invalid) and waited >= PATIENCE):
            log.error("unanswerable tenant=%s ticket=%s %s", self._tenant.tenant_id, ask.ticket_id, error)
            await self._tickets.answered(self._tenant.tenant_id, ask)
            return True
        log.warning("unanswered tenant=%s ticket=%s %s", self._tenant.tenant_id, ask.ticket_id, error)
        return False

    async def _answer(self, ask: Ask) -> bool:
        operation = await self._clients.storage.operations.get(ask.operation_id)
        psa = self._clients.psa.by_provider.get(ask.provider)
        if psa is None or operation is None:
            return psa is None
        if operation.state not in ENDED:
            await self._running(ask, psa)
            return False
        mark = news.marker([operation.id])
        done = ask.stage == "answering" and any(mark in note.text for note in await psa.notes(ask.ticket_id))
        if not done:
            await self._tickets.put_ask(self._tenant.tenant_id, ask.model_copy(update={"stage": "answering"}))
            since = operation.created_at
            entries = await self._clients.storage.ledger.since(self._tenant.tenant_id, since)
            proofs = [e for e in entries if e.operation_id == operation.id and e.event == "corrected"]
            await psa.add_note(ask.ticket_id, news.result(operation, proofs))
        status = psa.desk.outcomes.ok if operation.state == "succeeded" else psa.desk.outcomes.failed
        if status:
            await self._set_status(ask, status, psa)
        await self._tickets.answered(self._tenant.tenant_id, ask)
        return True

    async def _running(self, ask: Ask, psa: PsaClient) -> None:
        if ask.stage == "asked" and psa.desk.outcomes.running:
            await self._set_status(ask, psa.desk.outcomes.running, psa)
            await self._tickets.put_ask(self._tenant.tenant_id, ask.model_copy(update={"stage": "running"}))

    async def _set_status(self, ask: Ask, status: str, psa: PsaClient) -> None:
        """Give the ticket that asked a status, which takes it out of its trigger: set back by a person it asks anew."""
        await psa.set_status(ask.ticket_id, status)
        known, version = await self._tickets.known(ask.provider, ask.ticket_id)
        if known and known.trigger:
            left = known.model_copy(update={"trigger": ""})
            await self._tickets.put_known(ask.provider, ask.ticket_id, left, version)


def _by_cause(entries: list[Entry], told: Told) -> dict[str, list[Entry]]:
    """The entries that are not told, by cause, oldest first."""
    known, causes = set(told.ids), defaultdict[str, list[Entry]](list)
    for entry in entries:
        if entry.id not in known:
            causes[news.cause_of(entry)].append(entry)
    return causes
