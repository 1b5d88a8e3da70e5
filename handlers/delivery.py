"""One message, from its queue to its end: read, traced, worked on, then deleted, put back or parked.

A queue function ends in Done or in Again: what follows from that for the queue, and which metric counts it, is decided
here and nowhere else. An error that the work does not expect ends the invocation: the platform delivers again.
"""

import logging
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any, assert_never

from clients import telemetry
from clients.connect import Clients
from clients.storage.documents import NewerRow
from clients.telemetry import Delivered
from domain.jobs import (
    Again,
    CheckTenant,
    Done,
    ForeignMessage,
    Job,
    MakeEvidence,
    NewerMessage,
    Notify,
    Outcome,
    PollTickets,
    QueueName,
    ReadAudit,
    ReadTicket,
    RemediateTenant,
    TicketRequest,
    TriageAlerts,
    VisitShard,
    parse_message,
)
from handlers import operations, park
from handlers.loop.check import check_as_asked, check_tenant
from handlers.loop.remediate import remediate_tenant
from handlers.loop.visit import visit_shard
from handlers.notices import notify
from handlers.restraint import alone
from handlers.security.alerts import triage_alerts
from handlers.security.audit import read_audit
from handlers.tickets.poll import look_for_changes
from handlers.tickets.read import read_ticket, request_work
from handlers.unfinished import end_unworked

log = logging.getLogger("holdfast.delivery")

LONGEST_HIDDEN = timedelta(seconds=60)
"""The platform scales by the messages that it sees: what waits for longer is in a table until a tick finds it due."""

NEWER_PAUSE = timedelta(seconds=60)
NEWER_PATIENCE = timedelta(minutes=15)
"""A message of a later version is put back for so long: each deployment runs two versions side by side."""


async def deliver(queue: QueueName, body: bytes, clients: Clients) -> None:
    """Work on one message of *queue*, and do with it what the outcome asks for."""
    try:
        job = parse_message(queue, body)
    except ForeignMessage as foreign:
        await park.foreign(queue, body, str(foreign), clients)
        telemetry.delivered(queue, "foreign")
    except NewerMessage as newer:
        await _leave_alone(queue, body, newer, clients)
        telemetry.delivered(queue, "newer")
    else:
        with telemetry.working(queue, job, clients.now()):
            try:
                telemetry.delivered(queue, await _worked_on(job, clients))
            except Exception as error:
                await park.note_error(queue, body, error, clients)
                raise


async def _leave_alone(queue: QueueName, body: bytes, newer: NewerMessage, clients: Clients) -> None:
    """Put a message back for a worker of its own version; park it once none has come for it."""
    since = newer.since or clients.now()
    if clients.now() - since >= NEWER_PATIENCE:
        await park.foreign(queue, body, str(newer), clients)
        return
    await clients.storage.queues.put(queue, newer.put_back(since), delay_s=int(NEWER_PAUSE.total_seconds()))


async def _worked_on(job: Job, clients: Clients) -> Delivered:
    if await operations.is_over(_operation(job), clients):
        return "done"
    await operations.hear(_operation(job), clients)
    try:
        outcome = await _work(job, clients)
    except NewerRow as newer:
        log.warning("newer_row queue=%s %s", job.queue, newer)
        if job.patience.then == "let_go" and not _operation(job):  # somebody asks again
            return "newer"
        outcome = Again(NEWER_PAUSE)
    return await _settle(job, outcome, clients)


async def _work(job: Job, clients: Clients) -> Outcome:
    match job:
        case CheckTenant():
            work = _check(job, clients)
        case VisitShard():
            work = visit_shard(job, clients)
        case RemediateTenant():
            work = _sparing(job, remediate_tenant(job, clients), clients)
        case TriageAlerts():
            work = _sparing(job, triage_alerts(job, clients), clients)
        case ReadAudit():
            work = _sparing(job, read_audit(job, clients), clients)
        case Notify() | MakeEvidence():
            work = _for_people(job, clients)
        case ReadTicket():
            work = read_ticket(job, clients)
        case PollTickets():
            work = look_for_changes(clients)
        case TicketRequest():
            work = request_work(job, clients)
        case _:
            assert_never(job)
    return await work


async def _check(job: CheckTenant, clients: Clients) -> Outcome:
    if job.asked_at:
        return await check_as_asked(job, clients)
    return await _sparing(job, check_tenant(job, clients, due_by=job.answered_since(clients.now())), clients)


async def _for_people(job: Notify | MakeEvidence, clients: Clients) -> Outcome:
    if isinstance(job, Notify):
        return await notify(job, clients)
    from handlers.monthly import make_evidence  # noqa: PLC0415 - once a month; every start would wait for it

    return await make_evidence(job, clients)


async def _sparing(
    job: CheckTenant | RemediateTenant | TriageAlerts | ReadAudit, work: Coroutine[Any, Any, Outcome], clients: Clients
) -> Outcome:
    way_out = isinstance(job, RemediateTenant) and job.way_out
    async with alone(job.tenant_id, clients, way_out=way_out):
        return await work


async def _settle(job: Job, outcome: Outcome, clients: Clients) -> Delivered:
    match outcome:
        case Done():
            return "done"
        case Again(counts=True) if job.used_up:
            log.warning("let_go queue=%s attempts=%d", job.queue, job.attempt)
            await end_unworked(_operation(job), f"no end after {job.attempt} attempts", clients)
            return "let_go"
        case Again(after, counts):
            await operations.hear_of_wait(_operation(job), after, clients)
            return await _put_back(job.again() if counts else job, after, clients)


async def _put_back(job: Job, after: timedelta, clients: Clients) -> Delivered:
    if after <= LONGEST_HIDDEN:
        await clients.storage.queues.send(job, delay_s=after.total_seconds())
        return "again"
    await clients.storage.due.add(job, clients.now() + after)
    return "due"


def _operation(job: Job) -> str | None:
    """The operation that somebody follows, where the job is part of one."""
    return job.operation_id if isinstance(job, CheckTenant | RemediateTenant) else None
