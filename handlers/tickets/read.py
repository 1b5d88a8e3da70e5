"""Look at one ticket: what it asks for, if it has just come to ask, and which plan it says yes to.

The ticket is read from the PSA; whose tenant it is about only our own table says. Reading twice finds nothing new.
"""

import logging
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid5

from clients.connect import Clients
from clients.errors import ClientError, NotFound, Refused
from clients.psa.api import PsaClient
from clients.psa.systems import covered
from clients.storage.tickets import OddTicket, TicketMoved
from domain.controls import CATALOGUE
from domain.errors import RequestError
from domain.incident import Incident
from domain.jobs import Again, Done, Notify, Outcome, ReadTicket, TicketRequest
from domain.operations import Operation
from domain.psa.records import AskingTicket, CauseTicket, KnownTicket
from domain.psa.ticket import (
    Decides,
    Person,
    Ticket,
    approver,
    deciders,
    has_our_key,
    is_own,
    is_told,
    may_approve,
    trigger_of,
)
from domain.shown import visible
from domain.tenant import PsaCompany
from handlers import on_request, operations
from handlers.on_request import ApprovalRequest, Requester
from handlers.operators import tell_operators, tell_unless_open
from handlers.tickets.way_out import open_by_note

log = logging.getLogger("holdfast.tickets")

_OPERATIONS = UUID("6d2f8f0e-5d51-4c39-9f27-0b7c52a1f6e4")
"""Names for operations: what is asked once has one name, however often we hear of it."""

_PATIENCE = timedelta(days=1)
"""A ticket that cannot be read for so long is given up; its next change asks anew."""


async def read_ticket(job: ReadTicket, clients: Clients) -> Outcome:
    """Look at the ticket of *job*; again, when the PSA cannot be asked now, or somebody else is at the same ticket."""
    try:
        await _read(job, clients)
    except NotFound:
        log.info("ticket_gone provider=%s ticket=%s", job.provider, job.ticket_id)
    except Refused as refusal:
        log.error("ticket_refused provider=%s ticket=%s %s %s", job.provider, job.ticket_id, refusal, refusal.remedy)  # noqa: TRY400
        await _tell_refused(job, refusal, clients)
    except TicketMoved:
        return Again(job.patience.first)
    except OddTicket as odd:
        log.error("ticket_row_unreadable %s", odd)  # noqa: TRY400
        why = "what is remembered of it makes no sense, so that it may have been done before"
        await tell_unless_open(_unread(job, why), clients)
    except ValueError as odd:
        log.exception("ticket_odd provider=%s ticket=%s", job.provider, job.ticket_id)
        await tell_unless_open(_unread(job, f"which makes no sense: {type(odd).__name__}"), clients)
    except ClientError as error:
        log.warning("ticket_unread provider=%s ticket=%s %s", job.provider, job.ticket_id, error)
        if clients.now() - job.asked_at < _PATIENCE:
            return Again(error.pause or job.pause)
        await tell_operators(_unread(job, f"tried for {_PATIENCE.days} day: {error.sentence}"), clients)
    return Done()


async def _tell_refused(job: ReadTicket, refusal: Refused, clients: Clients) -> None:
    """One incident of the ticket system, however many of its tickets are refused: the reason is mostly one, too."""
    detail = f"{job.provider} ticket {job.ticket_id}, and maybe others: {refusal.sentence} {refusal.remedy}".rstrip()
    summary = "a ticket system refuses what is needed to do what a ticket asks for"
    refused = Incident(id=f"unread-{job.provider}", kind="unread", summary=summary, detail=detail)
    await tell_unless_open(refused, clients)


def _unread(job: ReadTicket, why: str) -> Incident:
    return Incident(
        id=f"unread-{job.provider}-{job.ticket_id}"[:40],
        kind="unread",
        summary="a ticket cannot be read, and what it may ask for is not done",
        detail=f"{job.provider} ticket {job.ticket_id}, {why}",
    )


async def _read(job: ReadTicket, clients: Clients) -> None:
    psa = clients.psa.by_provider.get(job.provider)
    known, version = await clients.storage.tickets.known(job.provider, job.ticket_id)
    if psa is None or covered(job.asked_at, known.read_at if known else None):
        return
    read_at = clients.now()
    ticket = await psa.ticket(job.ticket_id)
    known = known or KnownTicket(read_at=read_at)
    if known.cause:
        async with clients.storage.leases.hold(f"psa-{known.tenant_id}") as lease:
            if lease is None:
                raise TicketMoved(f"{psa.provider} ticket {ticket.id} is being written on")
            # First: no fault of an approval keeps a customer locked out.
            await open_by_note(ticket, known, psa, clients)
            await _approval(ticket, known, psa, clients)
    trigger = None if known.cause else trigger_of(psa.desk, ticket)
    if trigger and trigger.name != known.trigger and await _is_ours(ticket, psa):
        trigger = None
    name = trigger.name if trigger else ""
    if trigger and name != known.trigger:
        # Written down before it is asked, so that a crash in between neither forgets it nor asks under another name.
        by = await psa.status_set_by(ticket)
        agent = by.id if by and may_approve(by, psa.desk.own_user) else ""
        known = replace(known, trigger=name, asked=known.asked + 1, asking=trigger.action, asked_by=agent)
        version = await clients.storage.tickets.put_known(job.provider, job.ticket_id, known, version)
    if known.asking:
        await _ask(ticket, known, psa, clients)
    now = replace(known, read_at=read_at, trigger=name, asking=None, asked_by="")
    await clients.storage.tickets.put_known(job.provider, job.ticket_id, now, version)


async def _is_ours(ticket: Ticket, psa: PsaClient) -> bool:
    """Whether we opened the ticket, of which a crash has left us no record. A key in it alone may be a customer's."""
    if not (has_our_key(ticket) and is_own(await psa.made_by(ticket), psa.desk.own_user)):
        return False
    log.info("ticket_ours provider=%s ticket=%s", psa.provider, ticket.id)
    return True


async def _ask(ticket: Ticket, known: KnownTicket, psa: PsaClient, clients: Clients) -> None:
    """Have done what the ticket asks for, for the one tenant that its company is.

    Writing is for an agent of the MSP to ask for: a ticket that anybody else brought to ask is a reason to look.
    """
    tenants = await clients.storage.tenants.of_company(PsaCompany(provider=psa.provider, company_id=ticket.company))
    if len(tenants) != 1:
        log.warning("ticket_unmapped provider=%s ticket=%s tenants=%d", psa.provider, ticket.id, len(tenants))
        what = "no tenant of Holdfast has" if not tenants else f"{len(tenants)} tenants of Holdfast have"
        marks, about = clients.psa.marks, [psa.provider, ticket.id, str(known.asked)]
        if not is_told(await psa.notes(ticket.id), about, marks, psa.desk.own_user):  # it may be there, unanswered
            said = f"Nothing was done: {what} company {ticket.company} of this system as theirs."
            await psa.add_note(ticket.id, f"{visible(said)}\n{marks.note(about)}")
        return
    [tenant] = tenants
    place = f"{psa.provider} ticket {ticket.id}"
    decides = tenant.psa is not None and tenant.psa.lets_decide(known.asked_by)
    operation = Operation(
        id=str(uuid5(_OPERATIONS, f"{place} {known.asked}")),
        kind="reprovision" if known.asking == "reprovision" and decides else "check",
        tenant_id=tenant.tenant_id,
        requested_by=f"{known.asked_by or 'nobody of the MSP'} ({place})",
        created_at=clients.now(),
    )
    if await _begun(operation, clients):
        return
    asking = AskingTicket(provider=psa.provider, ticket_id=ticket.id, operation_id=operation.id)
    await clients.storage.tickets.news.make(operation.tenant_id, clients.now())
    await clients.storage.tickets.put_asking(operation.tenant_id, asking)
    await _start(operation, clients, passes_mode=True)
    await clients.storage.queues.send(Notify(tenant_id=operation.tenant_id, asked_at=clients.now()))


async def request_work(job: TicketRequest, clients: Clients) -> Outcome:
    """A Standard Webhooks sender asks: once for each of its ids. No person is known, so the config says what it may."""
    tenants = await clients.storage.tenants.of_company(PsaCompany(provider="standard", company_id=job.company_id))
    if len(tenants) != 1:
        log.warning("request_unmapped event=%s tenants=%d", job.event[:16], len(tenants))
        return Done()
    [tenant] = tenants
    operation = Operation(
        id=str(uuid5(_OPERATIONS, f"standard {job.event}")),
        kind=job.action,
        tenant_id=tenant.tenant_id,
        requested_by=f"standard webhook (ticket {job.ticket_id})" if job.ticket_id else "standard webhook",
        created_at=clients.now(),
    )
    if not await _begun(operation, clients):
        await _start(operation, clients, passes_mode=tenant.psa is not None and tenant.psa.may_reprovision)
    return Done()


async def _begun(operation: Operation, clients: Clients) -> bool:
    """Whether somebody works on it. One that is only queued may be so by a crash between record and message."""
    before = await clients.storage.operations.get(operation.id)
    return before is not None and before.state != "queued"


async def _start(operation: Operation, clients: Clients, *, passes_mode: bool) -> None:
    log.info("asked kind=%s tenant=%s by=%s", operation.kind, operation.tenant_id, operation.requested_by)
    await operations.start_job(operation, tuple(CATALOGUE), clients, passes_mode=passes_mode)


async def _approval(ticket: Ticket, known: KnownTicket, psa: PsaClient, clients: Clients) -> None:
    """Approve the plan that the ticket lists, where a PSA user has said yes to it since.

    Under the lease of the job that tells of the tenant: both keep the cause's record, and neither may save an old one.
    """
    tickets = clients.storage.tickets
    record = await tickets.cause(known.tenant_id, known.cause)
    if record is None or not record.plan or record.ticket_id != ticket.id:
        return
    by_status = ticket.status in psa.desk.approval.statuses
    if not by_status and not record.armed:
        await tickets.put_cause(known.tenant_id, known.cause, replace(record, armed=True))
    tenant = await clients.storage.tenants.get(known.tenant_id)
    company = tenant.psa if tenant else None
    decides = deciders(company, psa.desk.own_user) if company else None
    person = await _who(ticket, record, psa, decides, by_status=by_status and record.armed) if decides else None
    if person is None:
        if by_status and record.armed:  # a later edit by somebody else must not count as approval
            await tickets.put_cause(known.tenant_id, known.cause, replace(record, armed=False))
        return
    by = f"{person.id} ({psa.provider} ticket {ticket.id})"
    try:
        await on_request.approve(
            known.tenant_id, known.cause, ApprovalRequest(plan=record.plan), Requester(by), clients
        )
    except RequestError as moot:  # another plan waits by now: it is told, and needs an approval of its own
        log.info("approval_moot tenant=%s control=%s %s", known.tenant_id, known.cause, moot)
    await tickets.put_cause(known.tenant_id, known.cause, replace(record, plan=""))


async def _who(
    ticket: Ticket, record: CauseTicket, psa: PsaClient, decides: Decides, *, by_status: bool
) -> Person | None:
    """Who said yes: the one who set the status, or wrote the word. A status of who may not decide hides no word."""
    if by_status and decides(person := await psa.status_set_by(ticket)):
        return person
    if not psa.desk.approval.words:
        return None
    return approver(await psa.notes(ticket.id), record.plan, record.plan_note, psa.desk.approval, decides)
