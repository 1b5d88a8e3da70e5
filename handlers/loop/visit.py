"""Visit the tenants of a shard side by side, and do every look that is due. Each tenant's failure is its own.

A shard is never put back for one of its tenants: what failed is written into that tenant's state, and the next tick
that finds the tenant due asks again. One that was looked at since the shard was made is not looked at again, so that a
shard that did not come to all of them in its time may come once more.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace

from azure.core.exceptions import AzureError

from clients import telemetry
from clients.connect import Clients
from clients.storage.documents import NewerRow
from clients.storage.together import Together
from domain.alerts.tenant_state import FALSE_ALERTS
from domain.errors import UnreadableConfig
from domain.jobs import Again, CheckTenant, Done, Outcome, ReadAudit, TriageAlerts, VisitShard
from domain.reading import LANES
from handlers.loop import check
from handlers.restraint import alone, sparing
from handlers.security import alerts, audit
from handlers.security.parcels import AUDIT_FEED

log = logging.getLogger("holdfast.visit")

LONGEST_LOOK_S = 180
"""More than any look takes that ends: a read is given up after 90 seconds."""
LONGEST_SHARD_S = 480
"""Under `functionTimeout` of host.json, which ends the whole worker, by more than it takes to write what was seen."""
MOST_LOOKS = 3
"""Looks in a row at a tenant in which a remediation wrote meanwhile; the remediation reads by itself."""

type Failed = Callable[[str], Awaitable[None]]
"""Keeps in the tenant's state why a look failed."""


async def visit_shard(shard: VisitShard, clients: Clients) -> Outcome:
    """Visit every tenant of *shard*; who was written by somebody else meanwhile is looked at once more.

    Again, where its time was over before all were visited: those who were are not looked at again.
    """
    ends_at = asyncio.get_running_loop().time() + LONGEST_SHARD_S
    async with clients.storage.rows.together(shard.tenants, deferring=True) as rows:
        visits = (_visit(tenant_id, shard, rows, clients) for tenant_id in shard.tenants)
        whole = await _in_time(asyncio.gather(*visits), ends_at)
    if whole and await _in_time(_once_more(rows.moved, shard, clients), ends_at):
        return Done()
    log.warning("shard_cut tenants=%d after_s=%d", len(shard.tenants), LONGEST_SHARD_S)
    return Again(shard.patience.first)


async def _in_time(work: Awaitable[object], ends_at: float) -> bool:
    """Whether *work* came to its end before *ends_at*, by the event loop's clock, at which it is cut."""
    try:
        async with asyncio.timeout_at(ends_at):
            await work
    except TimeoutError:
        return False
    return True


async def _once_more(tenants: Iterable[str], shard: VisitShard, clients: Clients) -> None:
    for tenant_id in tenants:
        with suppress(AzureError):  # the next tick that finds it due asks again
            async with clients.visits, alone(tenant_id, clients):
                await _all_looks(tenant_id, shard, clients)


async def _visit(tenant_id: str, shard: VisitShard, rows: Together, clients: Clients) -> None:
    async with clients.visits:
        with telemetry.visiting(tenant_id):
            await _isolated_visit(tenant_id, shard, rows, clients)


async def _isolated_visit(tenant_id: str, shard: VisitShard, rows: Together, clients: Clients) -> None:
    try:
        async with sparing(tenant_id, clients):
            await _all_looks(tenant_id, shard, clients)
        states = await clients.storage.states.recall(tenant_id)
        rests = {service: replace(rest, why="") for service, rest in clients.storage.rests.of(tenant_id).items()}
        rows.done(tenant_id, replace(states.summarised(), looked=states.looked, rests=rests))
    except NewerRow as newer:
        telemetry.visit_failed()
        log.warning("newer_row tenant=%s %s", tenant_id, newer)
    except Exception:
        telemetry.visit_failed()
        log.exception("visit_failed tenant=%s", tenant_id)


async def _all_looks(tenant_id: str, shard: VisitShard, clients: Clients) -> None:
    for name, look, failed in _looks(tenant_id, shard, clients):
        await _isolated(f"tenant={tenant_id} look={name}", look, failed)


def _looks(
    tenant_id: str, shard: VisitShard, clients: Clients
) -> Iterator[tuple[str, Callable[[], Awaitable[object]], Failed]]:
    """What is to be done there, each with what keeps its failure. The states' writers come one after the other."""
    lanes = tuple(lane for lane in LANES if lane in shard.looks)
    if lanes:
        job = CheckTenant(tenant_id=tenant_id, lane=lanes[0] if len(lanes) == 1 else None)
        yield (
            " ".join(lanes),
            lambda: _look(job, shard, clients),
            lambda why: check.note_failed_check(job, why, clients),
        )
    if "alerts" in shard.looks:
        triage = TriageAlerts(tenant_id=tenant_id)
        yield (
            "alerts",
            lambda: _unless_read(FALSE_ALERTS, alerts.triage_alerts, triage, shard, clients),
            lambda why: alerts.note_failed_triage(triage, why, clients),
        )
    if "audit" in shard.looks:
        read = ReadAudit(tenant_id=tenant_id)
        yield (
            "audit",
            lambda: _unless_read(AUDIT_FEED, audit.read_audit, read, shard, clients),
            lambda why: audit.note_failed_reading(read, why, clients),
        )


async def _look(job: CheckTenant, shard: VisitShard, clients: Clients) -> None:
    for _ in range(MOST_LOOKS):
        if not isinstance(await check.check_tenant(job, clients, due_by=shard.due_by), Again):
            return


async def _unless_read[J: (TriageAlerts, ReadAudit)](
    control: str, look: Callable[[J, Clients], Awaitable[object]], job: J, shard: VisitShard, clients: Clients
) -> None:
    """Take a *look*, unless what it tells of *control* was read since the shard was made."""
    states = await clients.storage.states.recall(job.tenant_id)
    read_at = states.of(control).read_at
    if read_at is None or read_at < shard.due_by:
        await look(job, clients)
    else:
        telemetry.looked(job, "skipped")


async def _isolated(what: str, look: Callable[[], Awaitable[object]], failed: Failed) -> None:
    """Do *look*; whatever goes wrong is logged and kept in the tenant's state, and nobody else's trouble."""
    try:
        async with asyncio.timeout(LONGEST_LOOK_S):
            await look()
    except NewerRow as newer:
        log.warning("newer_row %s %s", what, newer)
        why = "newer version"
    except UnreadableConfig as odd:
        log.error("config_unreadable %s", what)  # noqa: TRY400 - where it was raised tells nothing
        why = str(odd)
    except Exception as error:
        log.exception("visit_failed %s", what)
        why = f"the look failed: {type(error).__name__}"
    else:
        return
    with suppress(Exception):  # the storage account itself may be what failed
        await failed(why)
