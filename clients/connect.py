"""Everything a worker talks to, made once and handed to the handlers."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Literal

import httpx
import stamina.instrumentation

from clients import storage
from clients.announcer import Announcer
from clients.cache import ExpiringCache
from clients.dns_providers import Hosting
from clients.entra.callers_tokens import Tokens
from clients.entra.clouds import ENDPOINTS, Endpoints
from clients.entra.credentials import Certificate, ClientSecret, Credentials, Proof, managed_identity
from clients.entra.grants import Grants
from clients.exchange.compliance import Compliance
from clients.exchange.exchange import Exchange
from clients.graph.activity import Activity
from clients.graph.alerts import Alerts
from clients.graph.partner import Partner
from clients.http import Clock, Http, make_client, utc_now
from clients.profiles import all_profiles
from clients.psa import systems
from clients.resolver import Resolver
from clients.settings import Settings
from domain.control import Control, Facts
from domain.controls.per_domain import own_names
from domain.facts import Query, Reading
from domain.mail import names
from domain.mail.answers import Answer, Question
from domain.mail.asking import Needs
from domain.mx_moves import Sights, sight
from domain.profile import Profile
from domain.steps import Step
from domain.tenant import TenantConfig, Wanted

MOST_DNS_ROUNDS = 20
"""An SPF tree is asked level by level; one that is deeper than its ten look-ups allow ends as unknown."""


REMEMBERED = timedelta(hours=1)
TENANTS_REMEMBERED = 4096
"""What a worker keeps of the questions it asked of DNS, so that the next look can ask them without waiting."""


type Care = Literal["usual", "anew", "sure"]
"""Usual: an answer that was kept will do. Anew: none that was kept. Sure: anew, and from every server, for writes."""


@dataclass(frozen=True, slots=True)
class Clients:
    """The neighbours of one worker. *rereads_s*: seconds to wait before each look that is to prove a write."""

    exchange: Exchange
    compliance: Compliance
    alerts: Alerts
    activity: Activity
    partner: Partner
    dns: Resolver
    hosting: Hosting
    storage: storage.Storage
    psa: systems.TicketSystems
    settings: Settings
    profiles: dict[str, Profile]
    web: httpx.AsyncClient
    now: Clock
    grants: Grants
    tokens: Tokens | None = None
    rereads_s: tuple[float, ...] = (0, 1, 2, 4)
    asked: ExpiringCache[str, tuple[Question, ...]] = field(default_factory=lambda: ExpiringCache(TENANTS_REMEMBERED))

    async def read(self, tenant: TenantConfig, queries: Sequence[Query]) -> Reading:
        """Answer every query, Exchange and compliance at the same time.

        Raises:
            Throttled: A service asked for a longer wait than a worker should sit through.
        """
        once = dict.fromkeys(queries)
        exchange, compliance = await asyncio.gather(
            self.exchange.read(tenant.tenant_id, [q for q in once if q.service == "exchange"]),
            self.compliance.read(
                tenant.tenant_id, [q for q in once if q.service == "compliance"], initial_domain=tenant.initial_domain
            ),
        )
        return exchange | compliance

    async def look(self, wanted: Wanted, controls: Sequence[Control], *, care: Care = "usual") -> Facts:
        """Read all that *controls* see: Exchange and compliance, and what these make it ask of DNS.

        What a tenant's look asked of DNS the last time is asked at once, beside Exchange; only what is new waits.
        *care*: how the tenant's own domains are asked about.

        Raises:
            Throttled: As `read`.
        """
        now, tenant_id = self.now(), wanted.tenant.tenant_id
        again = care == "usual" and any(control.asks_dns for control in controls)
        before = self.asked.get(tenant_id, now) or () if again else ()
        reading, answers = await asyncio.gather(
            self.read(wanted.tenant, [query for control in controls for query in control.queries]), self.dns.ask(before)
        )
        facts, needed = Facts(reading), dict[Question, None]()
        for _ in range(MOST_DNS_ROUNDS):
            questions = {q: None for control in controls for q in control.questions(facts, wanted)}
            if not questions:
                break
            needed |= questions
            if new := [question for question in questions if question not in answers]:
                answers |= await self._answers(new, own_names(facts), care)
            facts = facts.answered({question: answers[question] for question in questions})
        if needed:
            self.asked.put(tenant_id, tuple(needed), now + REMEMBERED)
        return facts

    async def _answers(self, questions: list[Question], own: tuple[str, ...], care: Care) -> dict[Question, Answer]:
        """The answers; those about names in the domains *own* with *care*."""
        if care == "usual":
            return await self.dns.ask(questions)
        ours = [question for question in questions if any(names.is_under(question.name, domain) for domain in own)]
        about_us, others = await asyncio.gather(
            self.dns.ask(ours, every_server=care == "sure", fresh=True),
            self.dns.ask([question for question in questions if question not in ours]),
        )
        return about_us | others

    async def mx(self, domains: Sequence[str], suffixes: tuple[str, ...]) -> Sights:
        """What the MX of *domains* are now, on every server of each: a kept answer, or one server's, is not enough."""
        answers = dict[Question, Answer]()
        while True:
            seen = {domain: sight(domain, answers, suffixes) for domain in domains}
            needs = [each.verdict for each in seen.values() if isinstance(each.verdict, Needs)]
            if not needs:
                return seen
            questions = [question for each in needs for question in each.questions]
            answers |= await self.dns.ask(questions, every_server=True, fresh=True)

    async def apply(self, tenant: TenantConfig, step: Step, permit: Callable[[], Awaitable[None]]) -> None:
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
        await self.web.aclose()
        await self.storage.aclose()

    def wanted(self, tenant: TenantConfig) -> Wanted:
        """What *tenant* should look like.

        Raises:
            ValueError: Its config names a profile that does not exist, or overrides that the profile refuses.
        """
        if tenant.profile not in self.profiles:
            raise ValueError(f"profile: '{tenant.profile}' does not exist; there is {', '.join(sorted(self.profiles))}")
        return Wanted(tenant, self.profiles[tenant.profile].with_overrides(tenant.overrides))


async def connect(settings: Settings, *, now: Clock = utc_now) -> Clients:
    """Open every neighbour that *settings* name. One httpx client serves them all."""
    stamina.instrumentation.set_on_retry_hooks([])  # each failed try is logged once, where it is known what it was
    web = make_client()
    http = Http(web, now=now)
    endpoints = _endpoints(settings)
    credentials = Credentials(http, endpoints, settings.client_id, _proof(settings, endpoints), now=now)
    ticket_systems = systems.connect(settings, http, web, now=now)
    kept = await storage.connect(settings)
    if ticket_systems.by_provider:
        kept.ledger.listener = Announcer(kept.tickets, kept.queues, now=now)
    return Clients(
        exchange=Exchange(http, credentials, endpoints, now=now),
        compliance=Compliance(http, credentials, endpoints, now=now),
        alerts=Alerts(http, credentials, endpoints, now=now),
        partner=Partner(http, credentials, endpoints),
        activity=Activity(http, credentials, endpoints, settings.partner_tenant_id or settings.client_id),
        dns=Resolver(settings.resolvers(), now),
        hosting=Hosting(http, settings.dns_secrets, _arm_token(credentials, endpoints), endpoints.management),
        storage=kept,
        psa=ticket_systems,
        settings=settings,
        profiles=all_profiles(),
        web=web,
        now=now,
        tokens=_tokens(settings, http, endpoints, now=now),
        grants=Grants(credentials, endpoints, settings.client_id),
    )


def _arm_token(credentials: Credentials, endpoints: Endpoints) -> Callable[[str], Awaitable[str]]:
    """How a token for Azure's management API is got, made out by the Entra tenant that owns the subscription."""
    return lambda directory: credentials.token(directory, f"{endpoints.management}/.default")


def _tokens(settings: Settings, http: Http, endpoints: Endpoints, *, now: Clock) -> Tokens | None:
    """What checks the callers' tokens; None where only function keys are taken."""
    if not settings.api_audience:
        return None
    return Tokens(http, endpoints, settings.api_tenant_id, settings.audiences(), now=now)


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


def _proof(settings: Settings, endpoints: Endpoints) -> Proof:
    if settings.client_certificate:
        return Certificate(settings.client_certificate)
    if settings.client_secret:
        return ClientSecret(settings.client_secret)
    return managed_identity(settings.managed_identity_client_id, endpoints.assertion_audience)
