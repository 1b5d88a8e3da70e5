"""Tenant checks per second of CPU of the process that runs the product; its neighbours are other processes."""

import asyncio
from statistics import median

from azure.storage.queue.aio import QueueClient

from benchmarks.bench import SLOW_LANE_EVERY, Bench
from benchmarks.children import child, ready
from benchmarks.machine import cpu_s
from benchmarks.rows import Row, shown, timed
from benchmarks.worker import worker
from clients.connect import Clients
from domain.jobs import CheckTenant
from domain.tenant import TenantConfig

TENANTS = 100
ROUNDS = 10
ROUNDS_COMPARED = 3

_LOOK_S = 0.1
_PATIENCE_S = 60.0


async def measure(bench: Bench) -> list[Row]:
    """The worker's own work, which is what the budget means; for comparison the slow lane, cold, and with the host."""
    tenants = await bench.tenants(TENANTS)
    async with worker(bench) as running:
        cold = await running.check(tenants)
        fast = [await running.check(tenants) for _ in range(ROUNDS)]
        await running.check(tenants, "slow")
        slow = [await running.check(tenants, "slow", later=SLOW_LANE_EVERY) for _ in range(ROUNDS_COMPARED)]
    hosted = await _through_the_host(bench, tenants)
    await bench.assure_checked(tenants)
    rates = [each.checks / each.cpu_s for each in fast]
    unit = "per CPU s"
    note = f"{1000 / median(rates):.1f} ms each"
    return [
        timed("tenant checks", rates, unit, "at least", 140, quiet=bench.quiet, note=note),
        shown("tenant checks, slow lane", median(each.checks / each.cpu_s for each in slow), unit, "with DNS"),
        shown("tenant checks, cold", cold.checks / cold.cpu_s, unit, "with the sign-in to each tenant"),
        shown("tenant checks, through the dev host", median(hosted), unit, "with its queues and Microsoft's runtime"),
    ]


async def _through_the_host(bench: Bench, tenants: list[TenantConfig]) -> list[float]:
    """Checks per CPU second of `python -m devhost`, from the queue as in production; the first round warms it."""
    file, log = bench.folder / "host.json", bench.folder / "host.log"
    async with child("devhost", "--ready-file", str(file), log=log) as host:
        await ready(host, file, log)
        rates = []
        for _ in range(1 + ROUNDS_COMPARED):
            before = cpu_s(host.pid)
            await _check_all(tenants, bench.clients)
            rates.append(len(tenants) / (cpu_s(host.pid) - before))
    return rates[1:]


async def _check_all(tenants: list[TenantConfig], clients: Clients) -> None:
    for tenant in tenants:
        await clients.storage.queues.send(CheckTenant(tenant_id=tenant.tenant_id, lane="fast"))
    async with (
        asyncio.timeout(_PATIENCE_S),
        QueueClient.from_connection_string(clients.settings.storage, "checks") as queue,
    ):
        # Azurite counts exactly, running messages too.
        while (await queue.get_queue_properties()).approximate_message_count:  # noqa: ASYNC110 - a queue sends no event
            await asyncio.sleep(_LOOK_S)
