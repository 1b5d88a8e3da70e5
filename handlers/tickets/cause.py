"""The ticket of one cause: found, reopened or opened, told by a note, and closed when the cause is gone."""

import logging
from dataclasses import replace
from datetime import timedelta
from typing import NamedTuple

from clients.connect import Clients
from clients.errors import NotFound
from clients.storage.states import TenantStates
from domain.ledger import Entry
from domain.psa import news
from domain.psa.records import CauseTicket, KnownTicket
from domain.psa.ticket import Ticket, is_own, is_told
from handlers.tickets.addressee import Addressee

log = logging.getLogger("holdfast.notify")


class _Place(NamedTuple):
    """A cause's ticket as it is in the PSA now, and what we remember of it."""

    ticket: Ticket
    record: CauseTicket


class CauseTeller:
    """Tells the tickets of one addressee's causes, under its lease. What is about to be done is written down first."""

    def __init__(self, to: Addressee, states: TenantStates, clients: Clients) -> None:
        self._to = to
        self._psa = to.psa
        self._states = states
        self._clients = clients
        self._tickets = clients.storage.tickets

    async def tell(self, cause: str, untold: list[Entry]) -> None:
        """Tell the ticket of *cause* what *untold* says (oldest first), where it has one or should have.

        Raises:
            ClientError: The ticket system does not do what it was asked.
            TicketMoved: Somebody else is at the same ticket.
        """
        opening = any(news.opens(entry) for entry in untold)
        record = await self._tickets.cause(self._to.ledger, cause)
        if record is None and not opening:
            return
        place = await self._reopened(cause, record, opening=opening) if record else None
        if place is None and opening:
            place = await self._open(cause, untold)
        if place is None:
            return
        place, left = await self._already(cause, place, untold)
        if left:
            place = await self._note(cause, place, left)
        if news.settled(untold):
            await self._close(cause, place)

    async def _reopened(self, cause: str, record: CauseTicket, *, opening: bool) -> _Place | None:
        """The cause's own ticket, if it is open, or where *opening* may be opened again."""
        ticket = await self._known(record)
        if ticket is None or not ticket.closed:
            return _Place(ticket, record) if ticket else None
        if not (opening and self._reopens(record)):
            return None
        status = self._psa.desk.closing.reopen_status
        await self._psa.set_status(ticket.id, status)
        reopened = await self._keep(cause, replace(record, status=status, closed_at=None))
        return _Place(await self._psa.ticket(ticket.id), reopened)

    async def _known(self, record: CauseTicket) -> Ticket | None:
        if record.provider != self._psa.provider:
            return None
        try:
            ticket = await self._psa.ticket(record.ticket_id)
        except NotFound:
            return None
        return ticket if ticket.company == self._to.company else None

    def _reopens(self, record: CauseTicket) -> bool:
        days = timedelta(days=self._psa.desk.closing.reopen_days)
        return record.closed_at is not None and self._clients.now() - record.closed_at <= days

    async def _open(self, cause: str, untold: list[Entry]) -> _Place:
        """Look for a ticket of ours, which a crash may have left unrecorded; open one only where there is none."""
        key, key_before = self._clients.psa.marks.keys(self._to.ledger, cause)
        found = await self._own(key) or await self._own(key_before)
        if found is None:
            number = await self._psa.create(
                self._to.company, key, self._to.summary(cause, untold), self._to.about(cause, untold)
            )
            found = await self._psa.ticket(number)
        known, version = await self._tickets.known(self._psa.provider, found.id)
        known = replace(known or KnownTicket(self._clients.now()), tenant_id=self._to.ledger, cause=cause)
        await self._tickets.put_known(self._psa.provider, found.id, known, version)
        record = await self._keep(cause, CauseTicket(self._psa.provider, found.id, found.status))
        log.info("ticket tenant=%s cause=%s ticket=%s", self._to.ledger, cause, found.id)
        return _Place(found, record)

    async def _own(self, key: str) -> Ticket | None:
        """The open ticket with our *key* that we opened: once a key is on a ticket, whoever reads it can copy it."""
        found = await self._psa.find(self._to.company, key)
        if found is None or is_own(await self._psa.made_by(found), self._psa.desk.own_user):
            return found
        log.warning("ticket_not_ours provider=%s ticket=%s", self._psa.provider, found.id)
        return None

    async def _already(self, cause: str, place: _Place, untold: list[Entry]) -> tuple[_Place, list[Entry]]:
        """What is left to tell, after a worker that died, or got no answer, while it wrote a note or just after."""
        record = place.record
        if posting := record.posting:
            notes = await self._psa.notes(place.ticket.id)
            written = is_told(notes, posting, self._clients.psa.marks, self._psa.desk.own_user)
            record = await self._keep(cause, replace(record, posting=(), noted=posting if written else record.noted))
        return place._replace(record=record), [entry for entry in untold if entry.id not in record.noted]

    async def _note(self, cause: str, place: _Place, untold: list[Entry]) -> _Place:
        ticket, state, desk = place.ticket, self._states.of(cause), self._psa.desk
        posting = await self._keep(cause, replace(place.record, posting=tuple(entry.id for entry in untold)))
        number = await self._psa.add_note(ticket.id, news.note(untold, state, desk.approval, self._clients.psa.marks))
        record = replace(posting, posting=(), noted=posting.posting)
        if news.lists_plan(untold, state):
            ticket = await self._psa.ticket(ticket.id)
            armed = ticket.status not in desk.approval.statuses
            record = replace(record, plan=state.plan, plan_note=number, armed=armed)
        elif state.state != "awaiting_approval":
            record = replace(record, plan="")
        return _Place(ticket, await self._keep(cause, record))

    async def _close(self, cause: str, place: _Place) -> None:
        """Close a ticket whose cause is gone, if configured, and no person has changed its status."""
        desk, record = self._psa.desk, place.record
        if not desk.closing.status or place.ticket.status not in {record.status, *desk.approval.statuses}:
            return
        await self._psa.set_status(place.ticket.id, desk.closing.status)
        await self._keep(cause, replace(record, status=desk.closing.status, closed_at=self._clients.now(), plan=""))

    async def _keep(self, cause: str, record: CauseTicket) -> CauseTicket:
        await self._tickets.put_cause(self._to.ledger, cause, record)
        return record
