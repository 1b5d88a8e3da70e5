"""The answer to a ticket that asked for work: a status while it runs, a note with steps and proof at the end."""

import logging
from dataclasses import replace
from datetime import timedelta

from clients.connect import Clients
from clients.errors import ClientError, Invalid, NotFound
from clients.psa.api import PsaClient
from clients.storage.tickets import OddTicket, TicketMoved
from domain.incident import Incident
from domain.psa import news
from domain.psa.records import AskingTicket
from domain.psa.ticket import is_told
from handlers.operators import tell_unless_open

log = logging.getLogger("holdfast.notify")

_PATIENCE = timedelta(days=1)
"""Autotask answers 4xx to some of its own outages, so that a refused answer is tried again for so long."""
_LONGEST = timedelta(days=7)
"""Whatever else fails at an answer for so long is not tried again."""


async def answer_tickets(tenant_id: str, clients: Clients) -> bool:
    """Tell each ticket that asked for something how it stands. Returns whether every one has its answer."""
    complete = True
    async for asking in clients.storage.tickets.asking(tenant_id):
        try:
            complete &= await _answer(tenant_id, asking, clients)
        except (ClientError, TicketMoved, ValueError) as error:  # ValueError: what is odd in a way of its own
            complete &= await _given_up(tenant_id, asking, error, clients)
    return complete


async def _given_up(
    tenant_id: str, asking: AskingTicket, error: ClientError | TicketMoved | ValueError, clients: Clients
) -> bool:
    """Whether the ticket is gone, or takes nothing more: the ledger has it all. Else it is tried again."""
    waited = await _waited(asking, clients)
    if not isinstance(error, NotFound) and waited < (_PATIENCE if isinstance(error, Invalid) else _LONGEST):
        log.warning("unanswered tenant=%s ticket=%s %s", tenant_id, asking.ticket_id, error)
        return False
    log.error("unanswerable tenant=%s ticket=%s %s", tenant_id, asking.ticket_id, error)
    if not isinstance(error, NotFound):
        await tell_unless_open(_unanswered(asking, error), clients)
    await clients.storage.tickets.answered(tenant_id, asking)
    return True


async def _waited(asking: AskingTicket, clients: Clients) -> timedelta:
    """For how long the answer has been tried; of an operation that is gone, or makes no sense, none ever comes."""
    try:
        operation = await clients.storage.operations.get(asking.operation_id)
    except ValueError:
        return _LONGEST
    return clients.now() - operation.created_at if operation else _LONGEST


def _unanswered(asking: AskingTicket, error: Exception) -> Incident:
    said = error.sentence if isinstance(error, ClientError) else type(error).__name__
    return Incident(
        id=f"unread-{asking.provider}-{asking.ticket_id}"[:40],
        kind="unread",
        summary="a ticket that asked for something cannot be told how it went",
        detail=f"{asking.provider} ticket {asking.ticket_id}: {said}; the ledger has what became of it",
    )


async def _answer(tenant_id: str, asking: AskingTicket, clients: Clients) -> bool:
    tickets = clients.storage.tickets
    operation = await clients.storage.operations.get(asking.operation_id)
    psa = clients.psa.by_provider.get(asking.provider)
    if psa is None or operation is None:
        return psa is None
    if not operation.has_ended:
        await _running(tenant_id, asking, psa, clients)
        return False
    marks = clients.psa.marks
    written = asking.stage == "answering" and is_told(
        await psa.notes(asking.ticket_id), [operation.id], marks, psa.desk.own_user
    )
    if not written:
        await tickets.put_asking(tenant_id, replace(asking, stage="answering"))
        entries = await clients.storage.ledger.readable_since(tenant_id, operation.created_at)
        proofs = [each for each in entries if each.operation_id == operation.id and each.event == "corrected"]
        await psa.add_note(asking.ticket_id, news.result(operation, proofs, marks))
    status = psa.desk.outcomes.ok if operation.state == "succeeded" else psa.desk.outcomes.failed
    if status:
        await _set_status(asking, status, psa, clients)
    await tickets.answered(tenant_id, asking)
    return True


async def _running(tenant_id: str, asking: AskingTicket, psa: PsaClient, clients: Clients) -> None:
    if asking.stage == "asked" and psa.desk.outcomes.running:
        await _set_status(asking, psa.desk.outcomes.running, psa, clients)
        await clients.storage.tickets.put_asking(tenant_id, replace(asking, stage="running"))


async def _set_status(asking: AskingTicket, status: str, psa: PsaClient, clients: Clients) -> None:
    """Give the ticket that asked a status, which takes it out of its trigger: set back by a person it asks anew."""
    await psa.set_status(asking.ticket_id, status)
    try:
        known, version = await clients.storage.tickets.known(asking.provider, asking.ticket_id)
    except OddTicket:  # it asks nothing any more, which whoever reads it says
        return
    if known and known.trigger:
        await clients.storage.tickets.put_known(asking.provider, asking.ticket_id, replace(known, trigger=""), version)
