"""The ticket systems this service is connected to, as its settings say."""

from dataclasses import dataclass, field

import httpx

from clients.cache import ExpiringCache
from clients.http import Clock
from clients.psa.door import Door
from clients.settings import Settings
from domain.psa.desk import Desk, Provider

HINTS_KNOWN = 20_000


@dataclass(frozen=True, slots=True)
class TicketSystems:
    """*door*: who may come in. *hinted*: what this worker has put on the queue a moment ago."""

    door: Door
    desks: dict[Provider, Desk]
    hinted: ExpiringCache[str, bool] = field(default_factory=lambda: ExpiringCache(HINTS_KNOWN))


def connect(settings: Settings, web: httpx.AsyncClient, *, now: Clock) -> TicketSystems:
    """What *settings* name. Nothing is asked of any of them yet."""
    connections = {
        "connectwise": settings.psa_connectwise,
        "autotask": settings.psa_autotask,
        "halopsa": settings.psa_halopsa,
    }
    desks: dict[Provider, Desk] = {name: each.desk for name, each in connections.items() if each}  # type: ignore[misc]
    return TicketSystems(Door(settings, web, now=now), desks)
