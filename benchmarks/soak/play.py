"""Break settings at random for a while, and listen in the ledger to what becomes of each."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import batched

from benchmarks.soak.breaks import Break, Breakable, at_random
from benchmarks.soak.plan import Plan
from benchmarks.soak.stage import IDLE, Host, Stage, stage
from domain.ledger import LedgerLine, row_key
from domain.tenant import TenantConfig

_LOOK_S = 1.0
_MEMORY_EVERY_S = 10.0
_TELL_EVERY_S = 60.0
_OVERLAP = timedelta(minutes=2)
"""An entry is in the list a little later than its time says, more so on a busy machine."""
_FIRST_OVERLAP = timedelta(minutes=15)
"""So much later while the whole fleet is looked at for the first time, and a look waits for its turn."""
_PAGE = 1000
_LOGS_AT_ONCE = 50
_FIRST_LOOKS_S = 2700.0
"""Ten thousand took 17 minutes on two cores."""
_FIRST_LOOK_EVERY_S = 10.0


@dataclass(frozen=True, slots=True)
class Result:
    """What a soak came to. *cpu*: cores used while settings were broken, by process.

    *doubled*: writes beyond one for each break, in any tenant. *unwritten*: breaks that were proven without one.
    *parked*: messages that were given up.
    """

    plan: Plan
    breaks: tuple[Break, ...]
    cpu: Mapping[str, float]
    hosts: tuple[Host, Host]
    doubled: int
    unwritten: int
    parked: int

    @property
    def lost(self) -> list[Break]:
        return [each for each in self.breaks if each.proven is None]


async def soak(plan: Plan) -> Result:
    """Run one, from the first process to the last.

    Raises:
        ExceptionGroup: A host ended by itself.
        TimeoutError: The fleet was not looked at in time.
    """
    async with stage(plan) as on, asyncio.TaskGroup() as running:
        await on.slow_down()
        hosts = [running.create_task(on.keep(host, killed=host is on.hosts[1])) for host in on.hosts]
        idle = await on.idle()
        tenants = await on.fleet()
        await on.look_at_all(tenants)
        await _first_looks(on, tenants)
        result = await _Play(on, tenants).run(idle)
        for host in hosts:
            host.cancel()
    return result


async def _first_looks(on: Stage, tenants: list[TenantConfig]) -> None:
    """Wait until every tenant was found as documented."""
    waiting, told = {each.tenant_id for each in tenants}, len(tenants)
    async with asyncio.timeout(_FIRST_LOOKS_S):
        while waiting:
            await asyncio.sleep(_FIRST_LOOK_EVERY_S)
            waiting -= {line.tenant_id for line in await _heard(on, _FIRST_OVERLAP, "first_look")}
            if len(waiting) < told - on.plan.tenants / 10:
                told = len(waiting)
                print(f"  {on.at_s:5.0f} s  {told} tenants wait for their first look", flush=True)


async def _heard(on: Stage, overlap: timedelta = _OVERLAP, event: str = "") -> list[LedgerLine]:
    """The lines of all ledgers of so long ago."""
    since, found, after = row_key(datetime.now(UTC) - overlap), list[LedgerLine](), ""
    while True:
        wanted = {"event": event} if event else {}
        page = await on.clients.storage.recent.entries(wanted, newer_than=since, after=after, limit=_PAGE)
        found += page.items
        if not (after := page.after):
            return found


class _Play:
    """One run over *tenants*."""

    def __init__(self, on: Stage, tenants: list[TenantConfig]) -> None:
        self._on, self._plan, self._tenants = on, on.plan, tenants
        self._left = deque(at_random(tenants, on.plan.seed))
        self._broken: dict[tuple[str, str], Break] = {}

    async def run(self, idle: float) -> Result:
        """*idle*: cores that the product uses without a tenant."""
        on, plan = self._on, self._plan
        before, began = on.cpu(), time.monotonic()
        await self._until(began + plan.break_s, breaking=True)
        took_s = time.monotonic() - began
        cpu = {name: (spent - before[name]) / took_s for name, spent in on.cpu().items()} | {IDLE: idle}
        await self._until(time.monotonic() + plan.patience_s, breaking=False)
        doubled, unwritten = await self._judge_writes()
        parked = await on.clients.storage.parked.count()
        return Result(plan, tuple(self._broken.values()), cpu, on.hosts, doubled, unwritten, parked)

    async def _until(self, end: float, *, breaking: bool) -> None:
        gap_s, due, looked, told = 60 / self._plan.breaks_a_minute, time.monotonic(), 0.0, time.monotonic()
        while (now := time.monotonic()) < end and (breaking or self._open()):
            while breaking and due <= now:
                await self._break_one()
                due += gap_s
            for line in await _heard(self._on):
                if found := self._broken.get((line.tenant_id, line.control)):
                    found.hear(line.event, line.at)
            if now - looked >= _MEMORY_EVERY_S:
                looked = now
                for host in self._on.hosts:
                    host.look(self._on.at_s)
            if now - told >= _TELL_EVERY_S:
                told = now
                self._tell()
            await asyncio.sleep(_LOOK_S)

    def _open(self) -> set[str]:
        """The tenants of which something is broken still."""
        return {each.tenant.tenant_id for each in self._broken.values() if each.proven is None}

    async def _break_one(self) -> None:
        """Break the next setting, of a tenant of which nothing else is broken: each is timed by itself."""
        if (found := self._next()) is None:
            return
        what, tenant = found
        body = {"cmdlet": what.cmdlet, "parameters": what.parameters_of(tenant)}
        ran = await self._on.control("POST", f"/tenants/{tenant.tenant_id}/admin", body)
        at = datetime.fromisoformat(ran["at"])
        self._broken[tenant.tenant_id, what.control] = Break(what, tenant, at)

    def _next(self) -> tuple[Breakable, TenantConfig] | None:
        broken = self._open()
        for _ in range(len(self._left)):
            what, tenant = self._left.popleft()
            if tenant.tenant_id not in broken:
                return what, tenant
            self._left.append((what, tenant))
        return None

    async def _judge_writes(self) -> tuple[int, int]:
        """How many writes there were beyond one a break, in any tenant, and how many breaks were proven without one."""
        by_tenant: dict[str, list[Break]] = {each.tenant_id: [] for each in self._tenants}
        for each in self._broken.values():
            by_tenant[each.tenant.tenant_id].append(each)
        doubled = unwritten = 0
        for some in batched(by_tenant, _LOGS_AT_ONCE, strict=False):
            for tenant_id, written in zip(some, await asyncio.gather(*map(self._written, some)), strict=True):
                breaks = by_tenant[tenant_id]
                expected = Counter(each.what.back for each in breaks if each.proven)
                doubled += (written - Counter(each.what.back for each in breaks)).total()
                unwritten += (expected - written).total()
        return doubled, unwritten

    async def _written(self, tenant_id: str) -> Counter[str]:
        log = await self._on.control("GET", f"/tenants/{tenant_id}/log")
        return Counter(entry["cmdlet"] for entry in log["entries"])

    def _tell(self) -> None:
        resident = " and ".join(f"{host.resident[-1][1]:.0f}" for host in self._on.hosts if host.resident)
        proven = len(self._broken) - len(self._open())
        print(
            f"  {self._on.at_s:5.0f} s  {len(self._broken)} broken, {proven} proven; hosts {resident} MB;"
            f" {self._on.hosts[1].kills} kills",
            flush=True,
        )
