"""What a month costs, by what is paid for, with the figures that say whether the service keeps its word."""

import json
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from random import Random
from statistics import quantiles

from benchmarks.bill.fleet import Workload
from benchmarks.bill.platform import Group, Message, Outcome, Shape

MONTH_H = 730.0
PRICES: Mapping[str, float] = json.loads((Path(__file__).parent / "prices.json").read_text("utf-8"))


@dataclass(frozen=True, slots=True)
class Watching:
    """What telemetry and alert rules cost. Sizes are assumed; the counts are those of infra/modules/alerts.bicep.

    *series*: metrics of one instance, told every *series_s* seconds. *lines*: log items of a message.
    *rules_of_longer*: asked every 15 or 30 minutes.
    """

    series: int = 110
    series_s: int = 300
    lines: float = 0.05
    kilobytes_an_item: float = 0.6
    rules_of_five_minutes: int = 6
    rules_of_longer: int = 5


@dataclass(frozen=True, slots=True)
class Bill:
    """Dollars a month by what is paid for, and what was measured on the way.

    *instances*: at most, of all groups together. *waited*: share of looks that found no token kept. *seen_p95_s*: from
    a drift at a random moment to the end of the look that sees it.
    """

    columns: Mapping[str, float]
    instances: int
    waited: float
    seen_p95_s: float

    @property
    def total(self) -> float:
        return sum(self.columns.values())


def bill(workload: Workload, shapes: Mapping[str, Shape], hours: float, watching: Watching = Watching()) -> Bill:
    """Run *workload* for *hours* and scale it to a month."""
    outcomes = {name: _run(messages, shapes[name], hours) for name, messages in workload.groups.items()}
    scale = MONTH_H / hours
    ready = {name for name in outcomes if shapes[name].always}
    gb_seconds = _paid({name: scale * each.gb_seconds for name, each in outcomes.items()}, ready, "free_gb_seconds")
    paid_executions = _paid(
        {name: scale * each.executions for name, each in outcomes.items()}, ready, "free_executions"
    )
    executions = scale * sum(each.executions for each in outcomes.values())
    looks = scale * sum(each.tenant_looks for each in outcomes.values())
    instance_s = scale * sum(each.instance_seconds for each in outcomes.values())
    signatures = scale * sum(each.signatures for each in outcomes.values())
    starts = scale * sum(each.starts for each in outcomes.values())
    ticks = scale * len(workload.groups.get("tick", ()))
    polls = instance_s / 2 + 10 * 2 * 6 * 60 * MONTH_H  # each instance every 2 s at most; the scale controller's looks
    told = instance_s / watching.series_s * watching.series + executions * watching.lines
    columns = {
        "compute": gb_seconds * PRICES["gb_second"],
        "always ready": sum(shapes[name].always * shapes[name].gigabytes for name in outcomes)
        * MONTH_H
        * 3600
        * PRICES["always_ready_gb_second"],
        "executions": paid_executions / 1e6 * PRICES["million_executions"],
        "queues": (executions * workload.queue_requests + polls) / 1e4 * PRICES["ten_thousand_queue_requests"],
        "tables": (looks * workload.tables + ticks * workload.table_requests_a_tick)
        / 1e4
        * PRICES["ten_thousand_table_requests"],
        "leases": looks * workload.leases / 1e4 * PRICES["ten_thousand_lease_requests"],
        "logs": told * watching.kilobytes_an_item / 1e6 * PRICES["gigabyte_of_logs"],
        "alert rules": watching.rules_of_five_minutes * PRICES["alert_rule_of_five_minutes"]
        + watching.rules_of_longer * PRICES["alert_rule_of_longer"],
        # Secrets at each start; with `proof` `key` the certificate once an hour, and a signature for each assertion.
        "vault": (starts + instance_s / 3600 + signatures) / 1e4 * PRICES["ten_thousand_vault_operations"],
    }
    most = sum(max(each.instances, default=0) for each in outcomes.values())
    without = scale * sum(each.without_token for each in outcomes.values())
    looked = [each for name, each in outcomes.items() if name in {"visit", "checks"}]
    return Bill(columns, most, without / looks if looks else 0.0, _p95(looked))


def _paid(used: Mapping[str, float], ready: Collection[str], free: str) -> float:
    """What of *used* by each group is paid for. Those kept *ready* have no free grant (azure-functions.md#bill)."""
    kept = sum(amount for name, amount in used.items() if name in ready)
    return kept + max(0.0, sum(used.values()) - kept - PRICES[free])


def _run(messages: list[Message], shape: Shape, hours: float) -> Outcome:
    group = Group(shape, Random(11))
    group.put(messages)
    group.run(hours * 3600)
    return group.outcome


def _p95(outcomes: list[Outcome]) -> float:
    """Drift comes at any moment: between two looks of a tenant it is seen at the end of the later one."""
    ends: dict[int, list[float]] = defaultdict(list)
    for outcome in outcomes:
        for shard, _, end in outcome.looks:
            ends[shard].append(end)
    random, waits = Random(13), []
    for times in ends.values():
        times.sort()
        for earlier, later in pairwise(times):
            waits += [random.uniform(0, later - earlier) for _ in range(2)]
    return quantiles(waits, n=20)[-1] if len(waits) > 1 else 0.0
