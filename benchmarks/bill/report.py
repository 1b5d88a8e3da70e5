"""The table of docs/cost.md: one run of the model for each size of fleet, the sweep and the tick side by side."""

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from benchmarks.bill.fleet import Intervals, Looks, sweep, tick
from benchmarks.bill.month import Bill, bill
from benchmarks.bill.platform import Shape

PAGE = Path(__file__).parents[2] / "docs" / "cost.md"
SIZES = (10, 100, 1_000, 10_000)
GOALS = {1_000: 60.0, 10_000: 400.0}
MOST_WAITING = 0.05
BEGIN, END = "<!-- made by python -m benchmarks.bill --write -->", "<!-- end of what is made -->"

MOST_SWEEP = 40
"""`maximumInstanceCount` as it was shipped."""


@dataclass(frozen=True, slots=True)
class Size:
    """What an installation of so many tenants should take: memory and cores of an instance, and the limit."""

    gigabytes: float = 0.5
    cores: float = 0.25
    most: int = 4


SIZE_UP_TO = {1_500: Size(), 7_000: Size(2.0, 1.0, most=1), 10_000: Size(4.0, 2.0, most=1)}
"""One warm instance that can do it all keeps its tokens; several would each need their own. Above one core the worker,
a single process, has one for itself, and the host the other."""


def size_for(tenants: int) -> Size:
    """The memory size and instance limit for so many tenants. Raises ValueError for more than were reckoned with."""
    for most, size in SIZE_UP_TO.items():
        if tenants <= most:
            return size
    raise ValueError(f"{tenants:,} tenants: at most {max(SIZE_UP_TO):,} were reckoned with")


@cache
def before(tenants: int) -> Bill:
    """One message a tenant and lane, hidden until its turn."""
    hours = 1.0 if tenants > 1_000 else 3.0  # noqa: PLR2004 - a simulated hour of 10,000 takes long enough
    shape = Shape(most=MOST_SWEEP)
    return bill(sweep(tenants, hours, Looks(), Intervals()), {"checks": shape, "alerts": shape}, hours)


@cache
def now(tenants: int) -> Bill:
    """Shards each minute; one instance of `visit` is always ready."""
    hours = 3.0
    size = size_for(tenants)
    small = Shape(gigabytes=size.gigabytes, cores=size.cores, most=size.most)
    shapes = {"visit": replace(small, always=1), "tick": replace(small, most=1)}
    return bill(tick(tenants, hours, Looks(), Intervals()), shapes, hours)


def tables() -> str:
    """Both tables, in Markdown."""
    names = list(now(SIZES[0]).columns)
    head = ["tenants", "engine", *names, "together", "instances", "looks that waited for a token", "p95 seen, s"]
    rows = [row(size, engine, run(size)) for size in SIZES for engine, run in (("sweep", before), ("tick", now))]
    return "\n".join(["| " + " | ".join(head) + " |", "|---:|---|" + "---:|" * (len(head) - 2), *rows])


def page(text: str) -> str:
    """*text* with the tables made anew."""
    start, rest = text.split(BEGIN, 1)
    return f"{start}{BEGIN}\n\n{tables()}\n\n{END}{rest.split(END, 1)[1]}"


def row(size: int, engine: str, a_bill: Bill) -> str:
    figures = " | ".join(f"{value:.2f}" for value in (*a_bill.columns.values(), a_bill.total))
    return f"| {size:,} | {engine} | {figures} | {a_bill.instances} | {a_bill.waited:.1%} | {a_bill.seen_p95_s:.0f} |"
