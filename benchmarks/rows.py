"""One measured figure, and whether it keeps its budget."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

type Bound = Literal["at most", "at least"]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the result.

    *met*: whether the budget is kept; None where there is none, or where this run cannot say.
    *hard*: no noise can excuse a miss of this budget, so it fails the run.
    """

    name: str
    value: float
    unit: str
    bound: Bound | None = None
    budget: float | None = None
    met: bool | None = None
    hard: bool = False
    note: str = ""


def counted(  # noqa: PLR0913 - a budget's parts
    name: str, value: float, unit: str, most: float, note: str = "", *, whole: bool = True
) -> Row:
    """A figure that no other program on the machine can change. *whole*: enough was done for keeping it to count."""
    met = (True if whole else None) if value <= most else False
    return Row(name, value, unit, "at most", most, met, hard=True, note=note)


def timed(  # noqa: PLR0913 - a budget's parts
    name: str, values: Sequence[float], unit: str, bound: Bound, budget: float, *, quiet: bool, note: str = ""
) -> Row:
    """The median of *values*, which other programs may have made worse and can never have made better.

    So a median within the budget keeps it; a miss counts only where even the best value missed it and the machine was
    *quiet*.
    """
    best = min(values) if bound == "at most" else max(values)
    met: bool | None = None
    if _within(median(values), bound, budget):
        met = True
    elif quiet and not _within(best, bound, budget):
        met = False
    told = f"best of {len(values)}: {best:.3g}" + (f"; {note}" if note else "")
    return Row(name, median(values), unit, bound, budget, met, note=told)


def shown(name: str, value: float, unit: str, note: str = "") -> Row:
    """A figure without a budget, for comparison."""
    return Row(name, value, unit, note=note)


def _within(value: float, bound: Bound, budget: float) -> bool:
    return value <= budget if bound == "at most" else value >= budget
