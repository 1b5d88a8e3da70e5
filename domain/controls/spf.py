"""The SPF record names the filter and Microsoft, once, within its limits, and lets no stranger pass.

Guide, OOF step 3: "v=spf1 include:proxy.exchangedefender.com include:spf.protection.outlook.com -all". Compared by
meaning and by outcome, not by text: what else a tenant has in its record stays. What is missing is published where the
tenant's config names who hosts the zone, a first record only once a person has approved it, and proposed as the exact
record everywhere else.
"""

from dataclasses import replace
from typing import assert_never

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
from domain.controls import per_domain
from domain.exchange import AcceptedDomain
from domain.facts import Facts
from domain.findings import Finding, found
from domain.mail import spf
from domain.mail.answers import Txt
from domain.mail.asking import Needs, NoVerdict
from domain.profile import given
from domain.tenant import Wanted


def _judge(facts: Facts, wanted: Wanted) -> Judgement | Needs:
    includes = required(wanted)
    findings = {domain: _findings(domain, facts, includes) for domain in per_domain.domains_of(facts)}
    unwanted = wanted.inventory.unwanted

    def look(domain: str) -> per_domain.DomainJudgement:
        going = {term: each.id for term, each in findings[domain].items() if each.id in unwanted}
        repaired = spf.repaired(domain, facts.answers, includes, frozenset(going))
        match repaired:
            case Needs() | NoVerdict():
                return repaired
            case spf.NothingToRepair(examined=examined):
                return _one(domain, "includes", note=_warnings(examined))
            case spf.Proposal():
                return _published(domain, repaired, facts, wanted, tuple(going.values()))
            case spf.CannotRepair(reason=reason):
                return _one(domain, "another record", f"{domain}: {reason}")
            case _:
                assert_never(repaired)

    judged = per_domain.judge_each(tuple(findings), look)
    if isinstance(judged, Compliant | Drifted | NeedsPerson | Unknown):
        kept = [each for terms in findings.values() for each in terms.values() if each.id not in unwanted]
        return with_findings(judged, kept, wanted.inventory)
    return judged


def required(wanted: Wanted) -> tuple[str, ...]:
    """The include targets that the profile wants, in the tenant's cloud."""
    return tuple(_in_cloud(target, wanted.tenant.initial_domain) for target in given(wanted.profile.spf).includes)


def without(
    domain: str, terms: frozenset[str], finding: str, facts: Facts, wanted: Wanted
) -> per_domain.DomainJudgement:
    """What takes these *terms* out of the record of *domain*: the step, or the record that a person is to publish."""
    repaired = spf.repaired(domain, facts.answers, required(wanted), terms)
    if isinstance(repaired, spf.Proposal):
        return _published(domain, repaired, facts, wanted, (finding,))
    if isinstance(repaired, Needs | NoVerdict):
        return repaired
    reason = repaired.reason if isinstance(repaired, spf.CannotRepair) else "nothing of it is to be taken out"
    return _one(domain, "another record", f"{domain}: {reason}")


def _findings(domain: str, facts: Facts, includes: tuple[str, ...]) -> dict[str, Finding]:
    """By its text, each term for other senders than the includes: nobody but the domain's admin knows who they are."""
    terms = spf.other_terms(domain, facts.answers, includes) if per_domain.ascii_of(domain) else ()
    return {each: found("term", CONTROL.id, domain, each, _SAYS) for each in terms}


_SAYS = "it says whether mail of other senders passes"


_MICROSOFT = "spf.protection.outlook.com"
_IN_CLOUD = {"us": "spf.protection.office365.us", "cn": "spf.protection.partner.outlook.cn"}
"""Microsoft's own include by the tenant's cloud, which its initial domain tells (docs/reference/dns.md#spf-record)."""


def _in_cloud(target: str, initial_domain: str) -> str:
    cloud = initial_domain.rpartition(".")[2].lower()
    return _IN_CLOUD.get(cloud, target) if target == _MICROSOFT else target


def _warnings(examined: spf.Examined) -> str:
    return "; ".join(f"{each.where}: {each.detail}" for each in examined.warnings)


def _published(
    domain: str, proposal: spf.Proposal, facts: Facts, wanted: Wanted, removes: tuple[str, ...]
) -> per_domain.DomainJudgement:
    before = None if proposal.before is None else spf.decode(proposal.before)
    seen = compare(("SPF", proposal.text, before)).of(domain)
    if other := per_domain.alias_at(proposal.domain, seen, facts):
        return other
    note = _warnings(proposal.examined)
    change = per_domain.published(proposal.domain, facts, wanted, Txt(proposal.strings), in_place=proposal.before)
    if change:
        step = replace(change.step(*seen.fields), removes=removes)
        return per_domain.OneDomain(seen, note=note, steps=(step,), needs_approval=before is None)
    now = f'in place of "{before}"' if before else "as there is none"
    return per_domain.OneDomain(seen, f'{domain}: publish TXT "{proposal.text}" {now}', note)


def _one(domain: str, found: str, todo: str = "", note: str = "") -> per_domain.OneDomain:
    return per_domain.OneDomain(compare(("SPF", "includes", found)).of(domain), todo, note)


CONTROL = Control(
    id="spf",
    title="SPF record with the filter's and Microsoft's includes",
    about=(AcceptedDomain,),
    parts=("spf",),
    judge=_judge,
    asks_dns=True,
    finds=("term",),
    by_hand="The domain's DNS: the TXT record that begins with v=spf1, as shown.",
)
