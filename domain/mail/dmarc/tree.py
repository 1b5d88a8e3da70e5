"""Which DMARC record applies to a domain: the tree walk of RFC 9989, 4.10, without I/O."""

from dataclasses import dataclass

from domain.mail import names
from domain.mail.answers import DnsAnswers
from domain.mail.asking import Asked, Needs, NoVerdict, Remark
from domain.mail.dmarc.record import Record, is_record, records, remarks

MOST_QUERIES = 8
"""RFC 9989, 4.10: of a longer walk the first name and the last seven are asked."""

type _Told = list[Remark]


@dataclass(frozen=True, slots=True)
class Found:
    """The record that applies to a domain. *at*: whose it is."""

    record: Record
    at: str
    remarks: tuple[Remark, ...]


@dataclass(frozen=True, slots=True)
class NoRecord:
    """No record applies. A first one may be made only where *remarks* is empty: else something is in its place."""

    remarks: tuple[Remark, ...]


def walk(domain: str, answers: DnsAnswers) -> Found | NoRecord | Needs | NoVerdict:
    """Find the record that applies to *domain*: its own, else that of its organisation (RFC 9989, 4.10).

    Raises:
        ValueError: *domain* is no domain name, or too long to have a record.
    """
    name = names.to_ascii(domain)
    asked = Asked(answers)
    told: _Told = []
    own = _one(asked, name, told)
    if own:
        return _found(own, name, told)
    above = {} if asked.open else _above(asked, name, told)
    if asked.open or not above:
        return asked.open or NoRecord(tuple(told))
    at, record = _organisation(above, name)
    return _found(record, at, told)


def ancestors(name: str) -> tuple[str, ...]:
    """The names, longest first, whose record applies to the domain *name* (A-labels) while it has none of its own."""
    return names.parents(name)[1:][1 - MOST_QUERIES :]


def misplaced(name: str, answers: DnsAnswers) -> tuple[Remark, ...]:
    """A record that stands at the domain *name* itself, where no receiver looks: its author meant it to count."""
    texts = Asked(answers).texts(name) or ()
    if not any(is_record(txt.data) for txt in texts):
        return ()
    detail = f"a DMARC record stands at the domain itself, where nobody looks: it belongs at _dmarc.{name}"
    return (Remark("misplaced-record", "warning", name, detail, "RFC 9989, 4.10"),)


def _one(asked: Asked, name: str, told: _Told) -> Record | None:
    """The record at a name; what is there and does not count is told."""
    txts = asked.texts(names.to_ascii(f"_dmarc.{name}")) or ()
    found = records(txts)
    if len(found) > 1:
        detail = f"has {len(found)} DMARC records, which count as none"
        told.append(Remark("several-records", "error", name, detail, "RFC 9989, 4.7"))
    for txt in txts:
        if not is_record(txt.data) and b"dmarc1" in txt.data[:40].lower():
            detail = f"{txt.data[:40]!a} looks like a DMARC record and is none"
            told.append(Remark("looks-like-dmarc", "error", name, detail, "RFC 9989, 4.7"))
    return found[0] if len(found) == 1 else None


def _found(record: Record, at: str, told: _Told) -> Found:
    return Found(record, at, (*told, *remarks(record, at)))


def _above(asked: Asked, name: str, told: _Told) -> dict[str, Record]:
    """The records above *name*, longest name first, up to the one that marks a boundary (RFC 9989, 4.10).

    One that does not count is told: the name's own record would stay, weaker maybe, once that one is mended.
    """
    found: dict[str, Record] = {}
    for parent in ancestors(name):
        record = _one(asked, parent, told)
        if record:
            found[parent] = record
            if record.meant("psd") != "u":
                break
    return found


def _organisation(above: dict[str, Record], name: str) -> tuple[str, Record]:
    """The organisation's record: at `psd=n`, one below `psd=y`, else the shortest name's; else the registry's."""
    last = next(reversed(above))
    below = names.parents(name)[-last.count(".") - 2]
    at = below if above[last].meant("psd") == "y" and below in above else last
    return at, above[at]
