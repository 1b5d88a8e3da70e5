"""What a soak came to, as rows with their budgets."""

import os
from collections.abc import Sequence

from benchmarks.rows import Bound, Row, counted, shown
from benchmarks.soak.breaks import Break
from benchmarks.soak.plan import LARGEST_FLEET
from benchmarks.soak.play import Result
from benchmarks.soak.stage import IDLE, STARTING

_BUDGETS_S = {("fast", "seen"): 330.0, ("fast", "proven"): 420.0, ("slow", "seen"): 960.0}
"""p95, in seconds, where the fast lane is looked at every 5 minutes and the slow one every 15."""

_AT_EVERY = {"fast": "0 */5 * * * *", "slow": "0 */15 * * * *"}

MOST_GROWTH_MB = 20
"""Of the host that is never killed, from the first third of the run to its end."""

SHARE = 0.75
"""Of the machine's cores, what a fleet may use on average: looks come in shards, not evenly."""


def rows(result: Result, *, quiet: bool) -> list[Row]:
    """*quiet*: nothing else ran on the machine before, so that a missed time counts."""
    plan = result.plan
    told = f"{len(result.breaks)} breaks, {result.hosts[1].kills} kills of a host; blast radius: the whole fleet"
    found = [shown("tenants", plan.tenants, "", told)]
    for lane in ("fast", "slow"):
        mine = [each for each in result.breaks if each.what.lane == lane]
        found += [_p95(lane, what, mine, result, quiet=quiet) for what in ("seen", "proven") if mine]
    found += [
        counted("lost: never proven put back", len(result.lost), "", 0, ", ".join(map(_named, result.lost[:3]))),
        counted("doubled writes", result.doubled, "", 0),
        counted("proven without a write", result.unwritten, "", 0),
        counted("messages given up", result.parked, "", 0),
        *_memory(result),
    ]
    for name, cores in result.cpu.items():
        found.append(shown(f"CPU of {name}", cores, "cores"))
    how = f"with {1000 * _each(result):.3f} for 1,000 tenants" + ("" if plan.tenants >= LARGEST_FLEET else ", reckoned")
    own = result.cpu[IDLE] + LARGEST_FLEET * _each(result)
    return [*found, shown(f"the product's own share for {LARGEST_FLEET:,}", own, "cores", how)]


def _each(result: Result) -> float:
    """Cores that the product uses for one tenant: without what it uses without tenants, and to start again."""
    return (result.cpu["product"] - result.cpu[STARTING] - result.cpu[IDLE]) / result.plan.tenants


def largest_fleet(result: Result) -> int:
    """The largest fleet that this machine carries with simulator and Azurite beside, by what *result* used."""
    each = _each(result) + (result.cpu["simulator"] + result.cpu["Azurite"]) / result.plan.tenants
    cores = SHARE * (os.cpu_count() or 1) - result.cpu[IDLE] - result.cpu[STARTING]
    return min(LARGEST_FLEET, int(cores / each))


def _p95(lane: str, what: str, breaks: Sequence[Break], result: Result, *, quiet: bool) -> Row:
    took = sorted(_took_s(each, what) for each in breaks)
    schedules = {"fast": result.plan.fast, "slow": result.plan.slow}
    budget = _BUDGETS_S.get((lane, what)) if schedules == _AT_EVERY else None
    value = took[min(int(len(took) * 0.95), len(took) - 1)]
    met = None if budget is None or (value > budget and not quiet) else value <= budget
    middle = f"median {took[len(took) // 2]:.0f}, longest {took[-1]:.0f}"
    name = f"{lane} lane: {what} after the tenant changed, p95"
    bound: Bound | None = "at most" if budget else None
    return Row(name, value, "s", bound, budget, met, hard=True, note=f"{middle}, of {len(took)}")


def _took_s(each: Break, what: str) -> float:
    """Infinite, where it never came: a percentile that left these out would be better than what was had."""
    moment = each.seen if what == "seen" else each.proven
    return (moment - each.at).total_seconds() if moment else float("inf")


def _named(each: Break) -> str:
    return f"{each.what.control} of {each.tenant.name} ({'seen' if each.seen else 'not seen'})"


def _memory(result: Result) -> list[Row]:
    """Of the host that lives through the run."""
    sizes = [size for _, size in result.hosts[0].resident]
    if not sizes:
        return []
    third = sizes[len(sizes) // 3]
    course = " → ".join(f"{sizes[int(part * (len(sizes) - 1) / 4)]:.0f}" for part in range(5))
    long = result.plan.break_s >= 600  # noqa: PLR2004 - shorter, and caches still fill
    return [
        shown("memory of the host that lives on", sizes[-1], "MB", f"over time {course} MB"),
        counted("memory grown after the first third", sizes[-1] - third, "MB", MOST_GROWTH_MB, whole=long),
    ]
