"""The repaired SPF record: what a tenant had, byte for byte, and the includes that were missing.

Only ever adds. The new includes stand right behind the version, where no term comes before them. Whatever would need a
decision is refused, with the reason. Source: docs/reference/dns.md#spf-repair.
"""

from dataclasses import dataclass

from domain.mail.answers import Absent, Answers, Question
from domain.mail.asking import Needs, Unknown
from domain.mail.spf.record import Record, decode, parse, split
from domain.mail.spf.tree import Examined, examine
from domain.mail.spf.verdict import Advisory, Broken, Missing, NoRecord, Ok, Parked, compare, is_parked, targets


@dataclass(frozen=True, slots=True)
class Repaired:
    """A record's new *text*; the old one when nothing was missing."""

    text: str


@dataclass(frozen=True, slots=True)
class CannotRepair:
    """Nothing is written. *reason*: one sentence for the person who decides."""

    reason: str


@dataclass(frozen=True, slots=True)
class NothingToRepair:
    """The record already does what is required. *verdict* says how."""

    verdict: Ok | Advisory


@dataclass(frozen=True, slots=True)
class Proposal:
    """The exact change of the TXT records at *domain*; every other TXT there stays.

    *before*: the record it replaces, None when there is none. *text*: the new record, and *strings* the same as
    character-strings of at most 255 bytes. *examined*: its tree, recounted with the new text in place.
    """

    domain: str
    before: bytes | None
    text: str
    strings: tuple[bytes, ...]
    examined: Examined


def repair(record_text: str, required: tuple[str, ...]) -> Repaired | CannotRepair:
    """Add to *record_text* the *required* includes that it does not name itself. Counts nothing: see `repaired`.

    Raises:
        ValueError: Nothing is required, or a target is no domain name.
    """
    wanted = targets(required)
    try:
        record = parse(record_text)
    except ValueError as error:
        return CannotRepair(f"the record cannot be read: {error}")
    if reason := _refusal(record, wanted):
        return CannotRepair(reason)
    missing = [target for target in wanted if target not in _includes(record, passing=True)]
    added = "".join(f" include:{target}" for target in missing)
    return Repaired(record.version + added + record_text[len(record.version) :])


def full(required: tuple[str, ...]) -> str:
    """The documented record (docs/reference/dns.md#spf-record), for a domain that has none."""
    return "v=spf1" + "".join(f" include:{target}" for target in targets(required)) + " -all"


def repaired(
    domain: str, answers: Answers, required: tuple[str, ...]
) -> Proposal | NothingToRepair | CannotRepair | Needs | Unknown:
    """What to publish at *domain* so that mail through the *required* includes passes.

    The caller asks what is needed and calls again. A proposal was examined with its text in place: it reads, its
    tree stays within the limits, and `compare` finds nothing missing.

    Raises:
        ValueError: *domain* is no domain name, nothing is required, or a target is no domain name.
    """
    before = examine(domain, answers)
    if not isinstance(before, Examined):
        return before
    verdict = compare(before, required)
    if isinstance(verdict, Ok | Advisory):
        return NothingToRepair(verdict)
    if isinstance(verdict, NoRecord):
        return _first(before, answers, required)
    if isinstance(verdict, Missing):
        made = repair(decode(before.found[0]), verdict.includes)
        return made if isinstance(made, CannotRepair) else _proven(before, answers, required, made.text)
    return CannotRepair(_PARKED if isinstance(verdict, Parked) else verdict.reason)


_PARKED = "'v=spf1 -all' says that the domain sends nothing: a parked domain never gets the includes"


def _first(before: Examined, answers: Answers, required: tuple[str, ...]) -> Proposal | CannotRepair | Needs | Unknown:
    """A first record: not for a name that does not exist, and not beside one that was meant to be the record."""
    answer = answers[Question(before.domain, "TXT")]
    if isinstance(answer, Absent) and not answer.name_exists:
        return CannotRepair(f"{before.domain} does not exist in DNS")
    for remark in before.remarks:
        if remark.id == "looks-like-spf":
            return CannotRepair(f"{before.domain}: {remark.detail}: correct or remove it first")
    return _proven(before, answers, required, full(required))


def _proven(
    before: Examined, answers: Answers, required: tuple[str, ...], text: str
) -> Proposal | CannotRepair | Needs | Unknown:
    """*text* as a proposal, if its tree holds with *text* in place."""
    after = examine(before.domain, answers, text)
    if not isinstance(after, Examined):
        return after
    if not after.exact:
        return CannotRepair(f"{text!r}: an include with a macro hides part of the tree, so that it cannot be counted")
    verdict = compare(after, required)
    if not isinstance(verdict, Ok | Advisory):
        shadowed = "what stands before the includes keeps them from passing"
        return CannotRepair(f"with the includes added: {verdict.reason if isinstance(verdict, Broken) else shadowed}")
    return Proposal(before.domain, next(iter(before.found), None), text, split(text), after)


def _refusal(record: Record, wanted: tuple[str, ...]) -> str:
    """Why a person must decide, or nothing."""
    if is_parked(record):
        return _PARKED
    if any(modifier.name == "redirect" for modifier in record.modifiers):
        return "the record has a redirect: the includes belong where it leads"
    for target in wanted:
        if target in _includes(record, passing=False):
            return f"the record names {target} with a qualifier that is not a pass: somebody decided that"
    return ""


def _includes(record: Record, *, passing: bool) -> set[str | None]:
    """The includes that receivers look at, by whether they pass."""
    return {t.host("") for t in record.tested if t.kind == "include" and (t.qualifier == "+") is passing}
