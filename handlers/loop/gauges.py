"""What is true of the whole service at a moment, measured by a tick.

Metrics are lost where an instance goes before it has told them, so what alerts must not miss is in a log line as well.
"""

import asyncio
import logging
from collections.abc import Mapping
from datetime import datetime, timedelta

from clients import log_lines, telemetry
from clients.connect import Clients
from domain.fleet import Rhythm
from domain.fleet_index import TenantInFleet
from domain.reading import LANES, Lane

log = logging.getLogger("holdfast.gauges")


async def measure(tenants: Mapping[str, TenantInFleet], done: datetime, clients: Clients) -> None:
    """Measure the age of the oldest look in each lane, the fleet, the queues, the cursor, the brake and what waits.

    A tenant that no look has reached counts from the time its config is as it is. Time in which the lane's schedule
    asks for no look is no age. *done*: what the cursor said.
    """
    storage, now = clients.storage, clients.now()
    depths, brake, parked = await asyncio.gather(
        storage.queues.depths(), storage.switches.brake(), storage.parked.count()
    )
    oldest = {lane: _oldest(lane, tenants, now, clients) for lane in LANES}
    for lane, age_s in oldest.items():
        telemetry.OLDEST_CHECK.set(age_s, {"lane": lane})
    telemetry.TENANTS.set(len(tenants))
    for queue, depth in depths.items():
        telemetry.QUEUE_DEPTH.set(depth, {"queue": queue})
    since = brake.changed_at or now - timedelta(seconds=1)  # one that nobody set is engaged, too, where its row is lost
    braked_s = (now - since).total_seconds() if brake.engaged else 0.0
    telemetry.BRAKE.set(braked_s)
    persons = sum(each.state == "needs_person" for one in tenants.values() for each in one.summary.states.values())
    with log_lines.ids(
        cursor_s=f"{(now - done).total_seconds():.0f}",
        brake_s=f"{braked_s:.0f}",
        fast_s=f"{oldest['fast']:.0f}",
        slow_s=f"{oldest['slow']:.0f}",
        parked=f"{parked}",
        needs_person=f"{persons}",
    ):
        log.info("fleet_measured tenants=%d parked=%d needs_person=%d", len(tenants), parked, persons)


def _oldest(lane: Lane, tenants: Mapping[str, TenantInFleet], now: datetime, clients: Clients) -> float:
    """Seconds since the look that is longest ago, as far as the lane's schedule asked for others since."""
    looked = min((max(each.since, each.looked_at(lane) or each.since) for each in tenants.values()), default=now)
    rhythm = Rhythm.of(getattr(clients.settings, f"{lane}_schedule"), now)
    return rhythm.waited(looked, now).total_seconds()
