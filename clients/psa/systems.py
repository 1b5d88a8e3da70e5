"""The ticket systems this service is connected to, as its settings say."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

import httpx

from clients.cache import ExpiringCache
from clients.http import Clock, Http
from clients.psa.api import PsaClient
from clients.psa.autotask import Autotask
from clients.psa.connectwise import ConnectWise
from clients.psa.door import Door
from clients.psa.halopsa import HaloPsa
from clients.settings import Settings
from domain.psa.desk import Provider
from domain.psa.marks import Marks
from domain.tenant import TenantConfig

REMEMBERED = 20_000
CLOCK_SKEW = timedelta(seconds=5)
"""How far the clocks of two workers may be apart."""


class OwnCompany(NamedTuple):
    """The MSP itself, as a company of the ticket system *psa*."""

    psa: PsaClient
    company: str


@dataclass(frozen=True, slots=True)
class TicketSystems:
    """*door*: who may come in. *marks*: by which our tickets are known.

    *own*: where the MSP itself is told of the service, if a setting says so.

    *hinted*, *done*: what this worker has put on the queue, or has done, a moment ago.
    """

    door: Door
    by_provider: Mapping[Provider, PsaClient]
    marks: Marks
    own: OwnCompany | None = None
    hinted: ExpiringCache[str, bool] = field(default_factory=lambda: ExpiringCache(REMEMBERED))
    done: ExpiringCache[str, datetime] = field(default_factory=lambda: ExpiringCache(REMEMBERED))

    def of(self, tenant: TenantConfig) -> PsaClient | None:
        """Where the tenant's tickets go; nowhere where its config names no company, or no system that is connected."""
        return self.by_provider.get(tenant.psa.provider) if tenant.psa else None


def covered(asked_at: datetime, read_at: datetime | None) -> bool:
    """Whether what was read at *read_at* shows all that a message of *asked_at* was sent for."""
    return read_at is not None and read_at >= asked_at + CLOCK_SKEW


def connect_ticket_systems(settings: Settings, http: Http, web: httpx.AsyncClient, *, now: Clock) -> TicketSystems:
    """What *settings* name. Nothing is asked of any of them yet."""
    systems: list[tuple[PsaClient, str]] = []
    if connectwise := settings.psa_connectwise:
        systems.append((ConnectWise(http, connectwise), connectwise.own_company))
    if autotask := settings.psa_autotask:
        systems.append((Autotask(http, autotask, now=now), autotask.own_company))
    if halopsa := settings.psa_halopsa:
        systems.append((HaloPsa(http, halopsa, now=now), halopsa.own_company))
    marks = Marks(settings.mark_key())
    own = next((OwnCompany(system, company) for system, company in systems if company), None)
    return TicketSystems(Door(settings, web, now=now), {system.provider: system for system, _ in systems}, marks, own)
