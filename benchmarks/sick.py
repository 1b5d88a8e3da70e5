"""What one throttled tenant costs the others: how long their looks take, side by side, with it and without it."""

import asyncio
import time
from collections.abc import Sequence
from datetime import timedelta
from statistics import median, quantiles

from benchmarks.bench import Bench
from benchmarks.rows import Row, shown
from clients.connect import Clients
from domain.jobs import VisitShard
from domain.tenant import TenantConfig
from handlers.delivery import deliver

TENANTS = 24
"""As many as one worker visits at the same time: one that holds a place for longer is felt by the rest."""
ROUNDS = 32
_EVERY = timedelta(minutes=5)


async def measure(bench: Bench) -> list[Row]:
    """The 95th percentile of looks among tenants that are all well, and of the others beside one that is turned away.

    The two groups take turns, so that whatever else comes round (a token's renewal, the machine) falls on both alike.
    """
    well = await bench.tenants(TENANTS)
    sick, *others = await bench.tenants(TENANTS)
    for group in (well, [sick, *others]):
        await _round(bench, group)  # tokens, connections and first sight are nobody's look
    alone, beside = list[float](), list[float]()
    async with bench.slowed():
        throttled = {"kind": "throttled", "service": "exchange", "times": 10**9}
        await bench.control("POST", f"/tenants/{sick.tenant_id}/faults", [throttled])
        for round_ in range(ROUNDS):
            bench.clock.ahead += _EVERY
            turns = [(well, alone), ([sick, *others], beside)]
            for group, took in turns if round_ % 2 else reversed(turns):
                took.extend((await _round(bench, group))[1:])
    await bench.assure_checked(well + others)
    note = f"{TENANTS} tenants side by side, {ROUNDS} rounds"
    return [
        shown(f"{figure} of looks, {where}", of(took) * 1000, "ms", note)
        for figure, of in (("median", median), ("p95", _p95))
        for where, took in (("all well", alone), ("the others beside a throttled tenant", beside))
    ]


def _p95(seconds: Sequence[float]) -> float:
    return quantiles(seconds, n=20)[-1]


async def _round(bench: Bench, tenants: list[TenantConfig]) -> list[float]:
    return await asyncio.gather(*(_look(tenant, bench.clients) for tenant in tenants))


async def _look(tenant: TenantConfig, clients: Clients) -> float:
    shard = VisitShard(tenants=(tenant.tenant_id,), looks=("fast",), due_by=clients.now())
    start = time.perf_counter()
    await deliver("checks", shard.body.encode(), clients)
    return time.perf_counter() - start
