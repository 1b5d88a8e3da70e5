"""`python -m benchmarks.worker`: the product in a process of its own, so that its CPU and memory are its own.

Each line of standard input is JSON: ids of tenants, the lane to look at, and the seconds by which the time is set
forward before. The tenants are visited in shards, as the tick asks for them, on the event loop of the platform's own
worker (docs/platform.md). What that took is one line of JSON on standard output. It ends with its input.
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

import uvloop

from benchmarks.bench import Bench, Clock
from benchmarks.children import child, last_line
from benchmarks.machine import resident_mb
from clients.connect import Clients, connect
from clients.settings import load
from domain.fleet import shards
from domain.jobs import VisitShard
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
        ids = [tenant.tenant_id for tenant in tenants]
        self._process.stdin.write(json.dumps([ids, lane, later.total_seconds()]).encode() + b"\n")
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
    clock = Clock()
    async with aclosing(await connect(load(), now=clock)) as clients:
        while line := await asyncio.to_thread(sys.stdin.readline):
            ids, lane, later_s = json.loads(line)
            clock.ahead += timedelta(seconds=later_s)
            print(json.dumps(asdict(await _round(ids, lane, clients))), flush=True)


async def _round(ids: Sequence[str], lane: Lane, clients: Clients) -> Round:
    before = _cpu_s()
    for looks, tenants in shards(dict.fromkeys(ids, (lane,)), clients.settings.shard_size):
        shard = VisitShard(tenants=tuple(tenants), looks=looks, due_by=clients.now())
        await deliver("checks", shard.body.encode(), clients)
    return Round(len(ids), _cpu_s() - before, resident_mb(os.getpid()))


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    asyncio.run(_serve(), loop_factory=uvloop.new_event_loop)
