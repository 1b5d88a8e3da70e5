"""What is true of the whole service at a moment, measured at each sweep."""

import asyncio

from clients import telemetry
from clients.connect import Clients
from domain.facts import Lane


async def measure(lane: Lane, clients: Clients) -> None:
    """Measure the age of the oldest look, the fleet, the queues and the brake.

    A tenant that no look has reached counts from the time its config is as it is.
    """
    storage, now = clients.storage, clients.now()
    since, looked, depths, brake = await asyncio.gather(
        storage.tenants.enabled_since(), storage.states.looked(lane), storage.queues.depths(), storage.switches.brake()
    )
    ages = [(now - max(at, looked.get(tenant_id, at))).total_seconds() for tenant_id, at in since.items()]
    telemetry.OLDEST_CHECK.set(max(0.0, *ages, 0.0), {"lane": lane})
    telemetry.TENANTS.set(len(since))
    for queue, depth in depths.items():
        telemetry.QUEUE_DEPTH.set(depth, {"queue": queue})
    engaged = brake.engaged and brake.changed_at
    telemetry.BRAKE.set((now - engaged).total_seconds() if engaged else 0.0)
