"""The whole tree of an SPF record, walked without I/O: what it costs, where it breaks, and what it lets pass.

Receivers stop at the first match; here every term is counted, because another message takes another way through
(docs/reference/dns.md#spf-evaluation). An answer that is missing is asked for; one that is unclear ends the look
without a verdict.
"""

from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Literal

from domain.mail import names
from domain.mail.answers import Absent, DnsAnswers, RecordType
from domain.mail.asking import Asked, Level, Needs, NoVerdict, Remark, exchangers, hosts
from domain.mail.spf import lint
from domain.mail.spf.check import LOOKUP_LIMIT, MX_HOST_LIMIT, VOID_LIMIT
from domain.mail.spf.record import Record, decode, parse, records
from domain.mail.spf.terms import Mechanism, Network, Qualifier, host

FOLLOWED = 50
"""Look-ups that are followed. What costs more is broken five times over and is not asked for any further."""

type DefaultResult = Qualifier | Literal["none", "dynamic"]
"""The qualifier of the `all` that decides. none: nothing does, which is neutral (RFC 7208, 4.7). dynamic: a macro."""

_MILD: dict[DefaultResult, str] = {"~": "'~all'", "dynamic": "a redirect that depends on the message"}


@dataclass(frozen=True, slots=True)
class AddressGrant:
    """A *term* that makes messages pass. *path*: the names whose records lead to it, the domain itself first.

    *networks*: whose messages, as far as addresses say it.
    """

    term: Mechanism
    path: tuple[str, ...]
    networks: tuple[Network, ...]


@dataclass(frozen=True, slots=True)
class Examined:
    """A tree that was seen to its ends.

    *found*: the SPF records at the domain. *record*: the one that could be read, if there is exactly one.
    *lookups*, *voids*: as RFC 7208, 4.6.4 counts them, at most `FOLLOWED` + 1.
    *exact*: false when an include or redirect with a macro, or the end of patience, hides part of the tree.
    *reached*: the targets of includes whose pass is a pass of the record, if nothing before them matches.
    *remarks*: an "error" among them means that receivers answer permerror for some or all messages.
    """

    domain: str
    found: tuple[bytes, ...]
    record: Record | None
    lookups: int
    voids: int
    exact: bool
    ending: DefaultResult
    reached: frozenset[str]
    grants: tuple[AddressGrant, ...]
    remarks: tuple[Remark, ...]

    @property
    def errors(self) -> tuple[Remark, ...]:
        return tuple(remark for remark in self.remarks if remark.level == "error")

    @property
    def warnings(self) -> tuple[Remark, ...]:
        return tuple(remark for remark in self.remarks if remark.level == "warning")


def examine(domain: str, answers: DnsAnswers) -> Examined | Needs | NoVerdict:
    """Look through the tree of *domain*'s record.

    Raises:
        ValueError: *domain* is no domain name.
    """
    walk = _Walk(Asked(answers), names.to_ascii(domain))
    ending = walk.follow((walk.domain,), passing=True)
    return walk.asked.open or walk.examined(ending)


class _Remarks:
    """The remarks on one tree, whose record is *domain*'s."""

    def __init__(self, domain: str) -> None:
        self.domain = domain
        self.told: list[Remark] = []

    def error(self, remark_id: str, where: str, detail: str, section: str) -> None:
        self.told.append(Remark(remark_id, "error", where, detail, f"RFC 7208, {section}"))

    def warn(self, remark_id: str, detail: str, section: str) -> None:
        self.told.append(Remark(remark_id, "warning", self.domain, detail, f"RFC 7208, {section}"))

    def of_limits(self, lookups: int, voids: int) -> None:
        if lookups > LOOKUP_LIMIT:
            count = f"more than {FOLLOWED}" if lookups > FOLLOWED else str(lookups)
            self.error("lookup-limit", self.domain, f"costs {count} DNS look-ups, at most {LOOKUP_LIMIT}", "4.6.4")
        detail = f"has {voids} void look-ups (names without records), at most {VOID_LIMIT}"
        if voids > VOID_LIMIT:
            self.error("void-limit", self.domain, detail, "4.6.4")
        elif voids:
            self.warn("void-lookups", detail, "4.6.4")


class _Walk:
    """One look through one tree."""

    def __init__(self, asked: Asked, domain: str) -> None:
        self.asked = asked
        self.domain = domain
        self._lookups = self._voids = 0
        self._exact = True
        self._reached: set[str] = set()
        self._grants: list[AddressGrant] = []
        self._remarks = _Remarks(domain)
        self._own: Record | None = None

    def follow(self, path: tuple[str, ...], *, passing: bool) -> DefaultResult:
        """Look at the record of the last name of *path*; *passing*: whether its pass is the whole record's pass."""
        record = self._record(path)
        if record is None:
            return "none"
        if len(path) == 1:
            self._own = record
        for term in record.tested:
            self._term(term, path, passing=passing and term.qualifier == "+")
        return self._ending(record, path, passing=passing)

    def _ending(self, record: Record, path: tuple[str, ...], *, passing: bool) -> DefaultResult:
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
        if term.counted and not self._count():
            return
        name = term.host(path[-1])
        networks: tuple[Network, ...] = (term.network,) if term.network else ()
        if name is None:
            self._opaque(term.text, path[-1], dynamic=term.dynamic, decides=term.kind == "include")
        elif term.kind == "include":
            self._reached |= {name} if passing else set()
            self._into(name, path, passing=passing)
        elif term.kind in {"a", "exists"}:
            networks = self._at(name, term)
        elif term.kind == "mx":
            networks = self._exchangers(name, term, path[-1])
        if passing and term.kind != "include":
            self._grants.append(AddressGrant(term, path, networks))

    def _count(self) -> bool:
        """Count a look-up; whether it is still followed."""
        self._lookups = min(self._lookups + 1, FOLLOWED + 1)
        self._exact = self._exact and self._lookups <= FOLLOWED
        return self._lookups <= FOLLOWED

    def _into(self, name: str, path: tuple[str, ...], *, passing: bool) -> DefaultResult:
        if name in path:
            self._remarks.error("loop", path[-1], f"leads back to {name}, so that look-ups never end", "4.6.4")
            return "none"
        return self.follow((*path, name), passing=passing)

    def _opaque(self, text: str, where: str, *, dynamic: bool, decides: bool) -> None:
        """A target that cannot be asked for: a macro, or no domain name. *decides*: it would have led to a record."""
        shown = lint.shown(text)
        if dynamic:
            self._exact = self._exact and not decides
            detail = f"{shown} depends on the message: counted as one look-up, the rest is not known"
            level: Level = "warning" if decides else "note"
            self._remarks.told.append(Remark("dynamic-term", level, where, detail, "RFC 7208, 7"))
        elif decides:
            self._remarks.error("malformed-name", where, f"{shown} names no domain", "4.3")
        else:
            detail = f"{shown} names no domain and matches nothing"
            self._remarks.told.append(Remark("malformed-name", "warning", where, detail, "RFC 7208, 4.3"))

    def _at(self, name: str, term: Mechanism) -> tuple[Network, ...]:
        """The networks around the addresses of *name*; a name without one is a void look-up."""
        found = _addresses(self.asked, name, ("A",) if term.kind == "exists" else ("A", "AAAA"))
        self._voids += found is None
        return _around(found or (), term) if term.kind == "a" else ()

    def _exchangers(self, name: str, term: Mechanism, where: str) -> tuple[Network, ...]:
        """The networks around the hosts of an `mx` term: at most ten, each asked for (RFC 7208, 4.6.4, 5.4)."""
        answer = self.asked.get(name, "MX")
        found = [mx.host for mx in exchangers(answer) if mx.host]
        if len(found) > MX_HOST_LIMIT:
            self._remarks.error(
                "mx-host-limit", where, f"{name} has {len(found)} exchangers, at most {MX_HOST_LIMIT}", "4.6.4"
            )
        addresses = [_addresses(self.asked, each, ("A", "AAAA")) for each in found[:MX_HOST_LIMIT]]
        self._voids += isinstance(answer, Absent) or None in addresses
        return tuple(network for each in addresses for network in _around(each or (), term))

    def _record(self, path: tuple[str, ...]) -> Record | None:
        """The record at the end of *path*; what is wrong with it is told."""
        name, txts = path[-1], self.asked.texts(path[-1])
        if txts is None:
            return None
        found = records(txts)
        if len(path) > 1:
            self._voids += not txts
        if len(found) > 1:
            self._remarks.error(
                "several-records", name, f"has {len(found)} SPF records, which is as bad as none", "4.5"
            )
        elif found:
            return self._parsed(found[0], name)
        elif len(path) > 1:
            self._remarks.error(
                "target-without-record", name, f"has no SPF record, and {path[-2]} counts on it", "5.2, 6.1"
            )
        return None

    def _parsed(self, data: bytes, name: str) -> Record | None:
        try:
            return parse(decode(data))
        except ValueError as error:
            self._remarks.error("syntax", name, str(error), "3.1, 4.6")
            return None

    def examined(self, ending: DefaultResult) -> Examined:
        """What was found, once nothing is open."""
        txts = self.asked.texts(self.domain) or ()
        self._remarks.of_limits(self._lookups, self._voids)
        if ending in _MILD:
            self._remarks.warn("mild-ending", f"ends in {_MILD[ending]}; the documented record ends in '-all'", "5.1")
        lints = lint.text_remarks(txts, self.domain) + (lint.record(self._own, self.domain) if self._own else ())
        return Examined(
            domain=self.domain,
            found=records(txts),
            record=self._own,
            lookups=self._lookups,
            voids=self._voids,
            exact=self._exact,
            ending=ending,
            reached=frozenset(self._reached),
            grants=tuple(self._grants),
            remarks=tuple(dict.fromkeys((*self._remarks.told, *lints))),
        )


def _addresses(asked: Asked, name: str, kinds: tuple[RecordType, ...]) -> tuple[str, ...] | None:
    """The addresses of *name*, of the first family that has any; None where every one is proven absent."""
    for kind in kinds:
        answer = asked.get(name, kind)
        if not isinstance(answer, Absent):
            return hosts(answer)
    return None


def _around(addresses: tuple[str, ...], term: Mechanism) -> tuple[Network, ...]:
    """The networks of *term*'s prefix lengths that *addresses* are in."""
    found = map(ip_address, addresses)
    return tuple(ip_network(f"{each}/{term.cidr[each.version == 6]}", strict=False) for each in found)  # noqa: PLR2004
