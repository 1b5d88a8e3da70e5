"""`python -m benchmarks.soak` (`make soak`): a fleet under two hosts, one of them killed again and again.

Without --tenants (or SOAK_TENANTS) a short soak of a small fleet finds out which fleet, up to 10,000, this machine can
carry with simulator and Azurite beside. Exit code 1 where something was lost or written twice, or a budget is missed:
a time only where nothing else ran on the machine.
"""

import argparse
import asyncio
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

from benchmarks.children import ROOT
from benchmarks.machine import this_machine
from benchmarks.soak.plan import Plan
from benchmarks.soak.play import Result, soak
from benchmarks.soak.report import largest_fleet, rows
from benchmarks.table import show, write

_TRIAL_TENANTS = 200
_TRIAL_S = 330.0


def main() -> int:
    """Run it and show what it came to.

    Returns:
        The exit code.
    """
    arguments = _arguments()
    machine = this_machine()
    plan = Plan(
        tenants=arguments.tenants,
        break_s=60 * arguments.minutes,
        breaks_a_minute=arguments.breaks,
        kill_every_s=arguments.kill_every,
        down_s=arguments.down,
        patience_s=60 * arguments.patience,
        latency_s=arguments.latency,
        fast=arguments.fast,
        slow=arguments.slow,
    )
    try:
        result = asyncio.run(_run(plan))
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("stopped: nothing is written", file=sys.stderr)
        return 1
    found = rows(result, quiet=machine.quiet)
    show(found, machine, f"Soak of {result.plan.tenants:,} tenants at {machine.commit}")
    write(found, machine, arguments.file, "benchmarks.soak")
    return int(any(row.hard and row.met is False for row in found))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description="Soak a fleet.")
    own = int(os.environ.get("SOAK_TENANTS") or 0)
    parser.add_argument(
        "--tenants", type=int, default=own, help="of the fleet; 0: the largest that this machine carries"
    )
    parser.add_argument("--minutes", type=float, default=30, help="for which settings are broken")
    parser.add_argument("--breaks", type=float, default=20, help="settings broken a minute")
    parser.add_argument("--kill-every", type=float, default=180, help="seconds after which the second host is killed")
    parser.add_argument("--down", type=float, default=20, help="seconds until it is started again")
    parser.add_argument("--patience", type=float, default=32, help="minutes that the last may take to be proven")
    parser.add_argument("--latency", type=float, default=0.2, help="seconds that Exchange and compliance take")
    parser.add_argument("--fast", default="0 */5 * * * *", help="schedule of the fast lane")
    parser.add_argument("--slow", default="0 */15 * * * *", help="schedule of the slow lane")
    parser.add_argument("--file", type=Path, default=ROOT / "build" / "soak.json", help="where the figures go")
    return parser.parse_args()


async def _run(plan: Plan) -> Result:
    task = asyncio.current_task()
    if task is None:
        raise AssertionError("inside asyncio.run")
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)  # so that no child outlives us
    if not plan.tenants:
        print(f"{_TRIAL_TENANTS} tenants, to find out which fleet this machine can carry ...", flush=True)
        trial = await soak(replace(plan, tenants=_TRIAL_TENANTS, break_s=_TRIAL_S, patience_s=1))
        plan = replace(plan, tenants=largest_fleet(trial))
    print(f"{plan.tenants:,} tenants ...", flush=True)
    return await soak(plan)


if __name__ == "__main__":
    sys.exit(main())
