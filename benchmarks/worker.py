"""`python -m benchmarks.worker`: the product in a process of its own, so that its CPU and memory are its own.

Each line of standard input is JSON: messages, and the seconds by which the time is set forward before they are checked,
as many at once as host.json allows. What that took is one line of JSON on standard output. It ends with its input.
"""

import asyncio
import json
import os
import resource
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta

from benchmarks.bench import Bench, Clock
from benchmarks.children import ROOT, child, last_line
from benchmarks.machine import resident_mb
from clients.connect import Clients, connect
from clients.settings import load
from devhost.settings import read_host_json
from domain.jobs import CheckTenant
from domain.reading import Lane
from domain.tenant import TenantConfig
from handlers.delivery import deliver

NOW = timedelta()


@dataclass(frozen=True, slots=True)
class Round:
    """What a list of messages took. *cpu_s*: user and system; *resident_mb*: at its end."""

    checks: int
    cpu_s: float
    resident_mb: float


class Worker:
    """The process, seen from outside."""

    def __init__(self, process: Process, bench: Bench) -> None:
        self._process = process
        self._log = bench.folder / "worker.log"

    async def check(self, tenants: Iterable[TenantConfig], lane: Lane = "fast", *, later: timedelta = NOW) -> Round:
        """Check *tenants*, with the time set forward by *later*.

        Raises:
            RuntimeError: The worker ended, with its last line.
        """
        if self._process.stdin is None or self._process.stdout is None:
            raise AssertionError("started with pipes")
        messages = [CheckTenant(tenant_id=tenant.tenant_id, lane=lane).body for tenant in tenants]
        self._process.stdin.write(json.dumps([messages, later.total_seconds()]).encode() + b"\n")
        line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the worker ended: {last_line(self._log)}")
        return Round(**json.loads(line))


@asynccontextmanager
async def worker(bench: Bench) -> AsyncIterator[Worker]:
    """Run a worker while the block runs."""
    async with child("benchmarks.worker", log=bench.folder / "worker.log") as process:
        yield Worker(process, bench)


async def _serve() -> None:
    queues, clock = read_host_json(ROOT).extensions.queues, Clock()
    async with aclosing(await connect(load(), now=clock)) as clients:
        while line := await asyncio.to_thread(sys.stdin.readline):
            messages, later_s = json.loads(line)
            clock.ahead += timedelta(seconds=later_s)
            done = await _round(messages, queues.batch_size + queues.threshold, clients)
            print(json.dumps(asdict(done)), flush=True)


async def _round(messages: Sequence[str], at_once: int, clients: Clients) -> Round:
    waiting, before = iter(messages), _cpu_s()

    async def one_place() -> None:
        for message in waiting:
            await deliver("checks", message.encode(), clients)

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(one_place())
    return Round(len(messages), _cpu_s() - before, resident_mb(os.getpid()))


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    asyncio.run(_serve())
