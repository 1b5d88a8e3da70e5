"""Judging each custom domain of a tenant by what DNS says, and one judgement for all of them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from domain import normal
from domain.control import (
    Comparison,
    Compliant,
    Drift,
    Drifted,
    Judgement,
    NeedsPerson,
    NotApplicable,
    Unknown,
)
from domain.dns_steps import DnsRecord, RecordChange, of_type, records_read, replaced
from domain.exchange import AcceptedDomain
from domain.facts import Facts, OddRow
from domain.mail import asking, names
from domain.mail.answers import Question, Txt
from domain.mail.asking import Needs
from domain.steps import Step
from domain.tenant import Wanted


@dataclass(frozen=True, slots=True)
class OneDomain:
    """What became of one domain: compared, with the steps that mend it, or what a person should do, or only know.

    *needs_approval*: the steps are only taken once a person has approved them.
    """

    seen: Comparison
    todo: str = ""
    note: str = ""
    steps: tuple[Step, ...] = ()
    needs_approval: bool = False

    @property
    def mended(self) -> tuple[Drift, ...]:
        """The part of the drift that the steps put back."""
        fields = {name for step in self.steps for name in step.mends}
        return tuple(drift for drift in self.seen.drift if drift.field in fields)


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

    None where the config names no DNS provider for the zone, or the set is too large to put back: it is proposed.
    """
    zone, rtype = wanted.tenant.zone_of(name), of_type(new)
    if zone is None:
        return None
    # An alias is only made where nothing is: what a wildcard says is not at the name.
    before = records_read(facts.answers.get(Question(name, rtype))) if isinstance(new, Txt) else ()
    change = RecordChange(zone, name, rtype, before, replaced(before, in_place, new))
    return change if change.fits else None


type DomainJudgement = OneDomain | Needs | asking.NoVerdict


def _looked_at(domain: str, look: Callable[[str], DomainJudgement]) -> DomainJudgement:
    try:
        return look(domain)
    except ValueError as odd:  # what Exchange listed is no domain name
        return asking.NoVerdict(str(odd))


def alias_at(name: str, seen: Comparison, facts: Facts) -> DomainJudgement | None:
    """What stands against a text at *name*: it is an alias, where nothing else can be, or that is not known."""
    asked = asking.Asked(facts.answers)
    targets = asking.hosts(asked.get(name, "CNAME"))
    if targets:
        return OneDomain(
            seen, f"{name} is an alias of {targets[0]}, beside which nothing can be published: a person decides"
        )
    return asked.open


def judge_each(
    domains: tuple[str, ...], look: Callable[[str], DomainJudgement], odd: Iterable[OddRow] = ()
) -> Judgement | Needs:
    """Judge each of *domains*: Needs if any needs more answers; what is unclear is told beside the drift of others.

    *odd*: rows of these or of other domains. While one is odd or unclear the judgement is never compliant.
    """
    found = {domain: _looked_at(domain, look) for domain in domains}
    if not found:
        return NotApplicable("the tenant has no authoritative custom domain")
    if questions := tuple(q for each in found.values() if isinstance(each, Needs) for q in each.questions):
        return Needs(tuple(dict.fromkeys(questions)))
    unclear = {name: f"{name}: {each.reason}" for name, each in found.items() if isinstance(each, asking.NoVerdict)}
    hidden = {normal.domain(each.name): each.sentence for each in odd} | unclear
    judged = {name: each for name, each in found.items() if isinstance(each, OneDomain)}
    return _one_judgement(judged, hidden)


def _one_judgement(by_name: dict[str, OneDomain], hidden: dict[str, str]) -> Judgement:
    """One judgement for the domains that were judged, by name, and those that are *hidden*, each with the reason."""
    judged = list(by_name.values())
    seen = sum((each.seen for each in judged), Comparison())
    told = "; ".join(filter(None, (*(e.todo for e in judged), *hidden.values(), *(e.note for e in judged))))
    if mendable := _next([each for each in judged if each.steps]):
        steps = tuple(step for each in mendable for step in each.steps)
        drift = tuple(drift for each in mendable for drift in each.mended)
        approval = mendable[0].needs_approval
        return Drifted(drift, steps, told, seen.equal, unseen=tuple(hidden), needs_approval=approval)
    if seen.drift:
        return NeedsPerson(told, seen.drift, seen.equal, unseen=tuple(hidden))
    if hidden:
        right = f"as documented: {', '.join(by_name)}" if by_name else ""
        return Unknown("; ".join(filter(None, (told, right))), equal=seen.equal)
    return Compliant(told, seen.equal)


def _next(mendable: list[OneDomain]) -> list[OneDomain]:
    """Those to be mended now: what waits for a person's approval does not keep the others waiting."""
    return [each for each in mendable if not each.needs_approval] or mendable
