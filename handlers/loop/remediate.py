"""Bring controls of one tenant to their wanted state: read again, plan, gate, apply, read again, record.

The message says where to look, never what was seen, so a late, doubled or reordered one does no harm. One worker at a
time works on a tenant (lease); what it does there is in `work`.
"""

import logging

from clients import telemetry
from clients.connect import Clients
from clients.errors import Throttled, Unreachable
from domain.jobs import ForeignMessage, RemediateTenant, parse
from handlers import operations, park
from handlers.loop import undo
from handlers.loop.correct import Work
from handlers.loop.gatekeeper import Case

log = logging.getLogger("holdfast.remediate")

BUSY_S = 5
"""Another worker has the tenant: come back after this."""

WAIT_FOR_LEASE_S = 3
"""But first see whether it is done in a moment: most remediations take less."""

MOST_ATTEMPTS = 20
"""A job that was put back this often is let go: the next sweep asks again if there is still something to do."""

FIRST_PAUSE_S = 5
LONGEST_PAUSE_S = 60
"""Seconds between looks once the queue does the waiting for a proof: doubling, up to the longest."""


async def run(body: bytes, clients: Clients) -> None:
    """Work on the controls that *body* names.

    Returns when each is settled, held, or handed back to the queue because a proof or a service needs more time.
    """
    try:
        job = parse(RemediateTenant, body)
    except ForeignMessage as foreign:
        await park.foreign("remediations", body, str(foreign), clients)
        return
    with telemetry.working("remediations", job, clients.now()):
        await _remediate(job, clients)


async def _remediate(job: RemediateTenant, clients: Clients) -> None:
    """Work on the job under the tenant's lease, if it still makes sense."""
    tenant = await clients.storage.tenants.get(job.tenant_id)
    if tenant is None:
        await operations.fail(job.operation_id, "the tenant is not configured", clients)
        return
    try:
        wanted = clients.wanted(tenant)
    except ValueError as mistake:  # the check that follows tells it in the states
        await operations.fail(job.operation_id, f"the tenant's config makes no sense: {mistake}", clients)
        return
    async with clients.storage.leases.hold(job.tenant_id, patience_s=WAIT_FOR_LEASE_S) as lease:
        if lease is None:
            await _later(job, BUSY_S, clients)
            return
        await operations.begin(job.operation_id, clients)
        reason = await operations.reason(job.operation_id, clients)
        await _work(Case(job, wanted, lease, clients, reason), job, clients)


async def _work(case: Case, job: RemediateTenant, clients: Clients) -> None:
    try:
        settled = await _settled(case)
    except Throttled as wait:
        await _later(job, wait.retry_after_s or BUSY_S, clients)
    except Unreachable:  # a write that never left
        await _later(job, BUSY_S, clients)
    else:
        if not settled:
            await _later(job, min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**job.attempt), clients)


async def _settled(case: Case) -> bool:
    if case.job.undo:
        return await undo.settle(case)
    work = Work(case)
    return await (work.show() if case.job.dry_run else work.settle())


async def _later(job: RemediateTenant, delay_s: float, clients: Clients) -> None:
    """Give the job back to the queue, which waits without holding a worker."""
    if job.attempt < MOST_ATTEMPTS:
        await clients.storage.queues.remediate(job.again(), delay_s=delay_s)
        return
    log.warning("let_go tenant=%s controls=%s attempts=%d", job.tenant_id, ",".join(job.controls), job.attempt)
    await operations.fail(job.operation_id, f"no end after {job.attempt} attempts", clients)
