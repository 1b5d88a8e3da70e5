"""One DMARC record (RFC 9989, 4.7): what it says, and what it means.

An existing record is never changed (docs/reference/dns.md#first-dmarc-record): what could be better is told.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from domain.mail import names
from domain.mail.answers import Txt
from domain.mail.asking import Remark, told

_POLICIES = ("none", "quarantine", "reject")
_VALUES: dict[str, tuple[str, ...]] = {
    "p": _POLICIES,
    "sp": _POLICIES,
    "np": _POLICIES,
    "adkim": ("r", "s"),
    "aspf": ("r", "s"),
    "t": ("n", "y"),
    "psd": ("u", "n", "y"),
}
"""The values of a tag, weakest first where one is weaker; the first is the default (RFC 9989, 4.7)."""

_REMOVED = frozenset({"pct", "rf", "ri"})
_KNOWN = frozenset({"v", "rua", "ruf", "fo", *_VALUES, *_REMOVED})
_VERSION = re.compile(rb"[vV][ \t]*+=[ \t]*+DMARC1[ \t]*+(?:;|\Z)")
_MAILBOX = re.compile(r"([A-Za-z0-9.%+_=~$&'*-]+)@([^@]+)")


@dataclass(frozen=True, slots=True)
class Record:
    """A record. *text* as published, *tags* in its order: names in lower case, values without outer blanks."""

    text: str
    tags: tuple[tuple[str, str], ...]

    def value(self, tag: str) -> str | None:
        """What *tag* says as written: the first, where there are several."""
        return next((value for name, value in self.tags if name == tag), None)

    def meant(self, tag: str) -> str:
        """What *tag* (one with a list of values) means: a missing or unknown value is the default."""
        value = (self.value(tag) or "").lower()
        return value if value in _VALUES[tag] else self._default(tag)

    def _default(self, tag: str) -> str:
        return self.meant({"sp": "p", "np": "sp"}[tag]) if tag in {"sp", "np"} else _VALUES[tag][0]

    @property
    def ignored(self) -> str:
        """Why receivers apply nothing of the record; empty where they do (RFC 9989, 4.10.1).

        Without a valid policy they go on, as with `p=none`, only where there is a mailbox for reports.
        """
        if self.reports_to:
            return ""
        if self.value("p") is None:
            return "has neither 'p' nor a mailbox in 'rua'"
        wrong = (tag for tag, value in self.tags if tag in {"p", "sp", "np"} and value.lower() not in _POLICIES)
        return next((f"has no valid '{tag}' and no mailbox in 'rua'" for tag in wrong), "")

    @property
    def reports_to(self) -> tuple[str, ...]:
        """The mailboxes of `rua` that can receive reports; the obsolete `!size` is cut off."""
        uris = (uri.strip() for uri in (self.value("rua") or "").split(","))
        boxes = (uri[7:].partition("!")[0] for uri in uris if uri[:7].lower() == "mailto:")
        return tuple(box for box in boxes if _is_mailbox(box))


def parse(text: str) -> Record:
    """Read a record. Tags that are unknown, removed or malformed are kept: receivers ignore them (RFC 9989, 4.7).

    Raises:
        ValueError: The text does not begin with `v=DMARC1`.
    """
    if not is_record(text.encode("ascii", "backslashreplace")):
        raise ValueError(f"{text[:40]!a} does not begin with 'v=DMARC1' (RFC 9989, 4.7)")
    parts = (part.partition("=") for part in text.split(";") if part.strip())
    return Record(text, tuple((name.strip().lower(), value.strip()) for name, _, value in parts))


def is_record(data: bytes) -> bool:
    """Whether a TXT's *data* is a DMARC record: it begins with `v=DMARC1`, blanks aside (RFC 9989, 4.7)."""
    return bool(_VERSION.match(data))


def records(txts: Iterable[Txt]) -> tuple[Record, ...]:
    """The DMARC records among *txts*; several count as none (RFC 9989, 4.7). Bytes beyond ASCII are escaped."""
    return tuple(parse(txt.data.decode("ascii", "backslashreplace")) for txt in txts if is_record(txt.data))


def remarks(record: Record, where: str) -> tuple[Remark, ...]:
    """What a person should know about a record that stands at *where* (docs/reference/dns.md#dmarc)."""
    rows = chain(_policy_rows(record), _tag_rows(record))
    return told(Remark(row[0], "warning", where, row[1], f"RFC 9989, {row[2]}") for row in rows)


type _Row = tuple[str, str, str]


def _policy_rows(record: Record) -> Iterator[_Row]:
    if record.value("p") is None:
        yield "policy-absent", "has no 'p', which means none; older receivers want one", "4.7"
    if _is_weaker("sp", "p", record):
        yield "subdomains-weaker", f"sub-domains have {record.meant('sp')}, weaker than {record.meant('p')}", "4.7"
    if record.meant("t") == "y":
        yield "testing", "'t=y': receivers apply one level less", "4.7"
    if not record.reports_to:
        yield "no-reports", "no mailbox in 'rua' receives reports", "4.7"


def _tag_rows(record: Record) -> Iterator[_Row]:
    if "\\x" in record.text:
        yield "not-ascii", "has bytes that are not ASCII", "4.7"
    seen = set()
    for tag, value in record.tags:
        shown = f"{tag[:40]}={value[:40]}"
        if tag in seen:
            yield "repeated-tag", f"{shown}: the tag stood there before", "4.7"
        seen.add(tag)
        if tag in _REMOVED:
            yield "removed-tag", f"{shown}: removed; older receivers may still follow it", "C"
        elif tag not in _KNOWN:
            yield "unknown-tag", f"{shown}: means nothing to receivers", "4.7"
        elif value.lower() not in _VALUES.get(tag, (value.lower(),)):
            yield "invalid-value", f"{shown}: not one of {', '.join(_VALUES[tag])}; the default applies", "4.7"


def _is_weaker(tag: str, than: str, record: Record) -> bool:
    return _POLICIES.index(record.meant(tag)) < _POLICIES.index(record.meant(than))


def _is_mailbox(text: str) -> bool:
    match = _MAILBOX.fullmatch(text)
    if not match:
        return False
    try:
        return names.to_ascii(match[2]) == match[2].lower()
    except ValueError:
        return False
