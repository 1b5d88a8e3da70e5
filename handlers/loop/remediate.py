"""Bring controls of one tenant to their wanted state: read again, plan, gate, apply, read again, record.

The message says where to look, never what was seen, so a late, doubled or reordered one does no harm. One worker at a
time works on a tenant (lease); what it does there is in `correct` and `undo`.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from clients import restraint as restraints
from clients.connect import Clients
from clients.errors import LONGEST_JOB_PAUSE, Throttled, Unreachable
from domain.controls import CATALOGUE
from domain.corrections import followed_until
from domain.errors import UnreadableConfig
from domain.jobs import Again, Done, Outcome, RemediateTenant
from handlers import operations
from handlers.loop.correct import correct, show
from handlers.loop.gatekeeper import Case
from handlers.loop.undo import settle_undo
from handlers.loop.way_out import hold_open, settle_way_out

WAIT_FOR_LEASE_S = 3
"""Where another worker has the tenant: most remediations take less, so that the message need not go back."""

LEASE_PATIENCE = timedelta(hours=1)
"""How long what a person asked for waits for other workers without using an attempt: each may take ten minutes, and
one write that hangs takes three. What nobody follows is let go, since the next tick asks again."""


async def remediate_tenant(job: RemediateTenant, clients: Clients) -> Outcome:
    """Work on the controls of *job* under the tenant's lease, if it still makes sense.

    Done, when each is settled or held; again, when another worker has the tenant, or a proof or a service needs time.
    """
    try:
        row = await clients.storage.tenants.row(job.tenant_id)
        if row is None:
            await operations.fail(job.operation_id, "the tenant is not configured", clients)
            return Done()
        wanted = clients.wanted(row.config, row.profile_version, row.move)
    except UnreadableConfig as odd:  # the check that follows tells it in the states
        await operations.fail(job.operation_id, str(odd), clients)
        return Done()
    except ValueError as mistake:  # as above
        await operations.fail(job.operation_id, f"the tenant's config makes no sense: {mistake}", clients)
        return Done()
    if job.way_out and not job.dry_run:  # whoever has the lease closes nothing from here on
        await hold_open(job.operation_id, clients)
    async with clients.storage.leases.hold(job.tenant_id, patience_s=WAIT_FOR_LEASE_S) as lease:
        if lease is None:
            return Again(job.patience.first, counts=not _waits_for_person(job, clients.now()))
        operation = await operations.begin(job.operation_id, clients)
        if operation and operation.is_over:  # whoever had the lease before was its double
            return Done()
        return await _work(Case(job, wanted, lease, clients, operation.reason if operation else ""))


def _waits_for_person(job: RemediateTenant, now: datetime) -> bool:
    return bool(job.operation_id and job.asked_at and now - job.asked_at < LEASE_PATIENCE)


async def _work(case: Case) -> Outcome:
    try:
        if case.job.undo:
            return await settle_undo(case)
        if case.job.way_out:
            return await settle_way_out(case)
        if case.job.dry_run:
            return await show(case)
        return await _after_rest(case, await correct(case))
    except (Throttled, Unreachable) as error:  # the tenant cannot be read, or a write never left
        pause = error.pause or case.job.patience.first
        await keep_following(case.job.tenant_id, case.job.controls, pause, case.clients)
        return Again(pause)


async def _after_rest(case: Case, outcome: Outcome) -> Outcome:
    """*outcome*, but for what a rest of the tenant kept from being read: the job comes again when that is over.

    A person who asked is not kept waiting: the operation has ended, and says until when the tenant rests.
    """
    restraint, now = restraints.current(), case.clients.now()
    services = {query.service for each in case.job.controls for query in CATALOGUE[each].queries}
    held = [rest for name, rest in restraint.holding(now).items() if name in services] if restraint else []
    if not held or case.job.operation_id or not isinstance(outcome, Done):
        return outcome
    left = min(max(rest.until for rest in held) - now, LONGEST_JOB_PAUSE)
    await keep_following(case.job.tenant_id, case.job.controls, left, case.clients)
    return Again(left)


async def keep_following(tenant_id: str, controls: Iterable[str], pause: timedelta, clients: Clients) -> None:
    """Keep that a message comes after *pause*: until then no other is needed for what was begun of *controls*."""
    states = await clients.storage.states.load(tenant_id)
    begun = [each for each in controls if states.of(each).corrections]
    if begun and not states.newer:
        until = dict.fromkeys(begun, followed_until(clients.now(), pause))
        await clients.storage.states.change(tenant_id, lambda states: (states.following(until), ()))
