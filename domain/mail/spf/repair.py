"""The repaired SPF record: what a tenant had, byte for byte, and the includes that were missing.

Only ever adds (docs/reference/dns.md#spf-repair). The new includes stand right behind the version, where no term
comes before them. Whatever would need a decision is refused, with the reason.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple, assert_never

from domain.mail import names
from domain.mail.answers import Absent, DnsAnswers, Present, Question, Txt
from domain.mail.asking import Needs, NoVerdict, texts
from domain.mail.spf.record import Record, decode, is_record, parse, records, render, split
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
    domain: str, answers: DnsAnswers, required: tuple[str, ...], without: frozenset[str] = frozenset()
) -> Proposal | NothingToRepair | CannotRepair | Needs | NoVerdict:
    """What to publish at *domain* so that mail through the *required* includes passes.

    The caller asks what is needed and calls again. A proposal was judged with its text in place, as the record was
    before it. *without*: terms of the record that a person has removed.

    Raises:
        ValueError: *domain* is no domain name, nothing is required, or a target is no domain name.
    """
    name = names.to_ascii(domain)
    if without & {*other_terms(name, answers, required)} and (own := _readable(name, answers)):
        return _shortened(name, own, answers, required, without)
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


def other_terms(domain: str, answers: DnsAnswers, required: tuple[str, ...]) -> tuple[str, ...]:
    """The terms of the record of *domain* that let others than the *required* includes send, as they are written.

    None where there is no record, or none that can be read: what becomes of such a one is no question of its terms.

    Raises:
        ValueError: *domain* is no domain name, nothing is required, or a target is no domain name.
    """
    name, wanted = names.to_ascii(domain), targets(required)
    if (own := _readable(name, answers)) is None:
        return ()
    record = own.record
    others = [
        term.text
        for term in record.tested
        if term.kind != "all" and not (term.kind == "include" and term.host(name) in wanted)
    ]
    redirect = (record.redirect.text,) if record.redirect else ()
    return tuple(dict.fromkeys((*others, *redirect)))


class _Own(NamedTuple):
    """A record as it was published, and read."""

    data: bytes
    record: Record


def _readable(name: str, answers: DnsAnswers) -> _Own | None:
    """The one record at *name*; None where there is none, or no receiver can read it."""
    answer = answers.get(Question(name, "TXT"))
    found = records(texts(answer)) if isinstance(answer, Present) else ()
    try:
        return _Own(found[0], parse(decode(found[0]))) if len(found) == 1 else None
    except ValueError:
        return None


def _shortened(
    name: str, own: _Own, answers: DnsAnswers, required: tuple[str, ...], without: frozenset[str]
) -> Proposal | CannotRepair | Needs | NoVerdict:
    """The record without these terms, and with the includes that are missing then."""
    before, record = own
    left = [(blank, term) for blank, term in zip(record.blanks, record.terms, strict=False) if term.text not in without]
    text = render(Record(record.version, tuple(t for _, t in left), (*(b for b, _ in left), record.blanks[-1])))
    left_over = repaired(name, _with(text, name, answers), required)
    if isinstance(left_over, NothingToRepair):
        return Proposal(name, before, text, split(text), left_over.examined)
    return replace(left_over, before=before) if isinstance(left_over, Proposal) else left_over


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
