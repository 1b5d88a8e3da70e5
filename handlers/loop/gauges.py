"""What is true of the whole service at a moment, measured by a tick."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta

from clients import telemetry
from clients.connect import Clients
from domain.fleet_index import TenantInFleet
from domain.reading import LANES


async def measure(tenants: Mapping[str, TenantInFleet], clients: Clients) -> None:
    """Measure the age of the oldest look in each lane, the fleet, the queues and the brake.

    A tenant that no look has reached counts from the time its config is as it is.
    """
    storage, now = clients.storage, clients.now()
    depths, brake = await asyncio.gather(storage.queues.depths(), storage.switches.brake())
    for lane in LANES:
        looked = [max(each.since, each.looked_at(lane) or each.since) for each in tenants.values()]
        ages = [(now - at).total_seconds() for at in looked]
        telemetry.OLDEST_CHECK.set(max(0.0, *ages, 0.0), {"lane": lane})
    telemetry.TENANTS.set(len(tenants))
    for queue, depth in depths.items():
        telemetry.QUEUE_DEPTH.set(depth, {"queue": queue})
    since = brake.changed_at or now - timedelta(seconds=1)  # one that nobody set is engaged, too, where its row is lost
    telemetry.BRAKE.set((now - since).total_seconds() if brake.engaged else 0.0)
