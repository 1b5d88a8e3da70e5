"""What a look at a tenant's records asks of DNS, by what is still kept, and how many such looks a CPU can do."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import batched

from benchmarks.bench import SLOW_LANE_EVERY, Bench
from benchmarks.rows import Row, counted, shown
from clients.cache import ExpiringCache
from clients.connect import Clients
from clients.reader import TENANTS_KEPT
from clients.resolver import Resolver
from domain.jobs import CheckTenant
from domain.tenant import TenantConfig
from handlers.delivery import deliver

TENANTS = 100
AT_ONCE = 8
"""Checks that a worker has under way."""

_CONTROLS = ("mx", "spf", "dkim", "dmarc")


async def measure(bench: Bench) -> list[Row]:
    """Messages per check, and checks per second of CPU; Exchange answers as fast as it can."""
    first, *others = await bench.tenants(TENANTS)
    clients = _afresh(bench)
    cold = await _messages(clients, [first])
    again = await _messages(clients, [first])
    sweep = await _messages(clients, others)
    bench.clock.ahead += SLOW_LANE_EVERY
    later = await _messages(clients, [first])
    rates = await _rates(clients, [first, *others], bench)
    await bench.assure_checked([first, *others])
    per = "messages per check"
    return [
        shown("DNS, nothing kept", cold, per, "MX, SPF and its includes, DMARC"),
        shown("DNS, a sweep's next tenants", sweep, per, f"mean of {len(others)}: the includes are kept for all"),
        counted("DNS, asked again at once", again, per, 0, "everything is kept"),
        shown("DNS, the same tenant a sweep later", later, per, "nothing is kept for so long"),
        shown("DNS checks, all kept", rates[0], "per CPU s", "one Exchange batch each, too"),
        shown("DNS checks, a sweep later", rates[1], "per CPU s", "with what they ask"),
    ]


def _afresh(bench: Bench) -> Clients:
    """The clients with a resolver that keeps nothing yet, and asks the zones without the relay, which takes CPU."""
    resolver = Resolver((bench.dns.upstream,), bench.clock)
    reader = replace(bench.clients.reader, dns=resolver, asked=ExpiringCache(TENANTS_KEPT))
    return replace(bench.clients, reader=reader)


async def _messages(clients: Clients, tenants: Sequence[TenantConfig]) -> float:
    before = clients.reader.dns.queries
    await _check(clients, tenants)
    return (clients.reader.dns.queries - before) / len(tenants)


async def _rates(clients: Clients, tenants: Sequence[TenantConfig], bench: Bench) -> list[float]:
    """Checks per second of this process's CPU: with everything kept, then with nothing."""
    await _check(clients, tenants)
    rates = [await _rate(clients, tenants)]
    bench.clock.ahead += SLOW_LANE_EVERY
    return [*rates, await _rate(clients, tenants)]


async def _rate(clients: Clients, tenants: Sequence[TenantConfig]) -> float:
    start = time.process_time()
    await _check(clients, tenants)
    return len(tenants) / (time.process_time() - start)


async def _check(clients: Clients, tenants: Sequence[TenantConfig]) -> None:
    jobs = [CheckTenant(tenant_id=each.tenant_id, controls=_CONTROLS).body.encode() for each in tenants]
    for some in batched(jobs, AT_ONCE, strict=False):
        await asyncio.gather(*(deliver("checks", job, clients) for job in some))
