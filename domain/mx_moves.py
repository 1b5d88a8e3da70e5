"""What is remembered of a tenant's MX records, and until when senders may still hold older ones.

Resolvers keep an MX for its time to live. A lock-down that closes before the old one has run out refuses the mail of
everyone who still has it (docs/reference/dns.md#mx-and-the-lock-down). Nothing in DNS says when a record changed, so
every look is remembered. If we do not know the earlier MX, wait as long as a resolver may cache one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Self

from pydantic import AwareDatetime

from domain.mail import mx, names
from domain.mail.answers import Absent, DnsAnswer, DnsAnswers, Present, Question
from domain.mail.asking import Needs, NoVerdict

UNSEEN_PATIENCE = timedelta(hours=48)
"""How long an MX that was never seen elsewhere may have been so until a moment ago
(docs/reference/dns.md#mx-and-the-lock-down)."""

LONGEST_TTL_S = 7 * 86_400
"""No resolver believes longer (BIND's max-cache-ttl; most keep a day): a mistyped TTL does not hold for years."""

FORGOTTEN_AFTER = UNSEEN_PATIENCE
"""Not looked at for so long, an MX may have left the filter and come back."""


@dataclass(frozen=True, slots=True)
class Sight:
    """The MX of one domain at one look: what it means, and the answer that says so (None while not asked)."""

    verdict: mx.MxVerdict | Needs | NoVerdict
    answer: DnsAnswer | None = None


type Sights = Mapping[str, Sight]


def sight(domain: str, answers: DnsAnswers, suffixes: tuple[str, ...]) -> Sight:
    """What *answers* say of *domain*'s MX. A domain that is no name is unknown: mail cannot be proven to reach it."""
    try:
        return Sight(mx.judge_mx(domain, answers, suffixes), answers.get(Question(names.to_ascii(domain), "MX")))
    except ValueError as odd:
        return Sight(NoVerdict(str(odd)))


@dataclass(frozen=True, slots=True)
class MxMemory:
    """One domain. *until*: when the last resolver forgets what was there before the filter.

    *elsewhere*: the hosts last seen that are not the filter's ("no MX" where there was none); empty when none was ever
    seen. *ttl_s*: their time to live. *seen_at*: the last look that told anything.
    """

    at_filter: bool
    until: AwareDatetime
    seen_at: AwareDatetime
    elsewhere: tuple[str, ...] = ()
    ttl_s: int = 0


@dataclass(frozen=True, slots=True)
class MxMemories:
    """Every domain of a tenant. *locked_at*: when the tenant was last seen with a lock, be it off."""

    domains: Mapping[str, MxMemory] = field(default_factory=dict)
    locked_at: AwareDatetime | None = None

    def after(self, sights: Sights, now: datetime, *, locked: bool) -> Self:
        """What is remembered after a look at *now* at all the tenant's domains; none where they were not read."""
        locked_at = now if locked else self.locked_at
        if not sights:
            return replace(self, locked_at=locked_at)
        was_locked = locked_at is not None and now - locked_at <= FORGOTTEN_AFTER
        seen = {name: _after(self.domains.get(name), each, now, was_locked) for name, each in sights.items()}
        domains = self._left_out(sights, now) | {name: memory for name, memory in seen.items() if memory}
        return replace(self, domains=domains, locked_at=locked_at)

    def _left_out(self, sights: Sights, now: datetime) -> dict[str, MxMemory]:
        """Domains that a listing lacks: it may be an older replica's, and their old MX is believed all the same."""
        patience = timedelta(seconds=LONGEST_TTL_S)
        return {n: each for n, each in self.domains.items() if n not in sights and now - each.seen_at <= patience}


def _after(before: MxMemory | None, seen: Sight, now: datetime, was_locked: bool) -> MxMemory | None:  # noqa: FBT001
    """What is remembered of one domain. What was unclear, or not said by every server, tells nothing."""
    answer = seen.answer
    if isinstance(seen.verdict, Needs | NoVerdict) or not isinstance(answer, Present | Absent):
        return before
    if before and answer.at <= before.seen_at:
        return before
    if not mx.allows_lockdown(seen.verdict):
        return _elsewhere(before, seen.verdict, answer, now)
    if isinstance(answer, Present) and answer.whole:
        return _at_filter(before, answer.at, was_locked=was_locked)
    return before


def _elsewhere(before: MxMemory | None, verdict: mx.MxVerdict, answer: Present | Absent, now: datetime) -> MxMemory:
    """An MX elsewhere may be fetched anew until the next look: how long it is believed is counted from there too."""
    # Of an answer that was kept, what was left of its time is told.
    ttl_s = min(answer.ttl_s + int((now - answer.at).total_seconds()), LONGEST_TTL_S)
    until = max([answer.at + timedelta(seconds=ttl_s), *_still_believed(before, answer.at)])
    return MxMemory(at_filter=False, until=until, seen_at=answer.at, elsewhere=_hosts(verdict), ttl_s=ttl_s)


def _at_filter(before: MxMemory | None, at: datetime, *, was_locked: bool) -> MxMemory:
    if before and not before.at_filter:
        until = max(_still_believed(before, at))
        return replace(before, at_filter=True, until=until, seen_at=at)
    if before and at - before.seen_at <= FORGOTTEN_AFTER:
        return replace(before, seen_at=at)
    # With a lock and at the filter, as found: waiting would keep open what somebody had closed.
    anew = MxMemory(at_filter=True, until=at if was_locked else at + UNSEEN_PATIENCE, seen_at=at)
    return replace(before, seen_at=at) if before and before.until > anew.until else anew


def _still_believed(before: MxMemory | None, at: datetime) -> list[datetime]:
    """Until when what was there before *at* is believed: it may have been fetched up to then."""
    if before is None:
        return []
    return [before.until, *([] if before.at_filter else [at + timedelta(seconds=before.ttl_s)])]


def _hosts(verdict: mx.MxVerdict) -> tuple[str, ...]:
    match verdict:
        case mx.Mixed(others=hosts) | mx.Microsoft(hosts=hosts) | mx.Other(hosts=hosts):
            return hosts
        case _:
            return ("no MX",)
