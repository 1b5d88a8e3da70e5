"""Judging each custom domain of a tenant by what DNS says, and one finding for all of them."""

from collections.abc import Callable
from dataclasses import dataclass

from domain.control import Comparison, Compliant, Drifted, Facts, Finding, NeedsPerson, NotApplicable, Unknown
from domain.dns_steps import DnsRecord, RecordChange, of_type, records_read, replaced
from domain.exchange import AcceptedDomain
from domain.mail import asking, names
from domain.mail.answers import Question
from domain.mail.asking import Needs
from domain.tenant import Wanted


@dataclass(frozen=True, slots=True)
class OneDomain:
    """What became of one domain: compared, with the change that mends it, or what a person should do, or only know."""

    seen: Comparison
    todo: str = ""
    note: str = ""
    change: RecordChange | None = None


def domains_of(facts: Facts) -> tuple[str, ...]:
    return tuple(sorted(domain.key for domain in facts.all(AcceptedDomain) if domain.in_scope))


def receiving(facts: Facts) -> tuple[str, ...]:
    """The domains whose mail is taken in here; none where they were not read."""
    return tuple(sorted(domain.key for domain in facts.known(AcceptedDomain) if domain.receives))


def own_names(facts: Facts) -> tuple[str, ...]:
    """Every domain of the tenant as DNS writes it; what is no domain name is left out."""
    return tuple(name for domain in facts.known(AcceptedDomain) if (name := ascii_of(domain.key)))


def ascii_of(domain: str) -> str:
    """*domain* as DNS writes it; empty where it is no domain name."""
    try:
        return names.to_ascii(domain)
    except ValueError:
        return ""


def published(
    name: str, facts: Facts, wanted: Wanted, new: DnsRecord, *, in_place: bytes | None = None
) -> RecordChange | None:
    """The change that publishes *new* at *name*, beside all that is there or *in_place* of one text.

    None where nobody lets us change the zone, or the set is too large to be put back: it is then proposed.
    """
    zone, rtype = wanted.tenant.zone_of(name), of_type(new)
    if zone is None:
        return None
    before = records_read(facts.answers.get(Question(name, rtype)))
    change = RecordChange(zone, name, rtype, before, replaced(before, in_place, new))
    return change if change.fits else None


type Seen = OneDomain | Needs | asking.Unknown


def _looked_at(domain: str, look: Callable[[str], Seen]) -> Seen:
    try:
        return look(domain)
    except ValueError as odd:  # what Exchange listed is no domain name
        return asking.Unknown(str(odd))


def judge(domains: tuple[str, ...], look: Callable[[str], Seen]) -> Finding | Needs:
    """Look at each of *domains*. What one still needs, all wait for; what one hides is told before what others lack."""
    records_read = {domain: _looked_at(domain, look) for domain in domains}
    if not records_read:
        return NotApplicable("the tenant has no authoritative custom domain")
    if questions := tuple(q for each in records_read.values() if isinstance(each, Needs) for q in each.questions):
        return Needs(tuple(dict.fromkeys(questions)))
    if hidden := [f"{name}: {each.reason}" for name, each in records_read.items() if isinstance(each, asking.Unknown)]:
        return Unknown("; ".join(hidden))
    judged = [each for each in records_read.values() if isinstance(each, OneDomain)]
    seen = sum((each.seen for each in judged), Comparison())
    todo, notes = ("; ".join(filter(None, texts)) for texts in zip(*((e.todo, e.note) for e in judged), strict=True))
    if mendable := [each for each in judged if each.change]:
        steps = tuple(each.change.step(*each.seen.fields) for each in mendable if each.change)
        return Drifted(tuple(drift for each in mendable for drift in each.seen.drift), steps, todo, seen.equal)
    return NeedsPerson(todo, seen.drift, seen.equal) if todo else Compliant(notes, seen.equal)
