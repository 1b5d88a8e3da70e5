"""What to tell about an SPF record that receivers can read: nothing here makes it break, all of it is worth a look."""

from collections.abc import Iterable, Iterator

from domain.mail.answers import Txt
from domain.mail.asking import Level, Remark, told
from domain.mail.spf.record import Record, is_record
from domain.mail.spf.terms import Mechanism

MOST_RECORD_OCTETS = 450
MOST_ANSWER_OCTETS = 512
"""RFC 7208, 3.4: beyond these an answer may not fit a plain UDP packet."""

_WIDE = {4: 16, 6: 32}
"""Shorter prefixes are told (docs/reference/dns.md#spf-comparison): a large sender's widest IPv4 network is a /16, and
an IPv6 /32 is what a whole provider gets."""


def text_remarks(txts: tuple[Txt, ...], where: str) -> tuple[Remark, ...]:
    """What the TXT records of a name show: sizes, and what was meant to be SPF and is not."""
    return told(_texts(txts, where))


def _texts(txts: tuple[Txt, ...], where: str) -> Iterator[Remark]:
    for txt in txts:
        if looks_like_record(txt.data):
            detail = f"{txt.data[:40]!a} looks like an SPF record and is none"
            yield Remark("looks-like-spf", "warning", where, detail, "RFC 7208, 4.5")
        if is_record(txt.data) and len(txt.data) > MOST_RECORD_OCTETS:
            detail = f"the record has {len(txt.data)} bytes, better at most {MOST_RECORD_OCTETS}"
            yield Remark("record-size", "warning", where, detail, "RFC 7208, 3.4")
    size = sum(len(string) + 1 for txt in txts for string in txt.strings)
    if size > MOST_ANSWER_OCTETS:
        detail = f"all TXT records together have {size} bytes, better at most {MOST_ANSWER_OCTETS}"
        yield Remark("answer-size", "warning", where, detail, "RFC 7208, 3.4")


def looks_like_record(data: bytes) -> bool:
    """Whether somebody meant *data* to be an SPF record, and no receiver takes it for one."""
    return not is_record(data) and data[:80].lstrip(b" \t\"'").lower().startswith(b"v=spf1")


def record(own: Record, where: str) -> tuple[Remark, ...]:
    """What the terms of a record show."""
    return told(Remark(row[0], row[1], where, row[2], f"RFC 7208, {row[3]}") for row in _record(own, where))


type _Row = tuple[str, Level, str, str]


def _record(own: Record, where: str) -> Iterator[_Row]:
    for late in own.mechanisms[len(own.tested) :]:
        yield "term-after-all", "warning", f"{shown(late.text)} stands after 'all' and is never looked at", "5.1"
    for modifier in own.modifiers:
        if modifier.name == "redirect" and own.redirect is None:
            yield "redirect-ignored", "warning", f"{shown(modifier.text)} is ignored because there is an 'all'", "6.1"
        if modifier.name not in {"redirect", "exp"}:
            yield "unknown-modifier", "note", f"{shown(modifier.text)} means nothing to receivers", "6"
    for term in own.tested:
        if term.kind == "ptr":
            yield "ptr-deprecated", "warning", f"{shown(term.text)}: slow, unreliable, not to be published", "5.5"
        if term.qualifier == "+" and term.kind == "all":
            yield "passes-all", "warning", f"{shown(term.text)} lets everyone send", "5.1"
        if term.qualifier == "+" and _is_wide(term):
            yield "wide-network", "warning", f"{shown(term.text)} lets a large part of the Internet send", "5.6"
    for again in _repeated(own.tested, where):
        yield "duplicate-term", "warning", f"{shown(again.text)} says again what stands before it", "4.6.2"
    yield from _shadows(own.tested)


def _is_wide(term: Mechanism) -> bool:
    if term.network:
        return term.network.prefixlen < _WIDE[term.network.version]
    return term.cidr[0] < _WIDE[4] or term.cidr[1] < _WIDE[6]


def _repeated(terms: Iterable[Mechanism], where: str) -> Iterator[Mechanism]:
    seen = set()
    for term in terms:
        target = term.host(where) or term.target
        key = (term.qualifier, term.kind, target, term.network, term.cidr)
        if key in seen:
            yield term
        seen.add(key)


def _shadows(terms: tuple[Mechanism, ...]) -> Iterator[_Row]:
    """Terms that may take senders away from a passing include behind them: the first match decides."""
    last = max((at for at, term in enumerate(terms) if term.kind == "include" and term.qualifier == "+"), default=0)
    for term in terms[:last]:
        if term.qualifier != "+":
            yield "may-shadow", "warning", f"{shown(term.text)} is tried before an include that passes", "4.6.2"


def shown(text: str) -> str:
    """A term as a remark shows it: short."""
    return text if len(text) <= 80 else f"{text[:80]}..."  # noqa: PLR2004 - a screen's width
