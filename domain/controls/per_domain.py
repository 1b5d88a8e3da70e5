"""Judging each custom domain of a tenant by what DNS says, and one finding for all of them."""

from collections.abc import Callable
from dataclasses import dataclass

from domain.control import Comparison, Compliant, Facts, Finding, NeedsPerson, NotApplicable, Unknown
from domain.exchange import AcceptedDomain
from domain.mail import asking
from domain.mail.asking import Needs


@dataclass(frozen=True, slots=True)
class OneDomain:
    """What became of one domain: compared, with what a person should do, or only know."""

    seen: Comparison
    todo: str = ""
    note: str = ""


def domains_of(facts: Facts) -> tuple[str, ...]:
    return tuple(sorted(domain.key for domain in facts.all(AcceptedDomain) if domain.in_scope))


def receiving(facts: Facts) -> tuple[str, ...]:
    """The domains whose mail is taken in here; none where they were not read."""
    return tuple(sorted(domain.key for domain in facts.known(AcceptedDomain) if domain.receives))


type Seen = OneDomain | Needs | asking.Unknown


def _looked_at(domain: str, look: Callable[[str], Seen]) -> Seen:
    try:
        return look(domain)
    except ValueError as odd:  # what Exchange listed is no domain name
        return asking.Unknown(str(odd))


def judge(domains: tuple[str, ...], look: Callable[[str], Seen]) -> Finding | Needs:
    """Look at each of *domains*. What one still needs, all wait for; what one hides is told before what others lack."""
    found = {domain: _looked_at(domain, look) for domain in domains}
    if not found:
        return NotApplicable("the tenant has no authoritative custom domain")
    if questions := tuple(q for each in found.values() if isinstance(each, Needs) for q in each.questions):
        return Needs(tuple(dict.fromkeys(questions)))
    if hidden := [f"{name}: {each.reason}" for name, each in found.items() if isinstance(each, asking.Unknown)]:
        return Unknown("; ".join(hidden))
    judged = [each for each in found.values() if isinstance(each, OneDomain)]
    seen = sum((each.seen for each in judged), Comparison())
    todo, notes = ("; ".join(filter(None, texts)) for texts in zip(*((e.todo, e.note) for e in judged), strict=True))
    return NeedsPerson(todo, seen.drift, seen.equal) if todo else Compliant(notes, seen.equal)
