"""Every domain has a DMARC record that receivers apply, its own or an inherited one.

A missing one is published; none is ever changed.

Where a domain above is the tenant's too, it is published there, and those below inherit it.

Guide, OOF step 3: "Publish new DMARC". Source of the rules: RFC 9989 (docs/reference/dns.md#dmarc).
"""

from typing import assert_never

from domain.control import Control, Judgement, compare
from domain.controls import per_domain
from domain.exchange import AcceptedDomain
from domain.facts import Facts
from domain.mail import dmarc, names, spf
from domain.mail.answers import Question, Txt
from domain.mail.asking import Needs, NoVerdict, Remark
from domain.profile import given
from domain.tenant import Wanted


def _judge(facts: Facts, wanted: Wanted) -> Judgement | Needs:
    domains = per_domain.domains_of(facts)

    def look(domain: str) -> per_domain.DomainJudgement:
        found, apex = dmarc.walk(domain, facts.answers), Question(names.to_ascii(domain), "TXT")
        needs = found.questions if isinstance(found, Needs) else ()
        if apex not in facts.answers:
            return Needs((*needs, apex))
        match found:
            case Needs() | NoVerdict():
                return found
            case dmarc.Found():
                return _there(domain, found, facts)
            case dmarc.NoRecord(remarks=remarks):
                told = (*remarks, *dmarc.misplaced(apex.name, facts.answers))
                return _missing(domain, told, _head(domain, domains), facts, wanted)
            case _:
                assert_never(found)

    return per_domain.judge_each(domains, look)


def _there(domain: str, found: dmarc.Found, facts: Facts) -> per_domain.OneDomain | Needs:
    """A record applies; what a person should know about it is told."""
    reports = dmarc.report_remarks(found.record, found.at, facts.answers)
    if isinstance(reports, Needs):
        return reports
    note = _told((*found.remarks, *reports, *dmarc.misplaced(names.to_ascii(domain), facts.answers)))
    if not found.record.ignored:
        return per_domain.OneDomain(compare(("DMARC", "a record", "a record")).of(domain), note=note)
    todo = f"{domain}: receivers apply nothing of the record of {found.at}, which {found.record.ignored}: correct it"
    return per_domain.OneDomain(compare(("DMARC", "a record", found.record.text)).of(domain), todo, note)


def _told(remarks: tuple[Remark, ...]) -> str:
    return "; ".join(f"{remark.where}: {remark.detail}" for remark in remarks)


def _head(domain: str, domains: tuple[str, ...]) -> str:
    """The highest of the tenant's *domains* whose record *domain* would inherit; empty where it is one itself."""
    own = {per_domain.ascii_of(each): each for each in domains}
    above = [own[name] for name in dmarc.ancestors(names.to_ascii(domain)) if name in own]
    return above[-1] if above else ""


def _missing(
    domain: str, remarks: tuple[Remark, ...], head: str, facts: Facts, wanted: Wanted
) -> per_domain.DomainJudgement:
    """The profile's record, unless something is in its place already: then a person decides.

    Nothing for a domain below *head*, which has no record either or it would apply: once made it is inherited, and a
    record of its own would keep the domain out of every later policy of its organisation.
    """
    seen = compare(("DMARC", "a record", None)).of(domain)
    if remarks:
        return per_domain.OneDomain(seen, _told(remarks))
    if head:
        return per_domain.OneDomain(seen, f"{domain}: inherits the record of {head}, once that is published")
    name, record = f"_dmarc.{names.to_ascii(domain)}", given(wanted.profile.dmarc).record
    if other := per_domain.alias_at(name, seen, facts):
        return other
    change = per_domain.published(name, facts, wanted, Txt(spf.split(record)))
    if change and not change.expected:
        return per_domain.OneDomain(seen, steps=(change.step(*seen.fields),))
    return per_domain.OneDomain(seen, f'{domain}: publish {name} TXT "{record}"')


CONTROL = Control(
    id="dmarc",
    title="A DMARC record for every domain",
    about=(AcceptedDomain,),
    parts=("dmarc",),
    judge=_judge,
    asks_dns=True,
    by_hand="The domain's DNS: a TXT record at _dmarc, as shown; never a weaker policy than there is.",
)
