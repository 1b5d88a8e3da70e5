"""How the service itself stands, for people: the tick, the queues, the brake, who rests, and what the radius holds."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta

from pydantic import AwareDatetime, BaseModel, ConfigDict

from clients.connect import Clients
from clients.storage.switches import Radius
from domain.gate import Brake
from domain.jobs import QUEUES
from domain.rests import Rest
from handlers.loop.tick import overdue, ticks

LATE_INTERVALS = 3
"""A tick that is late by more than so many of its intervals does not run."""


class ServiceHealth(BaseModel):
    """*late_s*: seconds by which the tick is late, None before the first. *enqueued_until*: how far its cursor is.

    *queues*: messages that wait, by queue.

    *resting*: by tenant and service. *radius*: by signature, those that are held. *written*: by signature, how many
    tenants got it within the hour; *radius_limit*: how many may, None until the fleet is counted.
    """

    model_config = ConfigDict(frozen=True)

    tenants: int | None
    enqueued_until: AwareDatetime | None
    late_s: float | None
    is_late: bool
    brake: Brake
    queues: Mapping[str, int]
    resting: Mapping[str, Mapping[str, Rest]]
    radius: Mapping[str, Radius]
    written: Mapping[str, int]
    radius_limit: int | None


async def service_health(clients: Clients) -> ServiceHealth:
    """Everything at once."""
    storage, now = clients.storage, clients.now()
    late, brake, found = await asyncio.gather(overdue(clients), storage.switches.brake(), storage.fleet.cursor())
    cursor = found[0] if found else None
    rows, radius, written, depths = await asyncio.gather(
        storage.index.rows(),
        storage.switches.radii(),
        storage.written.counts(now - timedelta(hours=1)),
        storage.queues.depths(),
    )
    settings, tenants = clients.settings, cursor.tenants if cursor and cursor.counted else None
    interval = ticks(settings, now).interval or timedelta(minutes=1)
    return ServiceHealth(
        tenants=tenants,
        enqueued_until=cursor.done if cursor else None,
        late_s=late.total_seconds() if late is not None else None,
        is_late=late is not None and late > LATE_INTERVALS * interval,
        brake=brake,
        queues={queue: depths.get(queue, 0) for queue in QUEUES},
        resting={row.tenant_id: held for row in rows if (held := _held(row.summary.rests or {}, now))},
        radius={signature: each for signature, each in radius.items() if each.held_since},
        written=written,
        radius_limit=None if tenants is None else settings.radius_limit(tenants),
    )


def _held(rests: Mapping[str, Rest], now: datetime) -> dict[str, Rest]:
    return {service: rest for service, rest in rests.items() if rest.holds_at(now)}
