"""Where a domain's mail goes, and whether that allows the lock-down (docs/reference/dns.md#mx-and-the-lock-down)."""

from dataclasses import dataclass
from typing import Self

from domain.addresses import is_address
from domain.mail import names
from domain.mail.answers import Absent, DnsAnswers, Mx, Present
from domain.mail.asking import Asked, Needs, NoVerdict, Remark, exchangers, hosts

MICROSOFT = ("mail.protection.outlook.com", "mx.microsoft", "mail.eo.outlook.com")
"""Hosts that are Exchange Online itself (docs/reference/dns.md#mx-of-microsoft)."""


@dataclass(frozen=True, slots=True)
class AllFilter:
    """Every exchanger is the filter's. *hosts*: by preference."""

    hosts: tuple[str, ...]
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True, slots=True)
class Mixed:
    """The filter, and *others* beside it: a way round the filter, and bounces once locked down."""

    filter: tuple[str, ...]
    others: tuple[str, ...]
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True, slots=True)
class Microsoft:
    """Every exchanger is Microsoft's: a lock-down would refuse all mail."""

    hosts: tuple[str, ...]
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True, slots=True)
class Other:
    """No MX is the filter's, and not all are Microsoft's."""

    hosts: tuple[str, ...]
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True, slots=True)
class NullMx:
    """The domain accepts no mail (RFC 7505): nothing to protect, nothing to lose."""


@dataclass(frozen=True, slots=True)
class NoMx:
    """The domain exists and has no MX: senders fall back to its addresses (RFC 5321, 5.1)."""


@dataclass(frozen=True, slots=True)
class NoDomain:
    """The name does not exist (NXDOMAIN): expired, or never used."""


type MxVerdict = AllFilter | Mixed | Microsoft | Other | NullMx | NoMx | NoDomain


@dataclass(frozen=True, slots=True)
class FilterHosts:
    """Which hosts take mail for the filter: every name below *suffixes* but those of *outbound*, by which mail leaves.

    A suffix itself takes none. Numbered siblings (`outbound30`) are of the same kind as the name without a number.
    """

    suffixes: tuple[str, ...]
    outbound: tuple[str, ...] = ()

    def checked(self) -> Self:
        """The same in A-labels. Raises ValueError where one is no domain name, or there is no suffix."""
        if not self.suffixes:
            raise ValueError("mx suffixes: should name at least one domain of the filter")
        return type(self)(tuple(map(names.to_ascii, self.suffixes)), tuple(map(names.to_ascii, self.outbound)))

    def take(self, host: str) -> bool:
        label, _, parent = host.partition(".")
        unnumbered = f"{label.rstrip('0123456789')}.{parent}"
        below = any(host != suffix and names.is_under(host, suffix) for suffix in self.suffixes)
        return below and not {host, unnumbered} & set(self.outbound)


def judge_mx(domain: str, answers: DnsAnswers, filter_hosts: FilterHosts) -> MxVerdict | Needs | NoVerdict:
    """Judge the MX records of *domain*.

    Raises:
        ValueError: *domain* or a suffix is no domain name, or there is no suffix.
    """
    name, filter_hosts = names.to_ascii(domain), filter_hosts.checked()
    asked = Asked(answers)
    answer = asked.get(name, "MX")
    if isinstance(answer, Absent):
        return NoMx() if answer.name_exists else NoDomain()
    found = sorted(exchangers(answer), key=lambda mx: (mx.preference, mx.host))
    remarks = _remarks(name, found, asked)
    return asked.open or _verdict(tuple(dict.fromkeys(mx.host for mx in found)), filter_hosts, remarks)


def elsewhere(answer: Present | Absent, filter_hosts: FilterHosts) -> tuple[str, ...]:
    """The hosts of one server's answer that are not the filter's; NO_MX where it has none."""
    if isinstance(answer, Absent):
        return (NO_MX,)
    return tuple(mx.host for mx in exchangers(answer) if mx.host and not filter_hosts.take(mx.host))


NO_MX = "no MX"
"""Stands for the host where there is no record: senders fall back to the name's addresses."""


def allows_lockdown(verdict: MxVerdict | Needs | NoVerdict) -> bool:
    """Whether the lock-down may be on for this domain: anything else, and anything unknown, means stop."""
    return isinstance(verdict, AllFilter | NullMx)


def _verdict(found: tuple[str, ...], filter_hosts: FilterHosts, remarks: tuple[Remark, ...]) -> MxVerdict:
    if found == ("",):
        return NullMx()
    in_filter = tuple(host for host in found if filter_hosts.take(host))
    others = tuple(host for host in found if host not in in_filter)
    if not others:
        return AllFilter(in_filter, remarks)
    if in_filter:
        return Mixed(in_filter, others, remarks)
    is_microsofts = all(any(names.is_under(host, suffix) for suffix in MICROSOFT) for host in others)
    return (Microsoft if is_microsofts else Other)(others, remarks)


def _remarks(name: str, found: list[Mx], asked: Asked) -> tuple[Remark, ...]:
    told = []
    for mx in found:
        if not mx.host and len(found) > 1:
            told.append(Remark("null-mx-beside-others", "error", name, "a null MX must be alone", "RFC 7505, 3"))
        elif is_address(mx.host):
            told.append(Remark("mx-is-address", "error", name, f"{mx.host} is an address, no host", "RFC 5321, 5.1"))
        elif mx.host and (targets := hosts(asked.get(mx.host, "CNAME"))):
            detail = f"{mx.host} is an alias of {targets[0]}; an exchanger must be a host"
            told.append(Remark("mx-is-alias", "error", name, detail, "RFC 2181, 10.3"))
    return tuple(told)
