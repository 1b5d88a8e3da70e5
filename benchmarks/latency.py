"""How long a check and a correction take, as multiples of what the network alone takes."""

import time
from datetime import timedelta
from statistics import median

from azure.storage.queue.aio import QueueClient

from benchmarks.bench import DELAY_S, DNS_DELAY_S, SLOW_LANE_EVERY, Bench
from benchmarks.rows import Row, shown, timed
from benchmarks.wire import watched
from clients.connect import Clients
from domain.fleet import Cursor
from domain.jobs import CheckTenant
from domain.reading import Lane
from domain.tenant import TenantConfig
from handlers.delivery import deliver

TRIALS = 12
NEXT_LOOK_AFTER = timedelta(minutes=3)
SETTLED_AFTER = timedelta(days=2)
"""In its first day a tenant's ledger is read again at each entry, for what a worker of the former version may write."""

_CONTROL = "inbound-lockdown"
"""The correction with most before it: the guard looks up the MX of every domain."""


async def measure(bench: Bench) -> list[Row]:
    """The ratios that `make bench` holds a release to."""
    tenants = await bench.tenants(TRIALS)
    # As the tick does: the blast radius is a share of the fleet.
    await bench.clients.storage.fleet.move(Cursor(done=bench.clients.now(), tenants=2 * TRIALS, counted=True), None)
    await _look_at(bench, tenants)
    bench.clock.ahead += SLOW_LANE_EVERY
    for tenant in tenants:  # as onboarding does: each has had a correction before
        await _fix_ratio(bench, tenant)
    bench.clock.ahead += SETTLED_AFTER
    new = await bench.tenants(TRIALS)
    await _look_at(bench, [*tenants, *new])
    bench.clock.ahead += SLOW_LANE_EVERY
    async with bench.slowed():
        ratios = {lane: [await _check_ratio(tenant, lane, bench.clients) for tenant in tenants] for lane in _LANES}
        fixes = [await _fix_ratio(bench, tenant) for tenant in tenants]
        on_first_day = [await _fix_ratio(bench, tenant) for tenant in new]
    return [
        *(_checked(lane, ratios[lane], bench) for lane in _LANES),
        _fixed(fixes, bench),
        shown("the same in a tenant's first day", median(on_first_day), "ratio"),
    ]


async def _look_at(bench: Bench, tenants: list[TenantConfig]) -> None:
    for tenant in tenants:
        for lane in _LANES:
            await deliver("checks", _job(tenant, lane), bench.clients)


_LANES: tuple[Lane, ...] = ("fast", "slow")


def _checked(lane: Lane, ratios: list[float], bench: Bench) -> Row:
    name = f"{lane} lane: wall time over slowest request"
    note = f"each delayed by {DELAY_S * 1000:.0f} ms, DNS by {DNS_DELAY_S * 1000:.0f} ms"
    return timed(name, ratios, "ratio", "at most", 1.2, quiet=bench.quiet, note=note)


def _fixed(ratios: list[float], bench: Bench) -> Row:
    note = f"over 3 x {DELAY_S * 1000:.0f} ms, until its job ends; without the queue's polling"
    return timed("drift seen to proven fixed", ratios, "ratio", "at most", 1.3, quiet=bench.quiet, note=note)


def _job(tenant: TenantConfig, lane: Lane) -> bytes:
    return CheckTenant(tenant_id=tenant.tenant_id, lane=lane).body.encode()


async def _check_ratio(tenant: TenantConfig, lane: Lane, clients: Clients) -> float:
    with watched(clients.web) as sent:
        start = time.perf_counter()
        await deliver("checks", _job(tenant, lane), clients)
        wall_s = time.perf_counter() - start
    slowest_s = max(each.elapsed_s for each in sent)
    if slowest_s < DELAY_S:
        raise RuntimeError(f"the slowest request took {slowest_s:.3f} s: the delay is not in place")
    return wall_s / slowest_s


async def _fix_ratio(bench: Bench, tenant: TenantConfig) -> float:
    """From the last byte of the read that shows the drift until its job has ended, through the real queue.

    The floor is a read, a write and a read again.
    """
    clients = bench.clients
    broken = {"cmdlet": "Set-InboundConnector", "parameters": {"Identity": "ExchangeDefender", "Enabled": False}}
    await bench.control("POST", f"/tenants/{tenant.tenant_id}/admin", broken)
    bench.clock.ahead += NEXT_LOOK_AFTER  # until then the look before answers this one
    with watched(clients.web) as sent:
        await deliver("checks", _job(tenant, "fast"), clients)
        drift_seen = sent[-1].ended
        await deliver("remediations", await _taken("remediations", clients), clients)
        fixed = time.perf_counter()
    state = (await clients.storage.states.load(tenant.tenant_id)).of(_CONTROL)
    if state.state != "compliant":
        raise RuntimeError(f"{_CONTROL} was not put back but {state.state}: {state.detail}")
    return (fixed - drift_seen) / (3 * DELAY_S)


async def _taken(queue: str, clients: Clients) -> bytes:
    """Take the one message of *queue*, as the platform does."""
    async with QueueClient.from_connection_string(clients.settings.storage, queue) as client:
        message = await client.receive_message()
        if message is None:
            raise RuntimeError(f"the check put nothing on {queue}")
        await client.delete_message(message)
        return str(message.content).encode()
