"""The processes of a soak: the simulator, Azurite, and two hosts on one storage account."""

import asyncio
import os
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import batched
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from benchmarks.children import child, ready
from benchmarks.machine import child_pids, cpu_s, resident_mb
from benchmarks.soak.plan import Plan
from clients.connect import Clients, connect
from clients.settings import load
from clients.storage.tenants import TenantRow
from devhost.__main__ import fastest
from devhost.azurite import azurite
from domain.fleet import LOOKS
from domain.tenant import TenantConfig
from handlers.loop import tick

_STORAGE = "AzureWebJobsStorage"
_AT_ONCE = 20
_IDLE_S = 20.0

STARTING = "product as a killed host starts again"
IDLE = "product without a tenant"
_SLOWED = (
    {"service": "exchange", "cmdlet": "$batch"},
    {"service": "exchange", "writes": True},
    {"service": "compliance-region"},
)


@dataclass(slots=True)
class Host:
    """One host over all its lives. *resident*: MB by seconds since the start of the soak, of its present life.

    *starting_s*: CPU seconds until it listened, which no larger fleet makes more.
    """

    number: int
    spent_s: float = 0.0
    starting_s: float = 0.0
    pid: int | None = None
    kills: int = 0
    resident: list[tuple[float, float]] = field(default_factory=list)

    @property
    def cpu_s(self) -> float:
        """Of all its lives; what it used since it was last looked at before a kill is lost."""
        return self.spent_s + (self._now_s() if self.pid else 0.0)

    def _now_s(self) -> float:
        with suppress(OSError):
            return cpu_s(self.pid or 0)
        return 0.0

    def look(self, at_s: float) -> None:
        with suppress(OSError, ValueError):
            if self.pid:
                self.resident.append((at_s, resident_mb(self.pid)))

    def ended(self) -> None:
        self.spent_s, self.pid = self.cpu_s, None


@dataclass(slots=True)
class Stage:
    """What a soak works with. *clients*: the product's, in this process, to set up the fleet and to read the ledger."""

    plan: Plan
    simulator: httpx.AsyncClient
    clients: Clients
    folder: Path
    simulator_pid: int
    azurite_pid: int
    hosts: tuple[Host, Host] = field(default_factory=lambda: (Host(1), Host(2)))
    started: float = field(default_factory=time.monotonic)

    @property
    def at_s(self) -> float:
        return time.monotonic() - self.started

    async def control(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        """Call the simulator's control API (simulator/control.py)."""
        answer = await self.simulator.request(method, f"/_sim{path}", json=body)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    async def fleet(self) -> list[TenantConfig]:
        """The tenants of the plan, at Microsoft and in our table, each with its MX at the filter for long."""
        made = await self.control("POST", "/tenants", {"count": self.plan.tenants})
        since = datetime.now(UTC) - timedelta(days=30)
        configs = [
            TenantConfig(
                tenant_id=each["tenant_id"],
                name=each["domains"][0],
                initial_domain=each["initial_domain"],
                mx_at_filter_since=since,
            )
            for each in made
        ]
        newest = self.clients.profiles.newest[configs[0].profile].version
        for part in batched(configs, _AT_ONCE, strict=False):
            rows = (TenantRow(each, profile_version=newest) for each in part)
            await asyncio.gather(*map(self.clients.storage.tenants.create, rows))
        return configs

    async def look_at_all(self, tenants: list[TenantConfig]) -> None:
        """Have every tenant looked at now, instead of over the first interval."""
        await tick.ask(dict.fromkeys([each.tenant_id for each in tenants], LOOKS), datetime.now(UTC), self.clients)

    async def idle(self) -> float:
        """How many cores the hosts use with nothing to do, as they look at their queues: by the one that lives on."""
        host = self.hosts[0]
        while not host.pid:  # noqa: ASYNC110 - a process's start sends no event
            await asyncio.sleep(1)
        await asyncio.sleep(_IDLE_S / 4)  # its first invocation opens what later ones find open
        before = host.cpu_s
        await asyncio.sleep(_IDLE_S)
        return len(self.hosts) * (host.cpu_s - before) / _IDLE_S

    async def slow_down(self) -> None:
        """From now on Microsoft takes as long as it does in life."""
        slow = {"kind": "slow", "seconds": self.plan.latency_s, "times": 10**9}
        await self.control("POST", "/faults", [slow | kind for kind in _SLOWED])

    def cpu(self) -> dict[str, float]:
        """CPU seconds so far, by process."""
        return {
            "product": sum(each.cpu_s for each in self.hosts),
            STARTING: sum(each.starting_s for each in self.hosts),
            "simulator": cpu_s(self.simulator_pid),
            "Azurite": cpu_s(self.azurite_pid),
        }

    async def keep(self, host: Host, *, killed: bool) -> None:
        """Run *host* until cancelled; where it is the one to be *killed*, kill -9 and start it again and again."""
        while True:
            file, log = self.folder / f"host-{host.number}.json", self.folder / f"host-{host.number}.log"
            async with child("devhost", "--ready-file", str(file), log=log) as process:
                await ready(process, file, log)
                host.pid, host.starting_s = process.pid, host.starting_s + cpu_s(process.pid)
                host.resident.clear()
                with suppress(TimeoutError):
                    await asyncio.wait_for(process.wait(), self.plan.kill_every_s if killed else None)
                host.ended()
                if process.returncode is not None:
                    raise RuntimeError(f"host {host.number} ended by itself: see {log}")
                process.kill()
                await process.wait()
                host.kills += 1
            file.unlink()
            await asyncio.sleep(self.plan.down_s)


@asynccontextmanager
async def stage(plan: Plan) -> AsyncIterator[Stage]:
    """Start the neighbours, and point the environment, which is where hosts look, at them."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="soak-")))
        file, log = folder / "simulator.json", folder / "simulator.log"
        arguments = ("--ready-file", str(file), "--log-writes")
        process = await stack.enter_async_context(child("simulator", *arguments, log=log))
        about: dict[str, str] = await ready(process, file, log)
        for name in [name for name in os.environ if name.startswith(("HOLDFAST_", "AzureWebJobs"))]:
            del os.environ[name]  # no soak reaches a real tenant, a real ticket system or a real storage account
        os.environ |= plan.settings | {key: value for key, value in about.items() if key.isupper()}
        os.environ["HOLDFAST_TICK_SCHEDULE"] = fastest(os.environ)
        os.environ["HOLDFAST_CLIENT_ID"] = about["client_id"]
        os.environ["HOLDFAST_CLIENT_SECRET"] = about["client_secret"]
        before = child_pids()
        os.environ[_STORAGE] = await stack.enter_async_context(azurite())
        [azurite_pid] = child_pids() - before
        trust = ssl.create_default_context(cafile=about["SSL_CERT_FILE"])
        simulator = await stack.enter_async_context(
            httpx.AsyncClient(base_url=about["base_url"], verify=trust, timeout=300, trust_env=False)
        )
        clients = await stack.enter_async_context(aclosing(await connect(load())))
        yield Stage(plan, simulator, clients, folder, process.pid, azurite_pid)
