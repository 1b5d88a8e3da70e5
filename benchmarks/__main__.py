"""`python -m benchmarks`: measure the budgets, as a table and as build/bench.json.

Exit code 1 when a budget is missed that no noise can excuse: requests, round trips, memory.
"""

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import console, imports, latency, memory, names, package, refusals, round_trips, sick, throughput
from benchmarks.bench import Bench, bench
from benchmarks.bill import measure as bill
from benchmarks.children import ROOT
from benchmarks.machine import Machine, this_machine
from benchmarks.rows import Row

LONGEST_S = 900
"""A run that takes longer hangs."""

_WIDTH = 132
"""Columns of the table where no terminal says."""

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
    _print(rows, machine)
    _write(ROOT / "build" / "bench.json", rows, machine)
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


def _print(rows: list[Row], machine: Machine) -> None:
    table = Table("measured", "value", "budget", "met", "note", title=f"Budgets at {machine.commit}")
    for column in (1, 2):
        table.columns[column].justify = "right"
    for row in rows:
        budget = f"{row.bound} {row.budget:g}" if row.bound else ""
        met = {True: "[green]yes[/]", False: "[red]no[/]", None: "[yellow]open[/]" if row.bound else ""}[row.met]
        table.add_row(row.name, f"{_figure(row.value)} {row.unit}", budget, met, row.note)
    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    console.print(table)
    noise = "quiet" if machine.quiet else "busy with other programs, so a missed time is open"
    console.print(
        f"{machine.cpu}, {machine.cores} cores, {machine.memory_gib:g} GiB, Linux {machine.kernel}, "
        f"Python {machine.python}; load {machine.load:g} per core: {noise}"
    )


def _figure(value: float) -> str:
    return f"{value:.0f}" if value == int(value) or value >= 100 else f"{value:.3g}"  # noqa: PLR2004 - three digits


def _write(file: Path, rows: list[Row], machine: Machine) -> None:
    result = {
        "command": " ".join(["python -m benchmarks", *sys.argv[1:]]),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": asdict(machine),
        "rows": [asdict(row) for row in rows],
    }
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(result, indent=2) + "\n")
    print(f"written to {file.relative_to(ROOT)}")


if __name__ == "__main__":
    sys.exit(main())
