"""What one check of a warm tenant sends, and how much of it has to wait for something else."""

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta

from benchmarks.bench import SLOW_LANE_EVERY, Bench
from benchmarks.rows import Row, counted
from benchmarks.wire import round_trips, storage_counted, watched
from domain.jobs import CheckTenant, VisitShard
from domain.reading import Lane
from domain.tenant import TenantConfig
from handlers.delivery import deliver


async def measure(bench: Bench) -> list[Row]:
    """Requests and round trips of a check, for each lane."""
    [tenant] = await bench.tenants(1)
    rows = [row for lane in _LANES for row in await _lane(lane, tenant, bench)]
    await bench.assure_checked([tenant])
    return [*rows, await _quiet_shard(bench)]


_LANES: tuple[Lane, ...] = ("fast", "slow")
_MOST_EXCHANGE: Mapping[Lane, int] = {"fast": 1, "slow": 3}
SHARD = 25
WARMING = 2
"""Looks that make a tenant warm: token, region, first state; then its first entry is copied into the ledger."""
APART = timedelta(minutes=2)
"""Asked for again within one minute, a look is not done."""


async def _quiet_shard(bench: Bench) -> Row:
    """What storage is asked for a tenant of a shard in which nothing has changed."""
    tenants, clients = await bench.tenants_of((7, 8), SHARD), bench.clients
    for _ in range(WARMING + 1):
        shard = VisitShard(tenants=tuple(each.tenant_id for each in tenants), looks=("fast",), due_by=clients.now())
        with storage_counted() as storage:
            await deliver("checks", shard.body.encode(), clients)
    return counted(
        "quiet shard: storage requests", storage.requests / SHARD, "per tenant", 0.5, "25 tenants of two minutes"
    )


async def _lane(lane: Lane, tenant: TenantConfig, bench: Bench) -> list[Row]:
    body, clients = CheckTenant(tenant_id=tenant.tenant_id, lane=lane).body.encode(), bench.clients
    for _ in range(WARMING):
        await deliver("checks", body, clients)
        bench.clock.ahead += APART
    bench.clock.ahead += SLOW_LANE_EVERY
    # Slowed, so that what is sent beside something else is under way at the same time on any machine.
    async with bench.slowed():
        with watched(clients.web) as sent, bench.dns.watched() as asked, storage_counted() as storage:
            await deliver("checks", body, clients)
    by_service = Counter(each.service for each in sent)
    others = len(sent) - by_service["exchange"] - by_service["compliance"]
    answered = max(each.ended for each in sent)
    late = round_trips(each for each in asked if each.started >= answered)
    per = "per check"
    return [
        counted(f"{lane} lane: Exchange requests", by_service["exchange"], per, _MOST_EXCHANGE[lane]),
        counted(f"{lane} lane: compliance requests", by_service["compliance"], per, int(lane == "slow")),
        counted(f"{lane} lane: other HTTP requests", others, per, 0, "sign-in and such"),
        counted(f"{lane} lane: HTTP round trips", round_trips(sent), per, 1, "requests one after the other"),
        counted(f"{lane} lane: DNS round trips after them", late, per, 0, f"of {len(asked)} questions in all"),
        counted(f"{lane} lane: storage requests", storage.requests, per, 3, "Azure Tables, in the same region"),
    ]
