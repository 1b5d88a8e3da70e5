"""Every domain's mail comes through the filter: the precondition of the lock-down. Report only; MX is never written.

A locked tenant whose MX has left the filter refuses its own mail: that is an outage, and the way out has an order
(docs/reference/exchangedefender.md#lock-down): unlock first, then move the MX, then lock again.
"""

from datetime import datetime

from domain.control import Control, Facts, Judgement, compare
from domain.controls import inbound_lockdown, per_domain
from domain.exchange import AcceptedDomain, InboundConnector
from domain.guards import Guard, lockdown, speaks_against
from domain.mail.asking import Needs, NoVerdict
from domain.mx_moves import MxMemories, Sights, sight
from domain.tenant import Wanted

_WANTED = "the filter's hosts only"


def _judge(facts: Facts, wanted: Wanted) -> Judgement | Needs:
    locked = inbound_lockdown.is_locked(facts)
    seen_now = sights(facts, wanted)

    def look(domain: str) -> per_domain.OneDomain | Needs | NoVerdict:
        verdict = seen_now[domain].verdict
        if isinstance(verdict, Needs | NoVerdict):
            return verdict
        against = speaks_against(verdict)
        seen = compare(("MX", _WANTED, against or _WANTED)).of(domain)
        outage = "mail is being refused NOW: switch the lock-down off, move the MX back to the filter, lock again: "
        return per_domain.OneDomain(seen, f"{outage if locked else ''}{domain}: {against}" if against else "")

    return per_domain.judge_each(tuple(seen_now), look)


def sights(facts: Facts, wanted: Wanted) -> Sights:
    """What was seen of the MX of every domain that receives mail here; none where the domains were not read."""
    return {domain: sight(domain, facts.answers, wanted.profile.filter_hosts) for domain in per_domain.receiving(facts)}


def remembered(before: MxMemories, facts: Facts, wanted: Wanted, now: datetime) -> MxMemories:
    """What is remembered of the tenant's MX after a look, whichever controls it was for."""
    return before.after(sights(facts, wanted), now, locked=inbound_lockdown.is_locked(facts))


def mx_guard(facts: Facts, wanted: Wanted, seen: Sights, memories: MxMemories, now: datetime) -> Guard:
    """Whether the lock-down may close, as *seen* and what is remembered of the MX have it."""
    domains = facts.known(AcceptedDomain)
    return lockdown(domains, seen, memories, now, since=wanted.tenant.mx_at_filter_since)


CONTROL = Control(
    id="mx",
    title="MX records point to the filter",
    about=(AcceptedDomain,),
    beside=(InboundConnector,),
    parts=("mx_suffixes",),
    judge=_judge,
    asks_dns=True,
    by_hand="The domain's DNS: point every MX to the filter, with none beside it.",
)
