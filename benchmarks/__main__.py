"""`python -m benchmarks`: measure the budgets, as a table and as build/bench.json.

Exit code 1 when a budget is missed that no noise can excuse: requests, round trips, memory.
"""

import argparse
import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable

from benchmarks import console, imports, latency, memory, names, package, refusals, round_trips, sick, throughput
from benchmarks.bench import Bench, bench
from benchmarks.bill import measure as bill
from benchmarks.children import ROOT
from benchmarks.machine import this_machine
from benchmarks.rows import Row
from benchmarks.table import show, write

LONGEST_S = 1500
"""A run that takes longer hangs."""

MEASUREMENTS: dict[str, Callable[[Bench], Awaitable[list[Row]]]] = {
    "imports": imports.measure,
    "package": package.measure,
    "refusals": refusals.measure,
    "round-trips": round_trips.measure,
    "names": names.measure,
    "latency": latency.measure,
    "throughput": throughput.measure,
    "sick": sick.measure,
    "memory": memory.measure,
    "console": console.measure,
    "bill": bill.measure,
}


def main() -> int:
    """Measure what was asked for.

    Returns:
        The exit code.
    """
    arguments = _arguments()
    machine = this_machine()
    try:
        rows = asyncio.run(_run(arguments.only or list(MEASUREMENTS), quick=arguments.quick, quiet=machine.quiet))
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("stopped: nothing is written", file=sys.stderr)
        return 1
    show(rows, machine, f"Budgets at {machine.commit}")
    write(rows, machine, ROOT / "build" / "bench.json", "benchmarks")
    return int(any(row.hard and row.met is False for row in rows))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure the budgets.")
    parser.add_argument("--only", action="append", choices=list(MEASUREMENTS), help="this one; may be repeated")
    parser.add_argument("--quick", action="store_true", help=f"memory over {memory.TENANTS_QUICK:,} tenants only")
    return parser.parse_args()


async def _run(names: list[str], *, quick: bool, quiet: bool) -> list[Row]:
    task = asyncio.current_task()
    if task is None:
        raise AssertionError("inside asyncio.run")
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)  # so that no child outlives us
    rows: list[Row] = []
    async with asyncio.timeout(LONGEST_S), bench(quick=quick, quiet=quiet) as stage:
        for name in names:
            print(f"{name} ...", flush=True)
            rows += await MEASUREMENTS[name](stage)
    return rows


if __name__ == "__main__":
    sys.exit(main())
