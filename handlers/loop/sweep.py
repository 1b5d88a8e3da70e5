"""Ask for a look at every tenant. The sweep is the truth; everything else only makes it faster."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from itertools import batched
from typing import Any

from clients import telemetry
from clients.connect import Clients
from domain.facts import Lane
from domain.jobs import CheckTenant, ReadAudit, TriageAlerts
from handlers.loop import gauges

log = logging.getLogger("holdfast.sweep")

SPREAD = 0.8
"""Share of the interval over which a sweep's checks are spread, so that the last ones end before the next begins."""

_AT_ONCE = 32
"""Messages sent at the same time: ten thousand one after the other would take longer than the first ones wait."""

SHORTEST_LIFE_S = 60
"""Shortest message lifetime. A check expires after two intervals, as the next sweep sends a new one."""


async def sweep(lane: Lane, interval_s: float, clients: Clients) -> None:
    """Put one check per enabled tenant on the queue, spread over the *interval_s* seconds until the next sweep.

    An interval of 0 is one that is not known: nothing is spread.
    """
    tenants = await clients.storage.tenants.enabled_ids()
    await clients.storage.switches.set_fleet(len(tenants))

    async def ask(tenant_id: str, delay_s: int, keep_s: int) -> None:
        job = CheckTenant(tenant_id=tenant_id, lane=lane)
        await clients.storage.queues.send(job, delay_s=delay_s, keep_s=keep_s)

    await spread(tenants, interval_s, ask)
    await _enqueue_due(clients)
    await gauges.measure(lane, clients)
    log.info("sweep lane=%s tenants=%d interval_s=%.0f", lane, len(tenants), interval_s)


async def sweep_security(job: type[TriageAlerts | ReadAudit], interval_s: float, clients: Clients) -> None:
    """Put one *job* per enabled tenant on the queue `alerts`, spread in the same way."""
    tenants = await clients.storage.tenants.enabled_ids()

    async def ask(tenant_id: str, delay_s: int, keep_s: int) -> None:
        await clients.storage.queues.send(job(tenant_id=tenant_id), delay_s=delay_s, keep_s=keep_s)

    await spread(tenants, interval_s, ask)
    log.info("sweep job=%s tenants=%d interval_s=%.0f", job.__name__, len(tenants), interval_s)


async def _enqueue_due(clients: Clients) -> None:
    """Put what waited for longer than a message should be hidden on its queue; a crash in between only doubles it."""
    async for job in clients.storage.due.due(clients.now()):
        await clients.storage.queues.put(job.queue, job.body)
        await clients.storage.due.remove(job)


async def spread(
    tenants: list[str], interval_s: float, ask: Callable[[str, int, int], Coroutine[Any, Any, None]]
) -> None:
    """*ask* for each tenant, with the seconds after which its message shows and after which it expires."""
    gap_s = SPREAD * interval_s / max(1, len(tenants))
    life_s = max(SHORTEST_LIFE_S, int(2 * interval_s))

    async def begin(number: int, tenant_id: str) -> None:
        delay_s = int(number * gap_s)
        with telemetry.asking(tenant_id):
            await ask(tenant_id, delay_s, delay_s + life_s)

    for some in batched(enumerate(tenants), _AT_ONCE, strict=False):
        await asyncio.gather(*(begin(number, tenant_id) for number, tenant_id in some))
