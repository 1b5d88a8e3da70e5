"""What one throttled tenant costs the others: how long their looks take, side by side, with it and without it."""

import asyncio
import time
from collections.abc import Sequence
from datetime import timedelta
from statistics import quantiles

from benchmarks.bench import Bench
from benchmarks.rows import Row, shown
from clients.connect import Clients
from domain.jobs import VisitShard
from domain.tenant import TenantConfig
from handlers.delivery import deliver

TENANTS = 24
"""As many as one worker visits at the same time: one that holds a place for longer is felt by the rest."""
ROUNDS = 8
_EVERY = timedelta(minutes=5)


async def measure(bench: Bench) -> list[Row]:
    """The 95th percentile of the others' looks, all well and beside a tenant that Exchange turns away."""
    sick, *others = await bench.tenants(TENANTS)
    await _round(bench, [sick, *others])  # tokens, connections and first sight are nobody's look
    async with bench.slowed():
        well = await _rounds(bench, sick, others)
        throttled = {"kind": "throttled", "service": "exchange", "times": 10**9}
        await bench.control("POST", f"/tenants/{sick.tenant_id}/faults", [throttled])
        beside = await _rounds(bench, sick, others)
    await bench.assure_checked(others)
    note = f"{TENANTS} tenants side by side, {ROUNDS} rounds"
    return [
        shown("p95 of the others' looks, all well", _p95_ms(well), "ms", note),
        shown("p95 of the others' looks beside a throttled tenant", _p95_ms(beside), "ms", note),
    ]


def _p95_ms(seconds: Sequence[float]) -> float:
    return quantiles(seconds, n=20)[-1] * 1000


async def _rounds(bench: Bench, sick: TenantConfig, others: list[TenantConfig]) -> list[float]:
    """How long each look at each of *others* took, in seconds."""
    took = list[float]()
    for _ in range(ROUNDS):
        bench.clock.ahead += _EVERY
        took += (await _round(bench, [sick, *others]))[1:]
    return took


async def _round(bench: Bench, tenants: list[TenantConfig]) -> list[float]:
    return await asyncio.gather(*(_look(tenant, bench.clients) for tenant in tenants))


async def _look(tenant: TenantConfig, clients: Clients) -> float:
    shard = VisitShard(tenants=(tenant.tenant_id,), looks=("fast",), due_by=clients.now())
    start = time.perf_counter()
    await deliver("checks", shard.body.encode(), clients)
    return time.perf_counter() - start
