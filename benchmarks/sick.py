"""What sick tenants cost the others: how long their looks take, side by side, with them and without them.

One is throttled at Exchange; some get no answer there, which holds a worker's place for as long as a read waits.
"""

import asyncio
import time
from collections.abc import Sequence
from datetime import timedelta
from statistics import median, quantiles

from benchmarks.bench import Bench
from benchmarks.rows import Row, counted, shown, timed
from clients.connect import VISITS_AT_ONCE, Clients
from domain.jobs import VisitShard
from domain.tenant import TenantConfig
from handlers.delivery import deliver

TENANTS = 80
"""More than one worker visits at the same time: who holds a place for longer is felt by those who wait for one."""
SILENT = 8
ROUNDS = 24
"""Two hours of fast looks."""
SLOWER_AT_MOST = 1.25
"""The 95th percentile of the others beside sick tenants, as a share of that among tenants that are all well."""
MOST_VISITS_ASKED = 12
"""Of ROUNDS, those that ask a tenant that gives no answer: two, then rests of 1, 2, 4, 8, 10, 10 minutes."""
_EVERY = timedelta(minutes=5)


async def measure(bench: Bench) -> list[Row]:
    """Looks of the others beside one throttled tenant, and beside some that get no answer, against looks of the well.

    The groups take turns, so that whatever else comes round (a token's renewal, the machine) falls on all alike.
    """
    well, throttled, silent = [await bench.tenants(TENANTS) for _ in range(3)]
    groups = {
        "all well": (well, 0),
        "beside a throttled tenant": (throttled, 1),
        "beside silent ones": (silent, SILENT),
    }
    for group, _ in groups.values():
        await _round(bench, group)  # tokens, connections and first sight are nobody's look
    took: dict[str, list[float]] = {where: [] for where in groups}
    asked, before = 0, await _asked(bench, silent[:SILENT])
    async with bench.slowed():
        await _fail(bench, throttled[:1], "throttled")
        await _fail(bench, silent[:SILENT], "gateway_timeout")
        for round_ in range(ROUNDS):
            bench.clock.ahead += _EVERY
            turns = list(groups.items())
            for where, (group, sick) in turns if round_ % 2 else reversed(turns):
                seconds = await _round(bench, group)
                took[where].extend(seconds[sick:])
            now = await _asked(bench, silent[:SILENT])
            asked, before = asked + sum(a > b for a, b in zip(now, before, strict=True)), now
    await bench.assure_checked([*well, *throttled[1:], *silent[SILENT:]])
    return _rows(took, asked / SILENT, quiet=bench.quiet)


def _rows(took: dict[str, list[float]], asked: float, *, quiet: bool) -> list[Row]:
    note = f"{TENANTS} tenants, {VISITS_AT_ONCE} at once, {ROUNDS} rounds"
    rows = [
        shown(f"{figure} of looks, {where}", of(seconds) * 1000, "ms", note)
        for figure, of in (("median", median), ("p95", _p95))
        for where, seconds in took.items()
    ]
    alone, *beside = took.items()
    rows += [
        timed(f"p95 {where}, by all well", [_p95(seconds) / _p95(alone[1])], "", "at most", SLOWER_AT_MOST, quiet=quiet)
        for where, seconds in beside
    ]
    name = f"visits of {ROUNDS} that ask a silent tenant"
    return [*rows, counted(name, asked, "", MOST_VISITS_ASKED, f"{SILENT} of {TENANTS} tenants")]


async def _fail(bench: Bench, tenants: Sequence[TenantConfig], kind: str) -> None:
    fault = {"kind": kind, "service": "exchange", "times": 10**9}
    for tenant in tenants:
        await bench.control("POST", f"/tenants/{tenant.tenant_id}/faults", [fault])


async def _asked(bench: Bench, tenants: Sequence[TenantConfig]) -> list[int]:
    """How many requests to Exchange each of *tenants* has cost."""
    logs = [await bench.control("GET", f"/tenants/{tenant.tenant_id}/log") for tenant in tenants]
    return [log.json()["http_requests"].get("exchange", 0) for log in logs]


def _p95(seconds: Sequence[float]) -> float:
    return quantiles(seconds, n=20)[-1]


async def _round(bench: Bench, tenants: list[TenantConfig]) -> list[float]:
    return await asyncio.gather(*(_look(tenant, bench.clients) for tenant in tenants))


async def _look(tenant: TenantConfig, clients: Clients) -> float:
    shard = VisitShard(tenants=(tenant.tenant_id,), looks=("fast",), due_by=clients.now())
    start = time.perf_counter()
    await deliver("checks", shard.body.encode(), clients)
    return time.perf_counter() - start
