"""Ask for a look at every tenant. The sweep is the truth; everything else only makes it faster."""

import asyncio
import logging
from itertools import batched

from clients.connect import Clients
from domain.control import Lane
from domain.jobs import CheckTenant

log = logging.getLogger("holdfast.sweep")

SPREAD = 0.8
"""Share of the interval over which a sweep's checks are spread, so that the last ones end before the next begins."""

AT_ONCE = 32
"""Messages sent at the same time: ten thousand one after the other would take longer than the first ones wait."""

SHORTEST_LIFE_S = 60
"""A check that nobody came to within twice the interval is asked for again by then; this is the least it lives."""


async def run(lane: Lane, interval_s: float, clients: Clients) -> None:
    """Put one check per enabled tenant on the queue, spread over the *interval_s* seconds until the next sweep.

    An interval of 0 is one that is not known: nothing is spread.
    """
    tenants = await clients.storage.tenants.enabled_ids()
    await clients.storage.switches.set_fleet(len(tenants))
    gap_s = SPREAD * interval_s / max(1, len(tenants))
    life_s = max(SHORTEST_LIFE_S, int(2 * interval_s))

    async def ask(number: int, tenant_id: str) -> None:
        delay_s = int(number * gap_s)
        job = CheckTenant(tenant_id=tenant_id, lane=lane)
        await clients.storage.queues.check(job, delay_s=delay_s, keep_s=delay_s + life_s)

    for some in batched(enumerate(tenants), AT_ONCE, strict=False):
        await asyncio.gather(*(ask(number, tenant_id) for number, tenant_id in some))
    log.info("sweep lane=%s tenants=%d interval_s=%.0f", lane, len(tenants), interval_s)
