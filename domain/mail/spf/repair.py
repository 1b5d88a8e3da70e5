"""The repaired SPF record: what a tenant had, byte for byte, and the includes that were missing.

Only ever adds (docs/reference/dns.md#spf-repair). The new includes stand right behind the version, where no term
comes before them. Whatever would need a decision is refused, with the reason.
"""

from dataclasses import dataclass
from typing import assert_never

from domain.mail.answers import Absent, DnsAnswers, Present, Question, Txt
from domain.mail.asking import Needs, NoVerdict, texts
from domain.mail.spf.record import decode, is_record, parse, split
from domain.mail.spf.tree import Examined
from domain.mail.spf.verdict import Broken, MissingIncludes, NoRecord, Ok, SpfJudgement, judge, targets


@dataclass(frozen=True, slots=True)
class CannotRepair:
    """Nothing is written. *reason*: one sentence for the person who decides."""

    reason: str


@dataclass(frozen=True, slots=True)
class NothingToRepair:
    """The record, as *examined*, already does what is required."""

    examined: Examined


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


def first(required: tuple[str, ...]) -> str:
    """The record for a domain that has none: the documented one, but with `~all`.

    Who else sends for the domain is not known: `-all` would have their mail refused.
    """
    return "v=spf1" + "".join(f" include:{target}" for target in targets(required)) + " ~all"


def repaired(
    domain: str, answers: DnsAnswers, required: tuple[str, ...]
) -> Proposal | NothingToRepair | CannotRepair | Needs | NoVerdict:
    """What to publish at *domain* so that mail through the *required* includes passes.

    The caller asks what is needed and calls again. A proposal was judged with its text in place, as the record was
    before it.

    Raises:
        ValueError: *domain* is no domain name, nothing is required, or a target is no domain name.
    """
    judged = judge(domain, answers, required)
    if not isinstance(judged, SpfJudgement):
        return judged
    match judged.verdict:
        case Ok():
            return NothingToRepair(judged.examined)
        case NoRecord():
            return _first(judged.examined, answers, required)
        case MissingIncludes(includes=includes):
            return _completed(judged.examined, answers, required, includes)
        case Broken(reason=reason):
            return CannotRepair(reason)
        case _:
            assert_never(judged.verdict)


def _first(
    before: Examined, answers: DnsAnswers, required: tuple[str, ...]
) -> Proposal | CannotRepair | Needs | NoVerdict:
    """A first record: not for a name that does not exist, and not beside one that was meant to be the record."""
    answer = answers[Question(before.domain, "TXT")]
    if isinstance(answer, Absent) and not answer.name_exists:
        return CannotRepair(f"{before.domain} does not exist in DNS")
    for remark in before.remarks:
        if remark.id == "looks-like-spf":
            return CannotRepair(f"{before.domain}: {remark.detail}: correct or remove it first")
    return _proven(before, answers, required, first(required))


def _completed(
    before: Examined, answers: DnsAnswers, required: tuple[str, ...], missing: tuple[str, ...]
) -> Proposal | CannotRepair | Needs | NoVerdict:
    """The record with the *missing* includes right behind its version, unless somebody decided against them."""
    text = decode(before.found[0])
    record = parse(text)
    if any(modifier.name == "redirect" for modifier in record.modifiers):
        return CannotRepair("the record has a redirect: the includes belong where it leads")
    named = {term.host(before.domain) for term in record.tested if term.kind == "include" and term.qualifier != "+"}
    for target in named.intersection(targets(required)):
        return CannotRepair(f"the record names {target} with a qualifier that is not a pass: somebody decided that")
    added = "".join(f" include:{target}" for target in missing)
    return _proven(before, answers, required, record.version + added + text[len(record.version) :])


def _proven(
    before: Examined, answers: DnsAnswers, required: tuple[str, ...], text: str
) -> Proposal | CannotRepair | Needs | NoVerdict:
    """*text* as a proposal, if it does what is required with its tree as it is then."""
    after = judge(before.domain, _with(text, before.domain, answers), required)
    if not isinstance(after, SpfJudgement):
        return after
    if not after.examined.exact:
        return CannotRepair(f"{text!r}: an include with a macro hides part of the tree, so that it cannot be counted")
    if not isinstance(after.verdict, Ok):
        reason = after.verdict.reason if isinstance(after.verdict, Broken) else after.verdict
        return CannotRepair(f"with the includes added: {reason}")
    return Proposal(before.domain, next(iter(before.found), None), text, split(text), after.examined)


def _with(text: str, domain: str, answers: DnsAnswers) -> DnsAnswers:
    """*answers* as they would be with *text* as the one SPF record of *domain*."""
    question = Question(domain, "TXT")
    answer = answers[question]
    others = texts(answer) if isinstance(answer, Present) else ()
    values = (*(each for each in others if not is_record(each.data)), Txt(split(text)))
    return {**answers, question: Present(values, 0, answer.at)}
