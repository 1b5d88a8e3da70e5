"""Where a domain's mail goes, and whether that allows the lock-down (docs/reference/dns.md#mx-and-the-lock-down)."""

from dataclasses import dataclass
from ipaddress import ip_address

from domain.mail import names
from domain.mail.answers import Absent, DnsAnswers, Mx
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
    """None is the filter's, and not all are Microsoft's."""

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


def judge_mx(domain: str, answers: DnsAnswers, suffixes: tuple[str, ...]) -> MxVerdict | Needs | NoVerdict:
    """Judge the MX records of *domain*; *suffixes* are the filter's domains (a profile's `mx_suffixes`).

    Raises:
        ValueError: *domain* or a suffix is no domain name, or there is no suffix.
    """
    name, ours = names.to_ascii(domain), tuple(names.to_ascii(suffix) for suffix in suffixes)
    if not ours:
        raise ValueError("mx suffixes: should name at least one domain of the filter")
    asked = Asked(answers)
    answer = asked.get(name, "MX")
    if isinstance(answer, Absent):
        return NoMx() if answer.name_exists else NoDomain()
    found = sorted(exchangers(answer), key=lambda mx: (mx.preference, mx.host))
    remarks = _remarks(name, found, asked)
    return asked.open or _verdict(tuple(dict.fromkeys(mx.host for mx in found)), ours, remarks)


def allows_lockdown(verdict: MxVerdict | Needs | NoVerdict) -> bool:
    """Whether the lock-down may be on for this domain: anything else, and anything unknown, means stop."""
    return isinstance(verdict, AllFilter | NullMx)


def _verdict(found: tuple[str, ...], ours: tuple[str, ...], remarks: tuple[Remark, ...]) -> MxVerdict:
    if found == ("",):
        return NullMx()
    in_filter = tuple(host for host in found if _belongs(host, ours))
    others = tuple(host for host in found if host not in in_filter)
    if not others:
        return AllFilter(in_filter, remarks)
    if in_filter:
        return Mixed(in_filter, others, remarks)
    return (Microsoft if all(_belongs(host, MICROSOFT) for host in others) else Other)(others, remarks)


def _belongs(host: str, suffixes: tuple[str, ...]) -> bool:
    return any(names.is_under(host, suffix) for suffix in suffixes)


def _remarks(name: str, found: list[Mx], asked: Asked) -> tuple[Remark, ...]:
    told = []
    for mx in found:
        if not mx.host and len(found) > 1:
            told.append(Remark("null-mx-beside-others", "error", name, "a null MX must be alone", "RFC 7505, 3"))
        elif _is_address(mx.host):
            told.append(Remark("mx-is-address", "error", name, f"{mx.host} is an address, no host", "RFC 5321, 5.1"))
        elif mx.host and (targets := hosts(asked.get(mx.host, "CNAME"))):
            detail = f"{mx.host} is an alias of {targets[0]}; an exchanger must be a host"
            told.append(Remark("mx-is-alias", "error", name, detail, "RFC 2181, 10.3"))
    return tuple(told)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
