"""check_host() of RFC 7208, section 4, over answers that were fetched already: what a receiver makes of one message."""

from collections.abc import Iterable, Iterator
from ipaddress import ip_address, ip_network
from typing import Literal

from domain.mail import names
from domain.mail.answers import Absent, DnsAnswers, Present, RecordType
from domain.mail.asking import Asked, Needs, NoVerdict, exchangers, hosts
from domain.mail.spf.macros import CheckedMessage, expanded
from domain.mail.spf.record import Record, decode, parse, records
from domain.mail.spf.terms import Mechanism, Qualifier, dns_name

LOOKUP_LIMIT = 10
VOID_LIMIT = 2
MX_HOST_LIMIT = 10
PTR_NAME_LIMIT = 10
"""RFC 7208, 4.6.4. More names of a PTR are left out; more of anything else is an error."""

type Result = Literal["none", "neutral", "pass", "fail", "softfail", "permerror"]

_FAMILIES: tuple[RecordType, RecordType] = ("A", "AAAA")

_RESULTS: dict[Qualifier, Result] = {"+": "pass", "-": "fail", "~": "softfail", "?": "neutral"}


def check_host(message: CheckedMessage, domain: str, answers: DnsAnswers) -> Result | Needs | NoVerdict:
    """What the SPF record of *domain* says of *message*. NoVerdict is the RFC's temperror."""
    try:
        return _Check(message, answers).result(domain)
    except _EndedError as ended:
        return ended.outcome


class _EndedError(Exception):
    """The check ends here with *outcome*, however deep it is."""

    def __init__(self, outcome: Result | Needs | NoVerdict) -> None:
        super().__init__(str(outcome))
        self.outcome = outcome


class _Check:
    """One message against one record and what it leads to."""

    def __init__(self, message: CheckedMessage, answers: DnsAnswers) -> None:
        self._message = message
        self._answers = answers
        self._lookups = self._voids = 0

    def result(self, domain: str) -> Result:
        name = dns_name(domain)
        record = self._record(name) if name and "." in name else None
        if name is None or record is None:
            return "none"
        for term in record.tested:
            if self._matches(term, name):
                return _RESULTS[term.qualifier]
        if record.redirect is None:
            return "neutral"
        self._count()
        return self._at(record.redirect.value, name)

    def _record(self, name: str) -> Record | None:
        asked = Asked(self._answers)
        found = records(asked.texts(name) or ())
        _end_if_open(asked)
        if len(found) > 1:
            raise _EndedError("permerror")
        try:
            return parse(decode(found[0])) if found else None
        except ValueError:
            raise _EndedError("permerror") from None

    def _at(self, spec: str, domain: str) -> Result:
        """The result of the record that *spec* names: that there is none is an error (RFC 7208, 5.2 and 6.1)."""
        result = self.result(self._expanded(spec, domain))
        if result == "none":
            raise _EndedError("permerror")
        return result

    def _matches(self, term: Mechanism, domain: str) -> bool:
        if term.counted:
            self._count()
        if term.kind == "all":
            return True
        if term.network:
            return self._message.ip in term.network
        if term.kind == "include":
            return self._at(term.target or "", domain) == "pass"
        name = domain if term.target is None else dns_name(self._expanded(term.target, domain))
        return name is not None and self._matches_name(term, name)

    def _matches_name(self, term: Mechanism, name: str) -> bool:
        match term.kind:
            case "mx":
                return any(self._is_at(host, term) for host in self._exchangers(name))
            case "ptr":
                return any(names.is_under(each, name) for each in self._validated())
            case "exists":
                return self._present(name, "A", counts=True) is not None
            case _:
                return self._is_at(name, term, counts=True)

    def _exchangers(self, name: str) -> list[str]:
        found = [mx.host for mx in exchangers(self._present(name, "MX", counts=True)) if mx.host]
        if len(found) > MX_HOST_LIMIT:
            raise _EndedError("permerror")
        self._ask_all(found)
        return found

    def _is_at(self, host: str, term: Mechanism, *, counts: bool = False) -> bool:
        """Whether the message comes from an address of *host*, or from the network around one."""
        length = term.cidr[_FAMILIES.index(self._family)]
        answer = self._present(host, self._family, counts=counts)
        return any(self._message.ip in ip_network(f"{each}/{length}", strict=False) for each in hosts(answer))

    @property
    def _family(self) -> RecordType:
        return _FAMILIES[self._message.ip.version == 6]  # noqa: PLR2004 - IPv6

    def _validated(self) -> Iterator[str]:
        """The names that the address has by PTR and that have the address (RFC 7208, 5.5); an unclear one is none."""
        found = hosts(self._unless_unclear(self._message.ip.reverse_pointer, "PTR"))[:PTR_NAME_LIMIT]
        self._ask_all(found)
        for name in found:
            addresses = hosts(self._unless_unclear(name, self._family))
            if any(ip_address(each) == self._message.ip for each in addresses):
                yield name

    def _validated_name(self, domain: str) -> str:
        """The macro `p` (RFC 7208, 7.3): the domain itself before one below it, before any other."""
        found = sorted(self._validated(), key=lambda name: (name != domain, not names.is_under(name, domain)))
        return found[0] if found else "unknown"

    def _expanded(self, spec: str, domain: str) -> str:
        return expanded(spec, self._message, domain, lambda: self._validated_name(domain))

    def _count(self) -> None:
        self._lookups += 1
        if self._lookups > LOOKUP_LIMIT:
            raise _EndedError("permerror")

    def _present(self, name: str, kind: RecordType, *, counts: bool = False) -> Present | None:
        """The records of *name*; *counts*: there being none is one of the void look-ups (RFC 7208, 4.6.4)."""
        asked = Asked(self._answers)
        answer = asked.get(name, kind)
        _end_if_open(asked)
        if isinstance(answer, Present):
            return answer
        self._voids += counts
        if self._voids > VOID_LIMIT:
            raise _EndedError("permerror")
        return None

    def _unless_unclear(self, name: str, kind: RecordType) -> Present | Absent | None:
        asked = Asked(self._answers)
        answer = asked.get(name, kind)
        if isinstance(asked.open, Needs):
            raise _EndedError(asked.open)
        return answer

    def _ask_all(self, found: Iterable[str]) -> None:
        """Ask for the addresses of all *found* in one round."""
        asked = Asked(self._answers)
        for name in found:
            asked.get(name, self._family)
        if isinstance(asked.open, Needs):
            raise _EndedError(asked.open)


def _end_if_open(asked: Asked) -> None:
    if asked.open:
        raise _EndedError(asked.open)
