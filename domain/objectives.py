"""How soon drift is to be seen and put back, and how much of that may be missed: objectives with an error budget.

Time counts from the last good look, so that what is measured is the longest that the drift can have been there. What a
gate or a person held is not measured: the objective is the service's.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from domain.reading import Lane

type ObjectiveId = Literal["fast-seen", "fast-proven", "slow-seen"]

DAYS = 30
"""Over which the budget is counted."""


@dataclass(frozen=True, slots=True)
class Objective:
    """*share* of all that is measured is to be done within *within*."""

    id: ObjectiveId
    within: timedelta
    share: float = 0.95


OBJECTIVES: Mapping[ObjectiveId, Objective] = {
    "fast-seen": Objective("fast-seen", timedelta(minutes=5.5)),
    "fast-proven": Objective("fast-proven", timedelta(minutes=7)),
    "slow-seen": Objective("slow-seen", timedelta(minutes=16)),
}


@dataclass(frozen=True, slots=True)
class MetTally:
    """How often an objective was met and missed."""

    met: int = 0
    missed: int = 0

    @property
    def total(self) -> int:
        return self.met + self.missed


@dataclass(frozen=True, slots=True)
class DayTallies:
    """The tallies of one day."""

    tallies: Mapping[ObjectiveId, MetTally] = field(default_factory=dict)

    def counting(self, objective: ObjectiveId, *, met: bool) -> "DayTallies":
        before = self.tallies.get(objective, MetTally())
        after = MetTally(before.met + met, before.missed + (not met))
        return DayTallies({**self.tallies, objective: after})


@dataclass(frozen=True, slots=True)
class ObjectiveHealth:
    """How an objective stands over DAYS. *achieved*: the share that met it; None where nothing was measured.

    *budget_left*: the share of the allowed misses that is left, below 0 where it is overspent. *burn*: how many times
    the allowed rate was missed in the last day; over 1 the budget shrinks.
    """

    id: ObjectiveId
    within_s: float
    share: float
    measured: int
    achieved: float | None
    budget_left: float
    burn: float


def seen_objective(lane: Lane) -> ObjectiveId:
    return "fast-seen" if lane == "fast" else "slow-seen"


def is_met(objective: ObjectiveId, since: datetime, until: datetime) -> bool:
    return until - since <= OBJECTIVES[objective].within


def health_of(objective: Objective, days: Iterable[DayTallies], today: DayTallies) -> ObjectiveHealth:
    """How *objective* stands. *days*: all that counts, *today* among them."""
    tallies = [each.tallies.get(objective.id, MetTally()) for each in days]
    whole = MetTally(sum(each.met for each in tallies), sum(each.missed for each in tallies))
    allowed = 1 - objective.share
    return ObjectiveHealth(
        id=objective.id,
        within_s=objective.within.total_seconds(),
        share=objective.share,
        measured=whole.total,
        achieved=whole.met / whole.total if whole.total else None,
        budget_left=1 - _missed(whole) / allowed,
        burn=_missed(today.tallies.get(objective.id, MetTally())) / allowed,
    )


def _missed(tally: MetTally) -> float:
    return tally.missed / tally.total if tally.total else 0.0
