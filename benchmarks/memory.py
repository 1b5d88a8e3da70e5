"""Resident memory of one worker that comes to know ten thousand tenants, and then looks at them again."""

import time
from itertools import batched

from benchmarks.bench import Bench
from benchmarks.rows import Row, counted
from benchmarks.worker import Worker, worker
from domain.tenant import TenantConfig

TENANTS = 10_000
TENANTS_QUICK = 1_000

MOST_MB = 200
MOST_GROWTH_MB = 5
"""What is kept of a tenant, its tokens and its config, is kept since the first look. More is a leak."""

MOST_S = 480.0
"""On a machine that is busy with other things, fewer tenants come to be known, and the note says so."""

_ROUND = 250


async def measure(bench: Bench) -> list[Row]:
    """The resident set once all are known, and what the second look at each adds to it."""
    most_tenants = TENANTS_QUICK if bench.quick else TENANTS
    async with worker(bench) as running:
        empty = (await running.check([])).resident_mb
        tenants, known = await _met(running, bench, most_tenants)
        again = known
        for some in batched(tenants, _ROUND, strict=False):
            again = (await running.check(some)).resident_mb
    count, whole = len(tenants), len(tenants) == TENANTS
    notes = [f"{empty:.0f} MB before the first", f"{(known - empty) * 1000 / count:.1f} kB for each"]
    notes += [] if whole else [f"the budget is for {TENANTS:,}"]
    return [
        counted(f"memory after {count:,} tenants", known, "MB", MOST_MB, "; ".join(notes), whole=whole),
        counted("memory grown by a second look at each", again - known, "MB", MOST_GROWTH_MB, whole=whole),
    ]


async def _met(running: Worker, bench: Bench, most_tenants: int) -> tuple[list[TenantConfig], float]:
    """The tenants that the worker came to know, and its resident MB then."""
    deadline = time.monotonic() + MOST_S
    tenants, size = list[TenantConfig](), 0.0
    while len(tenants) < most_tenants and time.monotonic() < deadline:
        new = await bench.tenants(_ROUND)
        size = (await running.check(new)).resident_mb
        await bench.assure_checked(new[-1:])
        tenants += new
        print(f"  {len(tenants):,} of {most_tenants:,} tenants, {size:.0f} MB", flush=True)
    return tenants, size
