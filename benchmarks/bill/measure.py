"""The simulated bill among the budgets: both engines at each size of fleet, from one run of the model."""

import asyncio

from benchmarks.bench import Bench
from benchmarks.bill import report
from benchmarks.rows import Row, counted, shown


async def measure(_: Bench) -> list[Row]:
    """Dollars a month with all columns in the note, looks that waited for a token, and p95 until drift is seen."""
    sizes = [await asyncio.to_thread(_size, tenants) for tenants in report.SIZES]
    return [row for rows in sizes for row in rows]


def _size(tenants: int) -> list[Row]:
    before, now = report.before(tenants), report.now(tenants)
    columns = ", ".join(f"{name} {dollars:.2f}" for name, dollars in now.columns.items())
    name, note = f"bill, {tenants:,} tenants", f"sweep: {before.total:.2f}; {columns}"
    goal = report.GOALS.get(tenants)
    return [
        counted(name, now.total, "$ a month", goal, note) if goal else shown(name, now.total, "$ a month", note),
        counted(f"{name}: looks without token", 100 * now.waited, "%", 100 * report.MOST_WAITING, "none was kept"),
        shown(f"{name}: instances", now.instances, "at most", f"sweep: {before.instances}"),
        shown(f"{name}: drift seen, p95", now.seen_p95_s, "s", f"sweep: {before.seen_p95_s:.0f}"),
    ]
