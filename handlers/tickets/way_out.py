"""The way out by ticket: an agent's note on a ticket of ours opens the lock, where the tenant's config allows it."""

import logging

from clients.connect import Clients
from clients.psa.api import PsaClient
from domain.errors import BadField, RequestError
from domain.operations import IdempotencyKey
from domain.psa.records import KnownTicket
from domain.psa.ticket import Opening, Ticket, asked_to_open, deciders, is_told
from domain.shown import visible
from handlers import on_request
from handlers.on_request import OpenRequest, Requester

log = logging.getLogger("holdfast.tickets")


async def open_by_note(ticket: Ticket, known: KnownTicket, psa: PsaClient, clients: Clients) -> None:
    """Open the lock of the ticket's tenant once for each note that says so; what becomes of it is in its ledger.

    One that makes no sense is answered, once, after all others were done: it keeps nobody from being let out.
    """
    tenant = await clients.storage.tenants.get(known.tenant_id)
    own = psa.desk.own_user
    if tenant is None or tenant.psa is None or not (tenant.psa.may_open and own):
        return
    notes, marks, place = await psa.notes(ticket.id), clients.psa.marks, f"{psa.provider} ticket {ticket.id}"
    senseless: list[tuple[Opening, str]] = []
    for said in asked_to_open(notes, deciders(tenant.psa, own), clients.now()):
        if is_told(notes, _about(said, place), marks, own):  # nor does it open once its end has come near enough
            continue
        try:
            await _open(said, tenant.tenant_id, place, clients)
        except BadField as bad:
            senseless.append((said, bad.fault))
        except RequestError as moot:  # the note was rewritten: what it said first was done
            log.info("opening_moot tenant=%s ticket=%s %s", tenant.tenant_id, ticket.id, moot)
    for said, fault in senseless:
        text = visible(f"Nothing was opened by note {said.note} of {said.by.id}: its end {fault}.")
        await psa.add_note(ticket.id, f"{text}\n{marks.note(_about(said, place))}")


def _about(said: Opening, place: str) -> list[str]:
    return ["opening", place, str(said.note)]


async def _open(said: Opening, tenant_id: str, place: str, clients: Clients) -> None:
    wish = OpenRequest(reason=said.reason, until=said.until)
    key = IdempotencyKey(caller=place, key=f"note {said.note}", fingerprint=wish.model_dump_json())
    await on_request.open_tenant(tenant_id, wish, Requester(f"{said.by.id} ({place})", key), clients)
