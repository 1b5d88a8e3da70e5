"""The way out by ticket: an agent's note on a ticket of ours opens the lock, where the tenant's config allows it."""

import logging

from clients.connect import Clients
from clients.psa.api import PsaClient
from domain.errors import RequestError
from domain.operations import IdempotencyKey
from domain.psa.records import KnownTicket
from domain.psa.ticket import Ticket, asked_to_open
from handlers import on_request
from handlers.on_request import OpenRequest, Requester

log = logging.getLogger("holdfast.tickets")


async def open_by_note(ticket: Ticket, known: KnownTicket, psa: PsaClient, clients: Clients) -> None:
    """Open the lock of the ticket's tenant once for each note that says so; what becomes of it is in its ledger."""
    tenant = await clients.storage.tenants.get(known.tenant_id)
    if tenant is None or tenant.psa is None or not (tenant.psa.may_open and psa.desk.own_user):
        return
    said = asked_to_open(await psa.notes(ticket.id), psa.desk.own_user, clients.now())
    if said is None or not tenant.psa.lets_decide(said.by.id):
        return
    place = f"{psa.provider} ticket {ticket.id}"
    wish = OpenRequest(reason=said.reason, until=said.until)
    key = IdempotencyKey(caller=place, key=f"note {said.note}", fingerprint=wish.model_dump_json())
    try:
        await on_request.open_tenant(tenant.tenant_id, wish, Requester(f"{said.by.id} ({place})", key), clients)
    except RequestError as moot:  # the note was rewritten: what it said first was done
        log.info("opening_moot tenant=%s ticket=%s %s", tenant.tenant_id, ticket.id, moot)
