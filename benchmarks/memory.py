"""Resident memory of one worker that comes to know ten thousand tenants."""

import time

from benchmarks.bench import Bench
from benchmarks.rows import Row, counted
from benchmarks.worker import worker

TENANTS = 10_000
TENANTS_QUICK = 1_000

MOST_MB = 200
MOST_GROWTH_MB = 10
"""Over the last 5,000 tenants: 2 kB for each, room for its token in a cache of bounded size. More is a leak."""

MOST_S = 210.0
"""On a machine that is busy with other things, fewer tenants are checked, and the note says so."""

_ROUND = 250


async def measure(bench: Bench) -> list[Row]:
    """The resident set at the end, and how much of it came with the last half of the tenants."""
    sizes = await _sizes(bench, TENANTS_QUICK if bench.quick else TENANTS)
    done, half = (len(sizes) - 1) * _ROUND, len(sizes) // 2
    growth, halved, whole = sizes[-1] - sizes[half], done - half * _ROUND, done == TENANTS
    before = f"{sizes[0]:.0f} MB before the first" + ("" if whole else f"; the budget is for {TENANTS:,}")
    each = f"{growth * 1000 / halved:.1f} kB a tenant: its token, in a cache of bounded size"
    return [
        counted(f"memory after {done:,} tenants", sizes[-1], "MB", MOST_MB, before, whole=whole),
        counted(f"memory grown over the last {halved:,}", growth, "MB", MOST_GROWTH_MB, each, whole=whole),
    ]


async def _sizes(bench: Bench, most_tenants: int) -> list[float]:
    """Resident MB of the worker: before the first check, and after each round of new tenants."""
    deadline = time.monotonic() + MOST_S
    async with worker(bench) as running:
        sizes = [(await running.check([])).resident_mb]
        while (done := (len(sizes) - 1) * _ROUND) < most_tenants and time.monotonic() < deadline:
            tenants = await bench.tenants(_ROUND)
            sizes.append((await running.check(tenants)).resident_mb)
            await bench.assure_checked(tenants[-1:])
            print(f"  {done + _ROUND:,} of {most_tenants:,} tenants, {sizes[-1]:.0f} MB", flush=True)
    return sizes
