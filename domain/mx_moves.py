"""What is remembered of a tenant's MX records, and until when senders may still hold older ones.

Resolvers keep an MX for its time to live, and ask the name servers that they know for as long as the delegation lives.
A lock-down that closes before the old ones have run out refuses the mail of everyone who still has them
(docs/reference/dns.md#mx-and-the-lock-down). Nothing in DNS says when a record changed, so every look is remembered. If
we do not know the earlier MX, wait as long as a resolver may cache one.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Self

from pydantic import AwareDatetime

from domain.mail import mx, names
from domain.mail.answers import Absent, DnsAnswer, DnsAnswers, Present, Question, Unclear
from domain.mail.asking import Needs, NoVerdict, hosts

UNSEEN_PATIENCE = timedelta(hours=48)
"""How long an MX that was never seen elsewhere may have been so until a moment ago
(docs/reference/dns.md#mx-and-the-lock-down)."""

LONGEST_TTL_S = 7 * 86_400
"""No resolver believes longer (BIND's max-cache-ttl; most keep a day): a mistyped TTL does not hold for years."""

FORGOTTEN_AFTER = UNSEEN_PATIENCE
"""Not looked at for so long, an MX may have left the filter and come back."""


UNLISTED_PATIENCE = timedelta(hours=1)
"""How long after its last look a domain that a list lacks may still be there: replicas lag by seconds to minutes
(docs/reference/exchange.md#replication)."""


@dataclass(frozen=True, slots=True)
class Sight:
    """The MX of one domain at one look: what it means, and the answer that says so (None while not asked).

    *servers*: the name servers of its zone, as DNS said. *strays*: what single servers said where not all agreed, with
    the hosts of each that are not the filter's.
    """

    verdict: mx.MxVerdict | Needs | NoVerdict
    answer: DnsAnswer | None = None
    servers: DnsAnswer | None = None
    strays: tuple[tuple[Present | Absent, tuple[str, ...]], ...] = ()


type Sights = Mapping[str, Sight]


def sight(domain: str, answers: DnsAnswers, filter_hosts: mx.FilterHosts) -> Sight:
    """What *answers* say of *domain*'s MX. A domain that is no name is unknown: mail cannot be proven to reach it."""
    try:
        name, ours = names.to_ascii(domain), filter_hosts.checked()
        verdict = mx.judge_mx(name, answers, ours)
    except ValueError as odd:
        return Sight(NoVerdict(str(odd)))
    servers, open_questions = _servers(name, answers)
    answer = answers.get(Question(name, "MX"))
    if open_questions:
        more = verdict.questions if isinstance(verdict, Needs) else ()
        return Sight(Needs((*more, *open_questions)), answer)
    shown = answer.shown if isinstance(answer, Unclear) else ()
    strays = tuple((each, away) for each in shown if (away := mx.elsewhere(each, ours)))
    return Sight(verdict, answer, servers, strays)


def _servers(name: str, answers: DnsAnswers) -> tuple[DnsAnswer | None, tuple[Question, ...]]:
    """The name servers of the zone of *name*, its own or one above; else what is to be asked to find them."""
    while "." in name:
        question = Question(name, "NS")
        answer = answers.get(question)
        if not isinstance(answer, Absent):
            return answer, () if answer else (question,)
        name = name.partition(".")[2]
    return None, ()


@dataclass(frozen=True, slots=True)
class MxMemory:
    """One domain. *until*: when the last resolver forgets what was there before the filter.

    *elsewhere*: the hosts last seen that are not the filter's ("no MX" where there was none); empty when none was ever
    seen. *ttl_s*: their time to live. *seen_at*: the last look that told anything. *servers*: the name servers of its
    zone, *servers_s*: for how long resolvers ask them. *former*: those before them, asked until *former_until*.
    *unseen_from*: the last look at the tenant's MX before this memory was begun, a new domain's or one after
    FORGOTTEN_AFTER without a look; None where it began with the tenant's first.
    """

    at_filter: bool
    until: AwareDatetime
    seen_at: AwareDatetime
    elsewhere: tuple[str, ...] = ()
    ttl_s: int = 0
    servers: tuple[str, ...] = ()
    servers_s: int = 0
    former: tuple[str, ...] = ()
    former_until: AwareDatetime | None = None
    unseen_from: AwareDatetime | None = None

    def begins_after(self, since: datetime) -> bool:
        """Whether it was begun after something had been unseen that a person's word of *since* knows nothing of."""
        return self.unseen_from is not None and since <= self.unseen_from


@dataclass(frozen=True, slots=True)
class MxMemories:
    """Every domain of a tenant. *locked_at*: when the tenant was last seen locked, by us or by the audit log."""

    domains: Mapping[str, MxMemory] = field(default_factory=dict)
    locked_at: AwareDatetime | None = None

    def seen_locked(self, at: datetime) -> Self:
        """The same once somebody else has seen the tenant locked at *at*."""
        return replace(self, locked_at=max(at, self.locked_at or at))

    def was_locked_at(self, now: datetime) -> bool:
        """Whether a lock was seen so lately that its MX was then looked after, and can only have moved since."""
        return self.locked_at is not None and now - self.locked_at <= FORGOTTEN_AFTER

    def unlisted(self, listed: Collection[str], now: datetime) -> Mapping[str, MxMemory]:
        """Domains that were looked at within UNLISTED_PATIENCE and are not among those *listed* at *now*."""
        lately = {n: each for n, each in self.domains.items() if now - each.seen_at <= UNLISTED_PATIENCE}
        return {n: each for n, each in lately.items() if n not in listed}

    def after(self, sights: Sights, now: datetime, *, locked: bool) -> Self:
        """What is remembered after a look at *now* at all the tenant's domains; none where they were not read."""
        locked_at = now if locked else self.locked_at
        if not sights:
            return replace(self, locked_at=locked_at)
        was_locked = replace(self, locked_at=locked_at).was_locked_at(now)
        seen = {name: _after(self.domains.get(name), each, now, was_locked) for name, each in sights.items()}
        last = max((each.seen_at for each in self.domains.values()), default=None)
        seen |= {n: replace(each, unseen_from=last) for n, each in seen.items() if each and n not in self.domains}
        domains = self._left_out(sights, now) | {name: memory for name, memory in seen.items() if memory}
        return replace(self, domains=domains, locked_at=locked_at)

    def _left_out(self, sights: Sights, now: datetime) -> dict[str, MxMemory]:
        """Domains that a listing lacks: it may be an older replica's, and their old MX is believed all the same."""
        patience = timedelta(seconds=LONGEST_TTL_S)
        return {n: each for n, each in self.domains.items() if n not in sights and now - each.seen_at <= patience}


def _after(before: MxMemory | None, seen: Sight, now: datetime, was_locked: bool) -> MxMemory | None:  # noqa: FBT001
    """What is remembered of one domain. What was unclear, or not said by every server, tells nothing good."""
    return _with_servers(before, _with_mx(before, seen, now, was_locked), seen.servers)


def _with_mx(before: MxMemory | None, seen: Sight, now: datetime, was_locked: bool) -> MxMemory | None:  # noqa: FBT001
    for stray, away in seen.strays:
        before = _elsewhere(before, away, stray, now)
    answer = seen.answer
    if isinstance(seen.verdict, Needs | NoVerdict) or not isinstance(answer, Present | Absent):
        return before
    if before and answer.at <= before.seen_at:
        return before
    if not mx.allows_lockdown(seen.verdict):
        return _elsewhere(before, _hosts(seen.verdict), answer, now)
    if isinstance(answer, Present) and answer.whole:
        return _at_filter(before, answer.at, was_locked=was_locked)
    return before


def _elsewhere(before: MxMemory | None, away: tuple[str, ...], answer: Present | Absent, now: datetime) -> MxMemory:
    """An MX elsewhere may be fetched anew until the next look: how long it is believed is counted from there too."""
    ttl_s = _believed_s(answer, now)
    until = max([answer.at + timedelta(seconds=ttl_s), *_still_believed(before, answer.at)])
    found = MxMemory(at_filter=False, until=until, seen_at=answer.at, elsewhere=away, ttl_s=ttl_s)
    if before is None:
        return found
    return replace(before, at_filter=False, until=until, seen_at=answer.at, elsewhere=away, ttl_s=ttl_s)


def _believed_s(answer: Present | Absent, now: datetime) -> int:
    """For how long a resolver may believe *answer*. Of one that was kept, what was left of its time is told."""
    return min(max(answer.longest_s, answer.ttl_s + int((now - answer.at).total_seconds())), LONGEST_TTL_S)


def _at_filter(before: MxMemory | None, at: datetime, *, was_locked: bool) -> MxMemory:
    if before and not before.at_filter:
        until = max(_still_believed(before, at))
        return replace(before, at_filter=True, until=until, seen_at=at)
    if before and at - before.seen_at <= FORGOTTEN_AFTER:
        return replace(before, seen_at=at)
    # Locked and at the filter, as found: waiting would keep open what somebody had closed.
    until = at if was_locked else at + UNSEEN_PATIENCE
    if before is None:
        return MxMemory(at_filter=True, until=until, seen_at=at)
    if before.until > until:
        return replace(before, seen_at=at)
    return replace(before, until=until, seen_at=at, elsewhere=(), ttl_s=0, unseen_from=before.seen_at)


def _still_believed(before: MxMemory | None, at: datetime) -> list[datetime]:
    """Until when what was there before *at* is believed: it may have been fetched up to then."""
    if before is None:
        return []
    return [before.until, *([] if before.at_filter else [at + timedelta(seconds=before.ttl_s)])]


def _with_servers(before: MxMemory | None, memory: MxMemory | None, answer: DnsAnswer | None) -> MxMemory | None:
    """*memory* with the zone's name servers. Where they changed, resolvers may ask the former ones for a while."""
    if memory is None or not isinstance(answer, Present):
        return memory
    servers, lasts_s = tuple(sorted(hosts(answer))), min(max(answer.longest_s, answer.ttl_s), LONGEST_TTL_S)
    now_s = max(lasts_s, memory.servers_s) if servers == memory.servers else lasts_s
    known = replace(memory, servers=servers, servers_s=now_s)
    if before is None or not before.servers or servers == before.servers:
        return known
    # What they say at the end of that time may still be believed for its own.
    asked_s = max(before.servers_s, lasts_s) or int(UNSEEN_PATIENCE.total_seconds())
    until = answer.at + timedelta(seconds=asked_s + before.ttl_s)
    return replace(known, former=before.servers, former_until=max(until, memory.former_until or until))


def _hosts(verdict: mx.MxVerdict) -> tuple[str, ...]:
    match verdict:
        case mx.Mixed(others=away) | mx.Microsoft(hosts=away) | mx.Other(hosts=away):
            return away
        case _:
            return (mx.NO_MX,)
