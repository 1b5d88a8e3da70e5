"""What the product stands on while it is measured: Azurite and the simulator, each a process of its own."""

import asyncio
import itertools
import os
import ssl
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import batched, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import httpx

from benchmarks.children import child, ready
from benchmarks.relay import Relay, relay
from clients.connect import Clients, connect
from clients.settings import load
from clients.storage.tenants import TenantRow
from devhost.azurite import azurite
from domain.fleet import minute_of
from domain.tenant import TenantConfig

_STORAGE = "AzureWebJobsStorage"
_DNS = "HOLDFAST_DNS_SERVERS"
_NEVER = "0 0 0 1 1 *"

DELAY_S = 0.2
"""What a request takes where it is slowed, so that the service's own part is a share of something."""

DNS_DELAY_S = 0.01
"""What a DNS question takes there."""

SLOW_LANE_EVERY = timedelta(minutes=15)
"""So long after the last one a slow check comes: tokens are kept until then, DNS answers are not."""

_AT_ONCE = 20

# What a person sets for a fleet that is put back as a whole; every control's own mode and guard stays.
_SETTINGS = {
    "HOLDFAST_FAST_SCHEDULE": _NEVER,
    "HOLDFAST_SLOW_SCHEDULE": _NEVER,
    "HOLDFAST_ALERTS_SCHEDULE": _NEVER,
    "HOLDFAST_PSA_SCHEDULE": _NEVER,
    "HOLDFAST_AUDIT_SCHEDULE": _NEVER,
    "HOLDFAST_MAX_TENANTS_PER_HOUR": "100000",
    "HOLDFAST_MAX_PERCENT_PER_HOUR": "100",
    "HOLDFAST_DEV_PORT": "0",
}


class Clock:
    """The time, which can be set *ahead*: what was kept for a while is then asked for anew."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass(frozen=True, slots=True)
class Bench:
    """What a measurement works with.

    *clients*: the product's, in this process, on *clock*; their DNS questions, and those of every process, go through
    *dns*. *folder*: scratch, and the logs of processes. *quiet*: as Machine.quiet.
    """

    simulator: httpx.AsyncClient
    clients: Clients
    clock: Clock
    dns: Relay
    folder: Path
    quick: bool
    quiet: bool

    async def tenants(self, count: int) -> list[TenantConfig]:
        """*count* new healthy tenants, at Microsoft and in our table."""
        answer = await self.control("POST", "/tenants", {"count": count})
        return await self._look_after(answer.json())

    async def tenants_of(self, minutes: Collection[int], count: int) -> list[TenantConfig]:
        """As *tenants*, of those whose looks come due in *minutes*: such make a shard."""
        ids = (str(UUID(int=each << 90)) for each in itertools.count(1))
        due = islice((each for each in ids if minute_of(each) in minutes), count)
        made = [
            (await self.control("POST", "/tenants", {"domains": [f"quiet{n}.example"], "tenant_id": each})).json()
            for n, each in enumerate(due)
        ]
        return await self._look_after(made)

    async def _look_after(self, made: list[dict[str, Any]]) -> list[TenantConfig]:
        configs = [
            TenantConfig(tenant_id=each["tenant_id"], name=each["domains"][0], initial_domain=each["initial_domain"])
            for each in made
        ]
        for part in batched(configs, _AT_ONCE, strict=False):
            await asyncio.gather(*(self.clients.storage.tenants.create(TenantRow(each)) for each in part))
        return configs

    async def assure_checked(self, tenants: Sequence[TenantConfig]) -> None:
        """A check that failed is a fast one, so look at what was recorded.

        Raises:
            RuntimeError: A tenant was not found as it is, or not looked at.
        """
        for tenant in tenants:
            found = (await self.clients.storage.states.load(tenant.tenant_id)).controls
            if not found:
                raise RuntimeError(f"tenant {tenant.tenant_id} was not checked at all")
            for state in found.values():
                if state.state not in {"compliant", "not_applicable"}:
                    raise RuntimeError(f"{state.id} of a healthy tenant was found {state.state}: {state.detail}")

    async def control(self, method: str, path: str, body: object = None) -> httpx.Response:
        """Call the simulator's control API (simulator/control.py)."""
        answer = await self.simulator.request(method, f"/_sim{path}", json=body)
        return answer.raise_for_status()

    @asynccontextmanager
    async def slowed(self) -> AsyncIterator[None]:
        """For the block, every batch, write, compliance call and DNS question takes its delay longer."""
        slow = {"kind": "slow", "seconds": DELAY_S, "times": 10**9}
        kinds: list[dict[str, Any]] = [
            {"service": "exchange", "cmdlet": "$batch"},
            {"service": "exchange", "writes": True},
            {"service": "compliance-region"},
        ]
        await self.control("POST", "/faults", [slow | kind for kind in kinds])
        self.dns.delay_s = DNS_DELAY_S
        try:
            yield
        finally:
            self.dns.delay_s = 0
            await self.control("DELETE", "/faults")


@asynccontextmanager
async def bench(*, quick: bool, quiet: bool) -> AsyncIterator[Bench]:
    """Start the neighbours and point the environment, which is where the product looks, at them."""
    with TemporaryDirectory(prefix="benchmarks-") as name:
        folder = Path(name)
        file, log = folder / "simulator.json", folder / "simulator.log"
        async with child("simulator", "--ready-file", str(file), "--log-length", "0", log=log) as process:
            about: dict[str, str] = await ready(process, file, log)
            os.environ |= _SETTINGS | {key: value for key, value in about.items() if key.isupper()}
            os.environ["HOLDFAST_CLIENT_ID"] = about["client_id"]
            os.environ["HOLDFAST_CLIENT_SECRET"] = about["client_secret"]
            trust, clock = ssl.create_default_context(cafile=about["SSL_CERT_FILE"]), Clock()
            async with (
                azurite() as os.environ[_STORAGE],
                relay(about[_DNS]) as (dns, os.environ[_DNS]),
                httpx.AsyncClient(base_url=about["base_url"], verify=trust, timeout=60, trust_env=False) as simulator,
                aclosing(await connect(load(), now=clock)) as clients,
            ):
                yield Bench(simulator, clients, clock, dns, folder, quick, quiet)
