"""Posts the webhooks of the systems to where they are registered, as often as each vendor tries."""

import asyncio
import logging
from dataclasses import replace

import httpx

from simulator.psa.desk import Delivery, System
from simulator.world import World

log = logging.getLogger("simulator.psa")

LOOK_EVERY_S = 0.1


async def send(world: World) -> None:
    """Send for ever what happens in the systems that have a webhook registered."""
    async with httpx.AsyncClient() as web, asyncio.TaskGroup() as tasks:
        while True:
            for system in world.psa.by_name.values():
                while system.webhook_url and system.deliveries:
                    tasks.create_task(_deliver(system, system.deliveries.popleft(), web))
            await asyncio.sleep(LOOK_EVERY_S)


async def _deliver(system: System, delivery: Delivery, web: httpx.AsyncClient) -> None:
    while True:
        status = await _post(system, delivery, web)
        pause_s = system.retry_after_s(delivery, status)
        log.info("%s ticket %d attempt %d -> %s", system.name, delivery.ticket, delivery.attempt, status)
        if pause_s is None:
            return
        await asyncio.sleep(pause_s)
        delivery = replace(delivery, attempt=delivery.attempt + 1)


async def _post(system: System, delivery: Delivery, web: httpx.AsyncClient) -> int | None:
    """The status of the answer, None without one in time."""
    url = f"{system.webhook_url}?{delivery.query}" if delivery.query else system.webhook_url
    try:
        answer = await web.post(url, content=delivery.body, headers=delivery.headers, timeout=system.patience_s)
    except httpx.HTTPError:
        return None
    return answer.status_code
