"""SPF records that let so much of the Internet send in a domain's name that what passes says nothing any more.

Source: docs/reference/dns.md#spf-comparison.
"""

from dataclasses import dataclass

from domain.controls import per_domain
from domain.controls import spf as control
from domain.facts import DoubtError, Facts
from domain.findings import Finding, found
from domain.mail import spf
from domain.mail.answers import Question
from domain.mail.asking import Needs, NoVerdict
from domain.tenant import Wanted

_NAME = "SPF record of "
"""What the name of a finding of a record begins with."""


@dataclass(frozen=True, slots=True)
class WideRecord:
    """The record of *domain*, which lets too much pass. *terms*: those of its own that a person may have removed."""

    domain: str
    finding: Finding
    terms: frozenset[str]


def wide_records(bypass: str, facts: Facts, wanted: Wanted) -> tuple[WideRecord, ...] | Needs:
    """The records that let too much pass, as findings of the control *bypass*; Needs where DNS is to be asked more.

    Raises:
        DoubtError: An answer is unclear.
    """
    if wanted.profile.spf is None:
        return ()
    required, wide, questions = control.required(wanted), list[WideRecord](), list[Question]()
    for domain in filter(per_domain.ascii_of, per_domain.domains_of(facts)):
        match spf.width(domain, facts.answers, required):
            case Needs(questions=more):
                questions += more
            case NoVerdict(reason=reason):
                raise DoubtError(f"{domain}: {reason}")
            case width:
                wide += [_record(bypass, domain, width, facts, required)] if width.grants or width.too_many else []
    return Needs(tuple(dict.fromkeys(questions))) if questions else tuple(wide)


def _record(bypass: str, domain: str, width: spf.Width, facts: Facts, required: tuple[str, ...]) -> WideRecord:
    others = spf.other_terms(domain, facts.answers, required)
    terms = [_shown(each) for each in width.grants] or others
    count = f" ({width.addresses:,} IPv4 addresses)" if width.addresses else ""
    lets_in = f"mail that claims to come from {domain} passes SPF from so much of the Internet{count}"
    own = {each.term.text for each in width.grants if len(each.path) == 1}
    leading = {each.path[1] for each in width.grants if len(each.path) > 1}
    going = (each for each in others if each in own or each.casefold().partition(":")[2] in leading)
    return WideRecord(domain, found("bypass", bypass, f"{_NAME}{domain}", terms, lets_in), frozenset(going))


def _shown(grant: spf.AddressGrant) -> str:
    place = f" in the record of {grant.path[-1]}" if len(grant.path) > 1 else ""
    return f"{grant.term.text}{place}"
