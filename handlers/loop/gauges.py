"""What is true of the whole service at a moment, measured by a tick."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta

from clients import telemetry
from clients.connect import Clients
from domain.reading import LANES


async def measure(tenants: Mapping[str, datetime], clients: Clients) -> None:
    """Measure the age of the oldest look in each lane, the fleet, the queues and the brake.

    A tenant that no look has reached counts from the time its config is as it is: *tenants* has it.
    """
    storage, now = clients.storage, clients.now()
    depths, brake, looked = await asyncio.gather(
        storage.queues.depths(), storage.switches.brake(), asyncio.gather(*map(storage.states.looked, LANES))
    )
    for lane, looks in zip(LANES, looked, strict=True):
        ages = [(now - max(at, looks.get(tenant_id, at))).total_seconds() for tenant_id, at in tenants.items()]
        telemetry.OLDEST_CHECK.set(max(0.0, *ages, 0.0), {"lane": lane})
    telemetry.TENANTS.set(len(tenants))
    for queue, depth in depths.items():
        telemetry.QUEUE_DEPTH.set(depth, {"queue": queue})
    since = brake.changed_at or now - timedelta(seconds=1)  # one that nobody set is engaged, too, where its row is lost
    telemetry.BRAKE.set((now - since).total_seconds() if brake.engaged else 0.0)
