"""What a control is: data, the objects it must see, and one pure function from what was seen to a judgement.

A control does no I/O: it gets facts and returns a judgement. A drifted one carries the steps that would correct it; the
gate decides whether they are sent.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Self, assert_never

from domain.exchange import ExchangeObject
from domain.facts import DoubtError, Facts
from domain.findings import Finding, FindingKind, Inventory, source, to_be_answered
from domain.mail.answers import Question
from domain.mail.asking import Needs
from domain.profile import PartName, Profile
from domain.reading import Lane, Query
from domain.steps import Step, Value
from domain.tenant import TenantConfig, Wanted


@dataclass(frozen=True, slots=True)
class Drift:
    """One field that differs. *field* is the service's own name, with the object in front where there are several."""

    field: str
    wanted: Value
    found: Value


@dataclass(frozen=True, slots=True)
class Compliant:
    """As documented. *equal*: the fields that were compared and found as wanted. *findings*: as for Drifted."""

    detail: str = ""
    equal: frozenset[str] = field(default=frozenset(), compare=False)
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Drifted:
    """Not as documented; *steps* would put it back. Neither *drift* nor *steps* is ever empty.

    *equal*: the other fields of the same objects, compared and found as wanted. *unseen*: objects that could not be
    read, by the name before their fields. *needs_approval*: a person has to approve the plan, in every mode.
    *findings*: what was found besides and is left as it is, declared or open; *todo*: what a person is to do about it.
    """

    drift: tuple[Drift, ...]
    steps: tuple[Step, ...]
    detail: str = ""
    equal: frozenset[str] = field(default=frozenset(), compare=False)
    unseen: tuple[str, ...] = ()
    needs_approval: bool = False
    findings: tuple[Finding, ...] = ()
    todo: str = ""

    def __post_init__(self) -> None:
        """Raise ValueError for a plan that says nothing or does nothing."""
        if not self.drift or not self.steps:
            raise ValueError("a drifted judgement has drift and steps")

    def mended_by(self, step: Step) -> tuple[Drift, ...]:
        """The part of the drift that *step* puts back."""
        return tuple(drift for drift in self.drift if not step.mends or drift.field in step.mends)

    def only(self, steps: tuple[Step, ...]) -> Self:
        """The plan that takes *steps* alone, out of this one's."""
        fields = {drift.field for step in steps for drift in self.mended_by(step)}
        return replace(self, steps=steps, drift=tuple(drift for drift in self.drift if drift.field in fields))


@dataclass(frozen=True, slots=True)
class Unknown:
    """Could not be read: neither compliant nor drifted, and never a write.

    *equal*: what was read all the same, and found as wanted. *findings*: what was found of it; what was not read may
    have others. *read*: the names of the kinds of object that were read, where their findings are told.
    """

    reason: str
    remedy: str = ""
    equal: frozenset[str] = field(default=frozenset(), compare=False)
    findings: tuple[Finding, ...] = ()
    read: frozenset[str] = field(default=frozenset(), compare=False)


@dataclass(frozen=True, slots=True)
class NotApplicable:
    reason: str


@dataclass(frozen=True, slots=True)
class NeedsPerson:
    """Not as documented, and not ours to mend: *todo* says what a person should do. The rest is as for Drifted."""

    todo: str
    drift: tuple[Drift, ...] = ()
    equal: frozenset[str] = field(default=frozenset(), compare=False)
    unseen: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


type Judgement = Compliant | Drifted | Unknown | NotApplicable | NeedsPerson


def with_findings(
    judged: Compliant | Drifted | NeedsPerson | Unknown, findings: Iterable[Finding], inventory: Inventory
) -> Compliant | Drifted | NeedsPerson | Unknown:
    """*judged*, with the *findings* beside it that stay as they are. While one of these is open a person is needed.

    What is silent changes no state; the detail counts it. What is unknown stays so, and tells of them.
    """
    kept = tuple(findings)
    waiting = [each for each in kept if inventory.is_open(each)]
    loud = [each for each in waiting if not inventory.is_silent(each)]
    ask, note = to_be_answered(loud), _summary(len(waiting) - len(loud))
    match judged:
        case Compliant(detail=detail) if loud:
            return NeedsPerson(_joined(ask, note, detail), equal=judged.equal, findings=kept)
        case Compliant(detail=detail):
            return replace(judged, detail=_joined(detail, note), findings=kept)
        case Drifted(detail=detail):
            return replace(judged, todo=ask, detail=_joined(detail, note), findings=kept)
        case NeedsPerson(todo=todo):
            return replace(judged, todo=_joined(todo, ask, note), findings=kept)
        case Unknown(reason=reason):
            return replace(judged, reason=_joined(reason, ask), findings=kept)
        case _:
            assert_never(judged)


def shows(judgement: Judgement, finding: Finding) -> bool | None:
    """Whether *judgement*, of one for whom nobody has *finding* removed, has it; None where it does not tell."""
    if isinstance(judgement, NotApplicable):
        return None
    if any(each.id == finding.id for each in judgement.findings):
        return True
    unseen = judgement.unseen if isinstance(judgement, Drifted | NeedsPerson) else ()
    return None if isinstance(judgement, Unknown) or finding.name in unseen else False


def _summary(silent: int) -> str:
    return f"findings from before this version, to be declared or removed: {silent}" if silent else ""


def _joined(*sentences: str) -> str:
    return "; ".join(filter(None, sentences))


WHOLE = ""
"""Every object that a control judges, where its config names none."""


def _asked_by_profile(tenant: TenantConfig) -> Mapping[str, object]:
    return {WHOLE: [tenant.profile, tenant.overrides]}


@dataclass(frozen=True, slots=True)
class Control:
    """One documented setting of the guide.

    *about*: the kinds of object that it judges; a change to one is a reason to look again at once.
    *beside*: other kinds that its judgement needs. All of both must have been read, or it is Unknown.
    *parts*: the parts of the profile that its figures come from; where one is absent, it does not apply.
    *later*: kinds that are read in the slow lane alone, though the control is in the fast one. A look without them is
    enough to put drift back, and takes nothing back that a look with them has told.
    *optional_parts*: parts that it takes figures from where they are there.
    *source*: the page that documents it, where that is not the filter's guide.
    *needs*: controls that must be compliant before this one is written.
    *once*: a write that failed or had no effect is not tried again by itself, ever.
    *asks_dns*: what it judges is also in DNS. *dns_beside*: most of it is in Exchange, which alone says how old it is.
    *asks_mail*: what it judges is what the message trace has told.
    *by_hand*: what a person does when Holdfast cannot.
    *asked*: by object, what a tenant's config asks of it. A wave, which moves what Holdfast has set, changes nothing.
    *finds*: the kinds of finding that its judge can hand over. *partly*: the findings of what could be read, where not
    all could.
    """

    id: str
    title: str
    about: tuple[type[ExchangeObject], ...]
    judge: Callable[[Facts, Wanted], Judgement | Needs]
    by_hand: str
    beside: tuple[type[ExchangeObject], ...] = ()
    later: tuple[type[ExchangeObject], ...] = ()
    parts: tuple[PartName, ...] = ()
    optional_parts: tuple[PartName, ...] = ()
    source: str = ""
    needs: tuple[str, ...] = ()
    once: bool = False
    asks_dns: bool = False
    dns_beside: bool = False
    asks_mail: bool = False
    asked: Callable[[TenantConfig], Mapping[str, object]] = _asked_by_profile
    finds: tuple[FindingKind, ...] = ()
    partly: Callable[[Facts, Wanted], tuple[Finding, ...]] | None = None

    def asks(self, tenant: TenantConfig) -> dict[str, str]:
        """By object, a digest of what *tenant* asks of it."""
        return {name: _digest(each) for name, each in self.asked(tenant).items()}

    @property
    def sources(self) -> frozenset[str]:
        """The names of the kinds of finding that it looks for."""
        return frozenset(source(self.id, kind) for kind in self.finds)

    def sources_on(self, objects: Iterable[str]) -> frozenset[str]:
        """The names of its kinds of finding that are found on *objects*, named by their kind."""
        return frozenset(source(self.id, kind, each) for kind in self.finds for each in objects)

    @property
    def sees(self) -> tuple[type[ExchangeObject], ...]:
        return (*self.about, *self.beside, *self.later)

    def read_at(self, facts: Facts) -> datetime | None:
        """When the oldest part of what it sees was read; None when a part was never asked for.

        A kept DNS answer is as old as its look-up where DNS is what is judged. Where it only stands beside Exchange it
        holds for its TTL, which is how long mail servers act on it (RFC 1035 3.2.1), and dates nothing.
        """
        queries = self.queries_in(None if all(map(facts.was_asked, self.later)) else "fast")
        return facts.oldest(queries, looked_up=self.asks_dns and not self.dns_beside)

    @property
    def lane(self) -> Lane:
        """The slow one where anything that it needs is read there."""
        elsewhere = self.asks_dns or self.asks_mail
        return "slow" if elsewhere or any(kind.lane == "slow" for kind in (*self.about, *self.beside)) else "fast"

    @property
    def queries(self) -> tuple[Query, ...]:
        return tuple(query for kind in self.sees for query in kind.queries)

    def queries_in(self, lane: Lane | None) -> tuple[Query, ...]:
        """What a look in *lane* reads for it; None is a look in both."""
        left_out = self.later if lane == "fast" else ()
        return tuple(query for kind in self.sees if kind not in left_out for query in kind.queries)

    def applies(self, profile: Profile) -> bool:
        """Whether *profile* has every part that this control needs; where not, nothing need be read for it."""
        return all(profile.has(part) for part in self.parts)

    def find(self, facts: Facts, wanted: Wanted) -> Judgement:
        """Judge *facts*. Whatever is missing, failed or odd in what this control sees makes it Unknown."""
        found = self._judged(facts, wanted)
        return Unknown("DNS was not asked for all that it needs") if isinstance(found, Needs) else found

    def questions(self, facts: Facts, wanted: Wanted) -> tuple[Question, ...]:
        """What must be asked of DNS before *facts* are enough for a judgement."""
        found = self._judged(facts, wanted) if self.asks_dns else None
        return found.questions if isinstance(found, Needs) else ()

    def not_judged(self, facts: Facts, wanted: Wanted) -> NotApplicable | Unknown | None:
        """Why *facts* are not judged: it does not apply, or not all that it sees was read. None where they are."""
        if not self.applies(wanted.profile):
            return NotApplicable(f"the guide of {wanted.profile.name} does not ask for it")
        seen = [kind for kind in self.sees if kind not in self.later or facts.was_asked(kind)]
        doubts = tuple(facts.doubts(seen))
        return self._in_doubt(doubts, facts, wanted) if doubts else None

    def _judged(self, facts: Facts, wanted: Wanted) -> Judgement | Needs:
        if why_not := self.not_judged(facts, wanted):
            return why_not
        try:
            return self.judge(facts, wanted)
        except DoubtError as doubt:
            return self._in_doubt((doubt,), facts, wanted)

    def _in_doubt(self, doubts: tuple["DoubtError", ...], facts: Facts, wanted: Wanted) -> Unknown:
        """What could not be read, with what was found of the rest."""
        reasons, remedies = map(str, doubts), (doubt.remedy for doubt in doubts)
        found = self.partly(facts, wanted) if self.partly else ()
        loud = [each for each in found if wanted.inventory.is_open(each) and not wanted.inventory.is_silent(each)]
        told = _joined(*dict.fromkeys(reasons), to_be_answered(loud))
        read = frozenset(kind.__name__ for kind in self.sees if self.partly and not any(facts.doubts([kind])))
        return Unknown(told, " ".join(dict.fromkeys(filter(None, remedies))), findings=found, read=read)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs and what does not, field by field."""

    drift: tuple[Drift, ...] = ()
    equal: frozenset[str] = frozenset()

    def __add__(self, other: Self) -> Self:
        return replace(self, drift=self.drift + other.drift, equal=self.equal | other.equal)

    @property
    def values(self) -> dict[str, Value]:
        """The parameters that put the drift back: each field at its wanted, absolute value."""
        return {each.field: each.wanted for each in self.drift}

    @property
    def fields(self) -> tuple[str, ...]:
        return tuple(each.field for each in self.drift)

    def of(self, what: str) -> Self:
        """The same with the object *what* in front of each field, for plans about several."""
        named = tuple(Drift(f"{what}: {each.field}", each.wanted, each.found) for each in self.drift)
        return replace(self, drift=named, equal=frozenset(f"{what}: {name}" for name in self.equal))


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def compare(*fields: tuple[str, Value, Value]) -> Comparison:
    """Compare (field, wanted, found) triples."""
    drift = tuple(Drift(field, wanted, found) for field, wanted, found in fields if wanted != found)
    return Comparison(drift, frozenset(field for field, wanted, found in fields if wanted == found))


def listed(items: Iterable[str]) -> tuple[str, ...]:
    """A set as Exchange takes it, in a stable order, so that the same plan has the same digest."""
    return tuple(sorted(items))
