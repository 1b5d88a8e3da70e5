"""The messages of a month, as the sweep of the first round put them on its queues and as the tick does.

Each workload is a list of messages for each function group over some hours; `bill.month` scales it to a month.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from benchmarks.bill.platform import Message


@dataclass(frozen=True, slots=True)
class Looks:
    """What looks cost. Source: `python -m benchmarks --only throughput`, `--only round-trips` on two shared cores.

    *fast_cpu_s*, *slow_cpu_s*: processor seconds of a look. *answer_s*: how long Microsoft takes to answer (assumed).
    *shard_cpu_s*: processor seconds of a shard beside its tenants. *in_life*: how much more all of this is with the
    host, its queues, corrections and cold starts (`make soak`: 1.05 cores for 10,000 tenants, whose looks alone are
    0.58). *quiet_requests*: table requests of a tenant's visit in which nothing changed (0.28 measured; the budget is
    taken). *news*: share of visits that find something (assumed), *news_requests*, *news_leases*: what such a one
    asks, as each did before rows were read together.
    """

    fast_cpu_s: float = 1 / 175
    slow_cpu_s: float = 1 / 58
    security_cpu_s: float = 0.0036
    answer_s: float = 1.5
    shard_cpu_s: float = 0.02
    in_life: float = 1.8
    quiet_requests: float = 0.5
    news: float = 0.01
    news_requests: float = 18.1
    news_leases: float = 4.0

    @property
    def tables(self) -> float:
        """Table requests of a tenant's visit, on average."""
        return (1 - self.news) * self.quiet_requests + self.news * self.news_requests

    @property
    def leases(self) -> float:
        """Lease requests of a tenant's visit, on average."""
        return self.news * self.news_leases


@dataclass(frozen=True, slots=True)
class Intervals:
    """Seconds between two looks."""

    fast_s: int = 300
    slow_s: int = 900
    alerts_s: int = 300
    audit_s: int = 300


@dataclass(frozen=True, slots=True)
class Workload:
    """Messages by function group, and what they make storage do.

    *tables*, *leases*: requests of one tenant's look; *queue_requests*: of a message (put, get, delete).
    """

    groups: Mapping[str, list[Message]]
    tables: float
    leases: float = 0.0
    table_requests_a_tick: float = 0.0
    queue_requests: float = 3.0


SPREAD = 0.8
"""The sweep hid its messages over this share of the interval."""


def sweep(tenants: int, hours: float, looks: Looks, every: Intervals) -> Workload:
    """One message for each tenant and lane, put at the start of the interval and hidden until its turn."""
    lanes = {
        ("checks", "fast"): (every.fast_s, looks.fast_cpu_s),
        ("checks", "slow"): (every.slow_s, looks.slow_cpu_s),
        ("alerts", "alerts"): (every.alerts_s, looks.security_cpu_s),
        ("alerts", "audit"): (every.audit_s, looks.security_cpu_s),
    }
    groups: dict[str, list[Message]] = {}
    for (group, _), (interval_s, cpu_s) in lanes.items():
        gap_s = SPREAD * interval_s / tenants
        groups.setdefault(group, []).extend(
            Message(start + tenant * gap_s, tenant, float(start), 1, looks.in_life * cpu_s, looks.answer_s)
            for start in range(0, int(hours * 3600), interval_s)
            for tenant in range(tenants)
        )
    return Workload(groups, tables=5.5, leases=1.5)


SHARD = 25
TICK_S = 60
TICK_REQUESTS = 20.0
"""Table requests of a tick (assumed): the fleet's index in one query, the cursor, what is due, the brake."""


def tick(tenants: int, hours: float, looks: Looks, every: Intervals) -> Workload:
    """Each minute the shards of the tenants whose minute it is, visible at once; a visit does each look that is due."""
    minutes = max(1, every.fast_s // TICK_S)
    random = Random(7)
    due: list[list[int]] = [[] for _ in range(minutes)]
    for tenant in range(tenants):
        due[random.randrange(minutes)].append(tenant)
    messages, ticks = [], int(hours * 3600) // TICK_S
    slow_every = max(1, every.slow_s // every.fast_s)
    for number in range(ticks):
        mine, turn = due[number % minutes], number // minutes
        slow = looks.slow_cpu_s if turn % slow_every == 0 else looks.fast_cpu_s
        cpu_s = slow + 2 * looks.security_cpu_s
        for at in range(0, len(mine), SHARD):
            size = min(SHARD, len(mine) - at)
            when = float(number * TICK_S)
            name = (number % minutes) * 10_000 + at // SHARD
            work_s = looks.in_life * (looks.shard_cpu_s + size * cpu_s)
            messages.append(Message(when, name, when, size, work_s, looks.answer_s))
    beats = [Message(float(n * TICK_S), 0, float(n * TICK_S), 0, 0.05, 0.3) for n in range(ticks)]
    groups = {"visit": messages, "tick": beats}
    return Workload(groups, tables=looks.tables, leases=looks.leases, table_requests_a_tick=TICK_REQUESTS)
