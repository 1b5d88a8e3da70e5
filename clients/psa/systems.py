"""The ticket systems this service is connected to, as its settings say."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple, assert_never, get_args

import httpx

from clients.cache import ExpiringCache
from clients.http import Clock, Http
from clients.psa.api import PsaClient, WebhookSender
from clients.psa.autotask import Autotask
from clients.psa.connectwise import ConnectWise
from clients.psa.halopsa import HaloPsa
from clients.psa.signing_keys import SigningKeys
from clients.psa.standard import StandardSender
from clients.settings import Settings
from domain.psa.desk import Provider, TicketSystem
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
    """*senders*: whose webhooks are taken, the ticket systems among them. *marks*: by which our tickets are known.

    *own*: where the MSP itself is told of the service, if a setting says so.

    *hinted*, *done*: what this worker has put on the queue, or has done, a moment ago.
    """

    by_provider: Mapping[Provider, PsaClient]
    senders: Mapping[Provider, WebhookSender]
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
    made: dict[Provider, PsaClient] = {}
    for name in get_args(TicketSystem):
        if client := _client(name, settings, http, web, now):
            made[name] = client
    senders: dict[Provider, WebhookSender] = {**made}
    if settings.psa_standard:
        senders["standard"] = StandardSender(settings.psa_standard, now=now)
    own = next((OwnCompany(client, client.own_company) for client in made.values() if client.own_company), None)
    return TicketSystems(made, senders, Marks(settings.mark_key()), own)


def _client(name: TicketSystem, settings: Settings, http: Http, web: httpx.AsyncClient, now: Clock) -> PsaClient | None:
    match name:
        case "connectwise":
            site = settings.psa_connectwise
            return ConnectWise(http, site, SigningKeys(web, site, now=now)) if site else None
        case "autotask":
            database = settings.psa_autotask
            return Autotask(http, database, now=now) if database else None
        case "halopsa":
            instance = settings.psa_halopsa
            return HaloPsa(http, instance, now=now) if instance else None
        case _:
            assert_never(name)
