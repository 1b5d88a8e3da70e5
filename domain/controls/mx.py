"""Every domain's mail comes through the filter: the precondition of the lock-down. Report only; MX is never written.

A locked tenant whose MX has left the filter refuses its own mail: that is an outage, and the way out has an order
(docs/reference/exchangedefender.md#lock-down): unlock first, then move the MX, then lock again.
"""

from datetime import datetime

from domain.control import (
    Compliant,
    Control,
    Drifted,
    Judgement,
    NeedsPerson,
    Unknown,
    compare,
    with_findings,
)
from domain.controls import inbound_lockdown, per_domain
from domain.exchange import AcceptedDomain, InboundConnector
from domain.facts import Facts
from domain.findings import Finding, found, to_be_answered
from domain.guards import Guard, lockdown, speaks_against
from domain.mail import mx as mail_mx
from domain.mail.asking import Needs, NoVerdict
from domain.mx_moves import MxMemories, MxMemory, Sights, sight
from domain.tenant import Wanted

_WANTED = "the filter's hosts only"


def _judge(facts: Facts, wanted: Wanted) -> Judgement | Needs:
    locked, inventory = inbound_lockdown.is_locked(facts), wanted.inventory
    seen_now = sights(facts, wanted)
    findings = _findings(facts, seen_now)

    def look(domain: str) -> per_domain.OneDomain | Needs | NoVerdict:
        verdict = seen_now[domain].verdict
        if isinstance(verdict, Needs | NoVerdict):
            return verdict
        answered = domain in findings and not inventory.is_open(findings[domain])
        against = "" if answered and _for_good(verdict) else speaks_against(verdict)
        seen = compare(("MX", _WANTED, against or _WANTED)).of(domain)
        outage = "mail is being refused NOW: switch the lock-down off, move the MX back to the filter, lock again: "
        return per_domain.OneDomain(seen, f"{outage if locked else ''}{domain}: {against}" if against else "")

    judged = per_domain.judge_each(tuple(seen_now), look) if seen_now or not findings else Compliant()
    if isinstance(judged, Compliant | Drifted | NeedsPerson | Unknown):
        return with_findings(judged, findings.values(), inventory)
    return judged


def _findings(facts: Facts, seen_now: Sights) -> dict[str, Finding]:
    """The domains that hold the lock open until a person has answered for them: no MX that could move to the filter.

    Whoever answers for a domain's subdomains has said nothing of an MX of its own that is elsewhere.
    """
    odd = {domain.key: (domain.kind, domain.doubt) for domain in facts.known(AcceptedDomain) if domain.doubt}
    for name, seen in seen_now.items():
        if value := _for_good(seen.verdict):
            kind, doubt = odd.get(name, ((), ""))
            odd[name] = (*kind, *value), "; ".join(filter(None, (doubt, speaks_against(seen.verdict))))
    return {name: found("domain", CONTROL.id, name, value, f"{why}; {_HELPS}") for name, (value, why) in odd.items()}


def _for_good(verdict: mail_mx.MxVerdict | Needs | NoVerdict) -> tuple[str, ...]:
    """Where the mail of a domain goes that may never come by the filter; nothing where its MX can be moved there."""
    match verdict:
        case mail_mx.Other(hosts=hosts):
            return hosts
        case mail_mx.NoMx():
            return (mail_mx.NO_MX,)
        case mail_mx.NoDomain():
            return ("no such name",)
        case _:
            return ()


_HELPS = "this holds the lock open until the domain takes mail by the filter, has a null MX, is removed or declared"


def sights(facts: Facts, wanted: Wanted) -> Sights:
    """What was seen of the MX of every domain that receives mail here; none where the domains were not read."""
    return {domain: sight(domain, facts.answers, wanted.profile.filter_hosts) for domain in per_domain.receiving(facts)}


def remembered(before: MxMemories, facts: Facts, wanted: Wanted, seen: Sights, now: datetime) -> MxMemories:
    """What is remembered of the tenant's MX after a look that *seen* is of, whichever controls it was for."""
    return before.after(seen, now, locked=inbound_lockdown.is_wholly_locked(facts, wanted))


def mx_guard(facts: Facts, wanted: Wanted, seen: Sights, memories: MxMemories, now: datetime) -> Guard:
    """Whether the lock-down may close, as *seen* and what is remembered of the MX have it."""
    findings = _findings(facts, seen)
    if waiting := [each for each in findings.values() if wanted.inventory.is_open(each)]:
        return Guard(passed=False, reason=to_be_answered(waiting))
    listed = {domain.key: domain for domain in facts.known(AcceptedDomain)}
    domains = [domain for name, domain in listed.items() if name not in findings]
    unlisted = {n: each for n, each in memories.unlisted(listed, now).items() if not _was_declared(n, each, wanted)}
    since = wanted.tenant.mx_at_filter_since
    return lockdown(domains, guarded(facts, wanted, seen), memories, now, since=since, unlisted=unlisted)


def _was_declared(domain: str, memory: MxMemory, wanted: Wanted) -> bool:
    """Whether a person has declared all that was found of *domain* when its MX was last seen.

    By name: what *memory* keeps of a domain is less than what its finding tells.
    """
    mine = (each for each in wanted.inventory.known.values() if each.control == CONTROL.id and each.name == domain)
    last = [each for each in mine if each.gone_at is None or each.gone_at >= memory.seen_at]
    return bool(last) and all(map(wanted.inventory.is_declared, last))


def guarded(facts: Facts, wanted: Wanted, seen: Sights) -> Sights:
    """Those of *seen* that the guard asks: not a domain that a person has declared to be hosted elsewhere for good."""
    findings, inventory = _findings(facts, seen), wanted.inventory
    return {
        name: each for name, each in seen.items() if not _for_good(each.verdict) or inventory.is_open(findings[name])
    }


CONTROL = Control(
    id="mx",
    title="MX records point to the filter",
    about=(AcceptedDomain,),
    beside=(InboundConnector,),
    parts=("mx_suffixes",),
    judge=_judge,
    asks_dns=True,
    finds=("domain",),
    by_hand="The domain's DNS: point every MX to the filter, with none beside it.",
)
