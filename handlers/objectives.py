"""Measure how soon drift was seen and proven put back, and say how the objectives stand."""

from datetime import datetime

from clients import telemetry
from clients.connect import Clients
from domain.control import Control
from domain.objectives import OBJECTIVES, DayTallies, ObjectiveHealth, ObjectiveId, health_of, is_met, seen_objective
from domain.states import ControlState


async def note_seen(control: Control, before: ControlState, after: ControlState, clients: Clients) -> None:
    """Count a drift that a look has shown, from the last good look on."""
    if before.state == "compliant" and after.state == "drifted" and before.read_at and after.read_at:
        await _count(seen_objective(control.lane), before.read_at, after.read_at, clients)


async def note_proven(control: Control, before: ControlState, now: datetime, clients: Clients) -> None:
    """Count a drift that is proven put back, from the last good look on, unless somebody held it."""
    if control.lane == "fast" and before.proofs and before.state in {"drifted", "correcting"}:
        await _count("fast-proven", before.proofs[-1].end, now, clients)


async def objectives_health(clients: Clients) -> tuple[ObjectiveHealth, ...]:
    """How each objective stands: what the console's Health shows, and `GET /objectives`."""
    now = clients.now()
    days = await clients.storage.objectives.since(now)
    today = days.get(f"{now:%Y-%m-%d}", DayTallies())
    return tuple(health_of(each, days.values(), today) for each in OBJECTIVES.values())


async def _count(objective: ObjectiveId, since: datetime, until: datetime, clients: Clients) -> None:
    met = is_met(objective, since, until)
    telemetry.OBJECTIVES_COUNTED.add(1, {"objective": objective, "met": str(met).lower()})
    await clients.storage.objectives.count(objective, clients.now(), met=met)
