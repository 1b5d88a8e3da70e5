"""Reads one tenant for judging: Exchange and compliance side by side, and the DNS that these make it ask about."""

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from clients.cache import ExpiringCache
from clients.exchange.compliance import Compliance
from clients.exchange.exchange import Exchange
from clients.http import Clock
from clients.resolver import Resolver
from clients.restraint import Resting
from domain.control import Control
from domain.controls.per_domain import own_names
from domain.exchange import ExchangeObject
from domain.facts import Facts
from domain.mail import names
from domain.mail.answers import DnsAnswer, Question
from domain.mail.asking import Needs
from domain.mail.mx import FilterHosts
from domain.mx_moves import Sights, sight
from domain.reading import Lane, Query, Reading, Seen, Unseen
from domain.tenant import TenantConfig, Wanted

MOST_DNS_ROUNDS = 20
"""An SPF tree is asked level by level; one that is deeper than its ten look-ups allow ends as unknown."""
QUESTIONS_KEPT = timedelta(hours=1)
TENANTS_KEPT = 4096
"""Tenants whose last DNS questions a worker keeps, so that the next look asks them beside Exchange."""

type DnsRead = Literal["cached", "fresh", "every_server"]
"""How the tenant's own domains are read: `cached` takes a kept answer, `fresh` none, `every_server` is fresh and needs
an answer from each server of the zone (before and after writes, and for guards)."""


@dataclass(frozen=True, slots=True)
class TenantReader:
    """Exchange, compliance and DNS of any tenant.

    *asked*: what each tenant's last look asked of DNS; *asked_of_mx*: what a look at the MX of some domains does.
    """

    exchange: Exchange
    compliance: Compliance
    dns: Resolver
    now: Clock
    asked: ExpiringCache[str, tuple[Question, ...]] = field(default_factory=lambda: ExpiringCache(TENANTS_KEPT))
    asked_of_mx: ExpiringCache[tuple[str, ...], tuple[Question, ...]] = field(
        default_factory=lambda: ExpiringCache(TENANTS_KEPT)
    )

    async def read(self, tenant: TenantConfig, queries: Sequence[Query]) -> Reading:
        """Answer every query, Exchange and compliance at the same time.

        Raises:
            Throttled: A service asked for a longer wait than a worker should sit through.
        """
        once = dict.fromkeys(queries)
        of_exchange = [query for query in once if query.service == "exchange"]
        of_compliance = [query for query in once if query.service == "compliance"]
        exchange, compliance = await asyncio.gather(
            self._unless_resting(of_exchange, self.exchange.read(tenant.tenant_id, of_exchange)),
            self._unless_resting(
                of_compliance,
                self.compliance.read(tenant.tenant_id, of_compliance, initial_domain=tenant.initial_domain),
            ),
        )
        return exchange | compliance

    async def _unless_resting(
        self, queries: Sequence[Query], reading: Awaitable[dict[Query, Seen | Unseen]]
    ) -> dict[Query, Seen | Unseen]:
        """What *reading* gives; where the tenant rests at that service, that it does, for each of *queries*."""
        try:
            return await reading
        except Resting as resting:
            return dict.fromkeys(queries, Unseen(resting.sentence, self.now()))

    async def look(
        self,
        wanted: Wanted,
        controls: Sequence[Control],
        *,
        dns: DnsRead = "cached",
        beside: Sequence[type[ExchangeObject]] = (),
        lane: Lane | None = None,
    ) -> Facts:
        """Read all that those of *controls* see that apply to the tenant's filter: Exchange, compliance, then DNS.

        *beside*: kinds of object that are read in any case. *lane*: in which the look is; None is one in both.

        The questions of the tenant's last look go out at once, beside Exchange; only new ones wait for its answer.

        Raises:
            Throttled: As `read`.
        """
        now, tenant_id = self.now(), wanted.tenant.tenant_id
        controls = [control for control in controls if control.applies(wanted.profile)]
        again = dns == "cached" and any(control.asks_dns for control in controls)
        before = self.asked.get(tenant_id, now) or () if again else ()
        queries = [query for control in controls for query in control.queries_in(lane)]
        queries += [query for kind in beside for query in kind.queries]
        reading, answers = await asyncio.gather(self.read(wanted.tenant, queries), self.dns.ask(before))
        facts, needed = Facts(reading), dict[Question, None]()
        for _ in range(MOST_DNS_ROUNDS):
            questions = {q: None for control in controls for q in control.questions(facts, wanted)}
            if not questions:
                break
            needed |= questions
            if new := [question for question in questions if question not in answers]:
                answers |= await self._answers(new, own_names(facts), dns)
            facts = facts.answered({question: answers[question] for question in questions})
        if needed:
            self.asked.put(tenant_id, tuple(needed), now + QUESTIONS_KEPT)
        return facts

    async def _answers(
        self, questions: list[Question], own: tuple[str, ...], dns: DnsRead
    ) -> dict[Question, DnsAnswer]:
        """The answers; those about names in the domains *own* as *dns* says."""
        if dns == "cached":
            return await self.dns.ask(questions)
        ours = [question for question in questions if any(names.is_under(question.name, domain) for domain in own)]
        about_us, others = await asyncio.gather(
            self.dns.ask(ours, every_server=dns == "every_server", fresh=True),
            self.dns.ask([question for question in questions if question not in ours]),
        )
        return about_us | others

    async def mx(self, domains: Sequence[str], filter_hosts: FilterHosts) -> Sights:
        """The MX of *domains* now, read fresh from every server of each zone.

        What had to be asked before goes out at once; where that is not all any more, the next time finds out anew.
        """
        now, named = self.now(), tuple(domains)
        before = self.asked_of_mx.get(named, now) or ()
        answers = await self.dns.ask(before, every_server=True, fresh=True)
        while True:
            seen = {domain: sight(domain, answers, filter_hosts) for domain in domains}
            needs = [each.verdict for each in seen.values() if isinstance(each.verdict, Needs)]
            if not needs:
                if not before:
                    self.asked_of_mx.put(named, tuple(answers), now + QUESTIONS_KEPT)
                return seen
            if before:
                self.asked_of_mx.drop(named)
            questions = [question for each in needs for question in each.questions]
            answers |= await self.dns.ask(questions, every_server=True, fresh=True)
