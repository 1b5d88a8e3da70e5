"""Everything a worker talks to, made once and handed to the handlers."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from ipaddress import ip_address

import httpx
import stamina.instrumentation

from clients import storage
from clients.announcer import Announcer
from clients.dns_providers import Hosting
from clients.entra.callers_tokens import Tokens
from clients.entra.clouds import ENDPOINTS, Endpoints
from clients.entra.credentials import Certificate, ClientSecret, Credential, Credentials, managed_identity
from clients.entra.grants import Grants
from clients.entra.sign_in import SignIn
from clients.entra.vault_key import VaultKey, vault_service
from clients.exchange.compliance import Compliance
from clients.exchange.exchange import Exchange
from clients.flush import Flush
from clients.graph.activity import Activity
from clients.graph.alerts import Alerts
from clients.graph.message_trace import MessageTrace
from clients.graph.partner import Partner
from clients.http import Clock, Http, Permit, make_client, utc_now
from clients.notify.channels import Channels
from clients.profiles import Profiles, all_profiles
from clients.psa import systems
from clients.reader import TenantReader
from clients.resolver import Resolver
from clients.secrets import hide
from clients.settings import Settings
from domain.steps import Step
from domain.tenant import TenantConfig, Wanted
from domain.waves import TenantMove

VISITS_AT_ONCE = 64
"""Tenants at the same time in one worker: what waits for Microsoft's answers costs little, what was read takes room."""


@dataclass(frozen=True, slots=True)
class Clients:
    """The neighbours of one worker. *rereads_s*: seconds to wait before each look that is to prove a write.

    *visits*: the tenants that are visited at the same time, for `batchSize` of host.json counts messages.
    """

    exchange: Exchange
    compliance: Compliance
    alerts: Alerts
    activity: Activity
    trace: MessageTrace
    partner: Partner
    reader: TenantReader
    hosting: Hosting
    storage: storage.Storage
    psa: systems.TicketSystems
    settings: Settings
    profiles: Profiles
    web: httpx.AsyncClient
    now: Clock
    grants: Grants
    credential: Credential
    channels: Channels = field(default_factory=Channels)
    tokens: Tokens | None = None
    sign_in: SignIn | None = None
    rereads_s: tuple[float, ...] = (0, 1, 2, 4)
    visits: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(VISITS_AT_ONCE))
    flush: Flush = field(default_factory=Flush)

    async def apply(self, tenant: TenantConfig, step: Step, permit: Permit) -> None:
        """Run one write: the only place that does. *permit* is asked last, and stops it by raising.

        Raises:
            ClientError: As `Exchange.apply`, `Compliance.apply` and `Hosting.apply` say.
        """
        match step.service:
            case "exchange":
                await self.exchange.apply(tenant.tenant_id, step, permit=permit)
            case "compliance":
                await self.compliance.apply(tenant.tenant_id, step, initial_domain=tenant.initial_domain, permit=permit)
            case "dns":
                await self.hosting.apply(tenant, step, permit=permit)

    async def aclose(self) -> None:
        await self.flush.aclose()
        await self.web.aclose()
        await self.storage.aclose()

    def wanted(self, tenant: TenantConfig, version: str, move: TenantMove | None = None) -> Wanted:
        """What *tenant* should look like by that *version* of its profile; empty: the oldest. *move*: its last.

        Raises:
            ValueError: Its config names a profile that does not exist, or not in that version, or overrides that it
                refuses.
        """
        profile = self.profiles.held_to(tenant.profile, version)
        others = tuple(each for each in self.profiles.versions_of(tenant.profile) if each.version != profile.version)
        moved_at = move.at if move and not move.refused else None
        return Wanted(tenant, profile.with_overrides(tenant.overrides), others=others, moved_at=moved_at)

    def filter_name(self, tenant: TenantConfig) -> str:
        """What people call the mail filter of *tenant*, also where its config names no profile that there is."""
        profile = self.profiles.newest.get(tenant.profile)
        return profile.name if profile else "the mail filter"


async def connect(settings: Settings, *, now: Clock = utc_now) -> Clients:
    """Open every neighbour that *settings* name. One httpx client serves them all."""
    hide(settings.secrets())
    stamina.instrumentation.set_on_retry_hooks([])  # each failed try is logged once, where it is known what it was
    web = make_client()
    http = Http(web, now=now)
    endpoints = _endpoints(settings)
    credential = _credential(settings, endpoints, http, now, settings.client_id)
    credentials = Credentials(http, endpoints, settings.client_id, credential, now=now)
    ticket_systems = systems.connect_ticket_systems(settings, http, web, now=now)
    kept = await storage.open_storage(settings, now=now)
    channels = settings.channels()
    told = (
        (kept.tickets.news.make, ticket_systems.by_provider),
        (kept.notices.unsent.make, channels.by_name or settings.events),
    )
    marks = [mark for mark, configured in told if configured]
    if marks:
        kept.ledger.listener = Announcer(marks, kept.queues, now=now)
    exchange = Exchange(http, credentials, endpoints, now=now)
    compliance = Compliance(http, credentials, endpoints, now=now)
    return Clients(
        exchange=exchange,
        compliance=compliance,
        reader=TenantReader(exchange, compliance, Resolver(settings.dns_servers, now), now),
        alerts=Alerts(http, credentials, endpoints, now=now),
        trace=MessageTrace(http, credentials, endpoints),
        partner=Partner(http, credentials, endpoints),
        activity=Activity(http, credentials, endpoints, settings.partner_tenant_id or settings.client_id),
        hosting=_hosting(settings, http, credentials, endpoints),
        storage=kept,
        psa=ticket_systems,
        settings=settings,
        profiles=all_profiles(),
        web=web,
        now=now,
        tokens=_tokens(settings, http, endpoints, now=now),
        channels=channels,
        sign_in=_sign_in(settings, http, endpoints, now=now),
        grants=Grants(credentials, endpoints, settings.client_id),
        credential=credential,
    )


def _hosting(settings: Settings, http: Http, credentials: Credentials, endpoints: Endpoints) -> Hosting:
    return Hosting(
        http,
        settings.dns_secrets,
        _arm_token(credentials, endpoints),
        endpoints.management,
        tenants=settings.tenants_by_dns_secret(),
        # Who has DNS asked on this machine runs a test on it.
        loopback=any(ip_address(address).is_loopback for address, _ in settings.dns_servers),
    )


def _arm_token(credentials: Credentials, endpoints: Endpoints) -> Callable[[str], Awaitable[str]]:
    """How a token for Azure's management API is got, made out by the Entra tenant that owns the subscription."""
    return lambda directory: credentials.token(directory, f"{endpoints.management}/.default")


def _tokens(settings: Settings, http: Http, endpoints: Endpoints, *, now: Clock) -> Tokens | None:
    """What checks the callers' tokens; None where only keys are taken."""
    if not settings.api_audience:
        return None
    return Tokens(http, endpoints, settings.api_tenant_id, settings.audiences(), now=now)


def _sign_in(settings: Settings, http: Http, endpoints: Endpoints, *, now: Clock) -> SignIn | None:
    """How people sign in to the console; None where it is not set up. The credential is the service's own."""
    if not settings.api_client_id:
        return None
    return SignIn(
        http,
        login=endpoints.login,
        pages=settings.entra_pages_url or endpoints.login,
        tenant_id=settings.api_tenant_id,
        client_id=settings.api_client_id,
        credential=_credential(settings, endpoints, http, now, settings.api_client_id),
        now=now,
    )


def _endpoints(settings: Settings) -> Endpoints:
    """The cloud's endpoints, with the base URLs that the settings replace; scopes stay the cloud's."""
    given = {
        "login": settings.login_url,
        "exchange": settings.exchange_url,
        "compliance": settings.compliance_url,
        "graph": settings.graph_url,
        "activity": settings.activity_url,
    }
    return replace(ENDPOINTS[settings.cloud], **{name: url for name, url in given.items() if url})


def _credential(settings: Settings, endpoints: Endpoints, http: Http, now: Clock, client_id: str) -> Credential:
    """The service's own credential, as it proves the application *client_id*."""
    if settings.client_certificate:
        return Certificate(settings.client_certificate)
    if settings.client_secret:
        return ClientSecret(settings.client_secret, settings.client_secret_ends)
    if settings.client_key:
        # The identity that storage is reached with has its roles on the vault, too.
        token = managed_identity(settings.storage_identity, vault_service(settings.client_key)).assertion
        return VaultKey(http, settings.client_key, client_id, token, now=now)
    return managed_identity(settings.managed_identity_client_id, endpoints.assertion_audience)
