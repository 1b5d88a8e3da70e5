"""The guard of the lock-down: it may close only when every MX of every domain is the filter's.

Enabling it earlier stops the company's mail (dns-and-exchangedefender 1.5, 5.4). Anything unknown means stop.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from domain import normal


@dataclass(frozen=True, slots=True)
class MxSeen:
    """The mail exchangers of one domain, as the answer had them, at *at*. No host: proven to have no MX."""

    hosts: tuple[str, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class MxUnseen:
    """No usable answer: time-out, SERVFAIL, NXDOMAIN of a whole zone, servers that disagree."""

    reason: str


type MxAnswers = Mapping[str, MxSeen | MxUnseen]


@dataclass(frozen=True, slots=True)
class Guard:
    """Whether the lock-down may close, and the first thing that speaks against it."""

    passed: bool
    reason: str = ""


NULL_MX = ""
"""The host of a null MX (RFC 7505): the domain takes no mail, so nothing can be refused."""


def lockdown(domains: tuple[str, ...], answers: MxAnswers, mx_suffixes: tuple[str, ...]) -> Guard:
    """Judge the MX of *domains* (every custom domain that receives mail here)."""
    if not domains:
        return Guard(passed=False, reason="no custom domain is known, so no MX could be checked")
    for domain in domains:
        if reason := _against(domain, answers.get(domain), mx_suffixes):
            return Guard(passed=False, reason=reason)
    return Guard(passed=True, reason=f"every MX of {', '.join(domains)} is the filter's")


def _against(domain: str, answer: MxSeen | MxUnseen | None, suffixes: tuple[str, ...]) -> str:
    match answer:
        case None:
            return f"{domain}: its MX was not read"
        case MxUnseen(reason=reason):
            return f"{domain}: its MX is unknown ({reason})"
        case MxSeen(hosts=()):
            return f"{domain}: it has no MX record, so mail goes to its address record"
        case MxSeen(hosts=hosts):
            foreign = [host for host in hosts if normal.domain(host) != NULL_MX and not _is_filters(host, suffixes)]
            return f"{domain}: its MX {foreign[0]} is not the filter's: move the MX first" if foreign else ""
        case _:
            assert_never(answer)


def _is_filters(host: str, suffixes: tuple[str, ...]) -> bool:
    bare = normal.domain(host)
    return any(bare == suffix or bare.endswith(f".{suffix}") for suffix in map(normal.domain, suffixes))
