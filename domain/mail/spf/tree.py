"""The whole tree of an SPF record, walked without I/O: what it costs, where it breaks, and what it lets pass.

Receivers stop at the first match; here every term is counted, because another message takes another way through
(docs/reference/dns.md#spf-evaluation). An answer that is missing is asked for; one that is unclear ends the look
without a verdict.
"""

from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Literal

from domain.mail import names
from domain.mail.answers import Absent, Answers, RecordType, Txt
from domain.mail.asking import Asked, Needs, Remark, Unknown, exchangers
from domain.mail.spf import lint
from domain.mail.spf.record import Record, decode, is_record, parse, records, split
from domain.mail.spf.terms import Mechanism, Qualifier, host

LOOKUP_LIMIT = 10
VOID_LIMIT = 2
MX_HOST_LIMIT = 10
FOLLOWED = 50
"""Look-ups that are followed. What costs more is broken five times over and is not asked for any further."""

type Ending = Qualifier | Literal["none", "dynamic"]
"""The qualifier of the `all` that decides. none: nothing does, which is neutral (RFC 7208, 4.7). dynamic: a macro."""


@dataclass(frozen=True, slots=True)
class Reached:
    """An include whose pass makes the record pass. *via*: the names it stands behind; none for the record's own."""

    target: str
    via: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Examined:
    """A tree that was seen to its ends.

    *found*: the SPF records at the domain (with the candidate in place of them, where one was given).
    *record*: the one that could be read, if there is exactly one.
    *lookups*, *voids*: as RFC 7208, 4.6.4 counts them, at most `FOLLOWED` + 1.
    *exact*: false when an include or redirect with a macro, or the end of patience, hides part of the tree.
    *remarks*: an "error" among them means that receivers answer permerror for some or all messages.
    """

    domain: str
    found: tuple[bytes, ...]
    record: Record | None
    lookups: int
    voids: int
    exact: bool
    ending: Ending
    reached: tuple[Reached, ...]
    remarks: tuple[Remark, ...]

    @property
    def errors(self) -> tuple[Remark, ...]:
        return tuple(remark for remark in self.remarks if remark.level == "error")


def examine(domain: str, answers: Answers, candidate: str | None = None) -> Examined | Needs | Unknown:
    """Look through the tree of *domain*'s record, or of *candidate* as if it stood there instead.

    Raises:
        ValueError: *domain* is no domain name, or *candidate* is not ASCII.
    """
    walk = _Walk(Asked(answers), names.to_ascii(domain), candidate)
    ending = walk.follow((walk.domain,), passing=True)
    return walk.asked.open or walk.examined(ending)


class _Walk:
    """One look through one tree."""

    def __init__(self, asked: Asked, domain: str, candidate: str | None) -> None:
        self.asked = asked
        self.domain = domain
        self._candidate = None if candidate is None else Txt(split(candidate))
        self._lookups = self._voids = 0
        self._exact = True
        self._reached: list[Reached] = []
        self._remarks: list[Remark] = []
        self._own: Record | None = None

    def follow(self, path: tuple[str, ...], *, passing: bool) -> Ending:
        """Look at the record of the last name of *path*; *passing*: whether its pass is the whole record's pass."""
        record = self._record(path)
        if record is None:
            return "none"
        if len(path) == 1:
            self._own = record
        decided: set[str | None] = set()
        for term in record.tested:
            passing = passing and not _stops_all(term)
            target = term.host(path[-1]) if term.kind == "include" else None
            self._term(term, path, passing=passing and term.qualifier == "+" and target not in decided)
            decided.add(target)
        return self._ending(record, path, passing=passing)

    def _ending(self, record: Record, path: tuple[str, ...], *, passing: bool) -> Ending:
        if record.tested and record.tested[-1].kind == "all":
            return record.tested[-1].qualifier
        if record.redirect is None or not self._count():
            return "none"
        target = record.redirect.value
        name = host(target)
        if name is None:
            self._opaque(record.redirect.text, path[-1], dynamic="%" in target, decides=True)
            return "dynamic" if "%" in target else "none"
        return self._into(name, path, passing=passing)

    def _term(self, term: Mechanism, path: tuple[str, ...], *, passing: bool) -> None:
        if not term.counted or not self._count():
            return
        name = term.host(path[-1])
        if name is None:
            self._opaque(term.text, path[-1], dynamic=term.dynamic, decides=term.kind == "include")
        elif term.kind == "include":
            self._reached += [Reached(name, path[1:])] if passing else []
            self._into(name, path, passing=passing)
        elif term.kind == "mx":
            self._exchangers(name, path[-1])
        elif term.kind != "ptr":
            self._voids += self._is_void(name, ("A",) if term.kind == "exists" else ("A", "AAAA"))

    def _count(self) -> bool:
        """Count a look-up; whether it is still followed."""
        self._lookups = min(self._lookups + 1, FOLLOWED + 1)
        self._exact = self._exact and self._lookups <= FOLLOWED
        return self._lookups <= FOLLOWED

    def _into(self, name: str, path: tuple[str, ...], *, passing: bool) -> Ending:
        if name in path:
            self._error("loop", path[-1], f"leads back to {name}, so that look-ups never end", "4.6.4")
            return "none"
        return self.follow((*path, name), passing=passing)

    def _opaque(self, text: str, where: str, *, dynamic: bool, decides: bool) -> None:
        """A target that cannot be asked for: a macro, or no domain name. *decides*: it would have led to a record."""
        shown = lint.shown(text)
        if dynamic:
            self._exact = self._exact and not decides
            detail = f"{shown} depends on the message: counted as one look-up, the rest is not known"
            self._remarks.append(Remark("dynamic-term", "note", where, detail, "RFC 7208, 7"))
        elif decides:
            self._error("malformed-name", where, f"{shown} names no domain", "4.3")
        else:
            detail = f"{shown} names no domain and matches nothing"
            self._remarks.append(Remark("malformed-name", "warning", where, detail, "RFC 7208, 4.3"))

    def _exchangers(self, name: str, where: str) -> None:
        """The hosts of an `mx` term: at most ten, and each is asked for its addresses (RFC 7208, 4.6.4, 5.4)."""
        answer = self.asked.get(name, "MX")
        found = list(dict.fromkeys(mx.host for mx in exchangers(answer) if mx.host))
        if len(found) > MX_HOST_LIMIT:
            self._error("mx-host-limit", where, f"{name} has {len(found)} exchangers, at most {MX_HOST_LIMIT}", "4.6.4")
        voids = [self._is_void(each, ("A", "AAAA")) for each in found[:MX_HOST_LIMIT]]
        self._voids += isinstance(answer, Absent) or any(voids)

    def _is_void(self, name: str, kinds: tuple[RecordType, ...]) -> bool:
        """Whether a term's questions are all proven absent. An address of either family is enough not to be."""
        return all(isinstance(self.asked.get(name, kind), Absent) for kind in kinds)

    def _record(self, path: tuple[str, ...]) -> Record | None:
        """The record at the end of *path*; what is wrong with it is told."""
        name, txts = path[-1], self._texts(path[-1])
        if txts is None:
            return None
        found = records(txts)
        if len(path) > 1:
            self._voids += not txts
        if len(found) > 1:
            self._error("several-records", name, f"has {len(found)} SPF records, which is as bad as none", "4.5")
        elif found:
            return self._parsed(found[0], name)
        elif len(path) > 1:
            self._error("target-without-record", name, f"has no SPF record, and {path[-2]} counts on it", "5.2, 6.1")
        return None

    def _parsed(self, data: bytes, name: str) -> Record | None:
        try:
            return parse(decode(data))
        except ValueError as error:
            self._error("syntax", name, str(error), "3.1, 4.6")
            return None

    def _texts(self, name: str) -> tuple[Txt, ...] | None:
        txts = self.asked.texts(name)
        if txts is None or self._candidate is None or name != self.domain:
            return txts
        return (*(txt for txt in txts if not is_record(txt.data)), self._candidate)

    def _error(self, remark_id: str, where: str, detail: str, section: str) -> None:
        self._remarks.append(Remark(remark_id, "error", where, detail, f"RFC 7208, {section}"))

    def examined(self, ending: Ending) -> Examined:
        """What was found, once nothing is open."""
        txts = self._texts(self.domain) or ()
        self._limits()
        lints = lint.texts(txts, self.domain) + (lint.record(self._own, self.domain) if self._own else ())
        return Examined(
            domain=self.domain,
            found=records(txts),
            record=self._own,
            lookups=self._lookups,
            voids=self._voids,
            exact=self._exact,
            ending=ending,
            reached=tuple(self._reached),
            remarks=tuple(dict.fromkeys((*self._remarks, *lints))),
        )

    def _limits(self) -> None:
        if self._lookups > LOOKUP_LIMIT:
            count = f"more than {FOLLOWED}" if self._lookups > FOLLOWED else str(self._lookups)
            self._error("lookup-limit", self.domain, f"costs {count} DNS look-ups, at most {LOOKUP_LIMIT}", "4.6.4")
        if self._voids > VOID_LIMIT:
            self._error("void-limit", self.domain, f"has {self._voids} void look-ups, at most {VOID_LIMIT}", "4.6.4")


def _stops_all(term: Mechanism) -> bool:
    """Whether no IPv4 sender comes past *term* to a pass: a second `all` in disguise."""
    return term.qualifier != "+" and isinstance(term.network, IPv4Network) and term.network.prefixlen == 0
