"""The guard of the lock-down: it may close only when every MX of every domain is the filter's, and known to be.

Closing it earlier stops the company's mail. Anything unknown means stop.

Source: docs/reference/exchangedefender.md#lock-down.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from domain.exchange import AcceptedDomain
from domain.mail import mx
from domain.mail.answers import Unclear
from domain.mail.asking import Needs, NoVerdict
from domain.moments import to_the_second
from domain.mx_moves import UNSEEN_PATIENCE, MxMemories, MxMemory, Sight, Sights


@dataclass(frozen=True, slots=True)
class Guard:
    """Whether the lock-down may close, and the first thing that speaks against it. *unread*: it could not be read."""

    passed: bool
    reason: str = ""
    unread: bool = False


def lockdown(  # noqa: PLR0913 - what a tenant's mail rests on
    domains: Iterable[AcceptedDomain],
    sights: Sights,
    remembered: MxMemories,
    now: datetime,
    *,
    since: datetime | None,
    unlisted: Mapping[str, MxMemory],
) -> Guard:
    """Judge every domain that mail reaches here: what its MX is (*sights*) and what it was (*remembered*).

    *domains*: the tenant's; none where they were not read. *since*: when the MX records were pointed to the filter,
    where an operator says so. *unlisted*: domains that were here lately and that the list lacks, which may be an older
    replica's.
    """
    for domain in domains:
        if domain.doubt:
            return Guard(passed=False, reason=f"{domain.key}: {domain.doubt}")
    if not sights:
        return Guard(passed=False, reason="no custom domain is known, so no MX could be checked", unread=True)
    # Whoever locked the tenant had its MX at the filter, or was told so by bounces.
    locked = now - UNSEEN_PATIENCE if remembered.was_locked_at(now) else None
    for name, seen in sights.items():
        if against := _against(seen, remembered.domains.get(name), now, locked, since):
            unread = isinstance(seen.verdict, Needs | NoVerdict) or _servers_unread(seen) != ""
            return Guard(passed=False, reason=f"{name}: {against}", unread=unread)
    for name, memory in unlisted.items():
        if against := _past(memory, now, locked, since):
            return Guard(passed=False, reason=f"{name}: {_UNLISTED}, and {against}", unread=True)
    if all(isinstance(seen.verdict, mx.NullMx) for seen in sights.values()):
        return Guard(passed=False, reason=f"no MX of {', '.join(sights)} is the filter's")
    return Guard(passed=True, reason=f"every MX of {', '.join(sights)} is the filter's, and older ones are forgotten")


def _against(
    seen: Sight, memory: MxMemory | None, now: datetime, locked: datetime | None, since: datetime | None
) -> str:
    if against := speaks_against(seen.verdict) or _servers_unread(seen):
        return against
    return _past(memory, now, locked, since)


def _past(memory: MxMemory | None, now: datetime, locked: datetime | None, since: datetime | None) -> str:
    if memory is None or not memory.at_filter:
        return "since when its MX is the filter's is not known"
    return _former_servers(memory, now) or _former_mx(memory, now, locked, since)


def _servers_unread(seen: Sight) -> str:
    return f"its name servers are unknown ({seen.servers.reason})" if isinstance(seen.servers, Unclear) else ""


def _former_servers(memory: MxMemory, now: datetime) -> str:
    if memory.former_until is None or now >= memory.former_until:
        return ""
    was = ", ".join(memory.former)
    return f"its name servers were {was}, which resolvers may still ask until {to_the_second(memory.former_until)}"


def _former_mx(memory: MxMemory, now: datetime, locked: datetime | None, since: datetime | None) -> str:
    if memory.elsewhere:
        hosts = ", ".join(memory.elsewhere)
        ends = to_the_second(memory.until)
        was = f"its MX was {hosts}, which senders may still use until {ends} (TTL {memory.ttl_s} s)"
        return was if now < memory.until else ""
    outdated = since is not None and memory.begins_after(since)
    known = [each + UNSEEN_PATIENCE for each in (locked, None if outdated else since) if each]
    until = min([memory.until, *known])
    late = " (the one there is from before a time in which nobody looked at it)" if outdated else ""
    return f"{_UNSEEN} until {to_the_second(until)}; {_SAYS}{late}" if now < until else ""


_UNSEEN = "since when its MX is the filter's is not known, so senders may still use an older one"
_UNLISTED = "the list of accepted domains, which may be an older replica's, lacks it and had it within the hour"
_SAYS = "mx_at_filter_since in its config says since when"


_HELPS = "where it takes no mail here, publish a null MX (RFC 7505: `MX 0 .`) or remove it from the tenant"


def speaks_against(verdict: mx.MxVerdict | Needs | NoVerdict | None) -> str:  # noqa: PLR0911 - a row for each verdict
    """What in a domain's MX speaks against a lock-down; empty where nothing does."""
    match verdict:
        case None | Needs():
            return "its MX was not read"
        case NoVerdict(reason=reason):
            return f"its MX is unknown ({reason})"
        case mx.AllFilter() | mx.NullMx():
            return ""
        case mx.Mixed(others=others):
            return f"its MX {', '.join(others)} is not the filter's: move the MX first"
        case mx.Microsoft(hosts=hosts) | mx.Other(hosts=hosts):
            return f"its MX {', '.join(hosts)} is not the filter's: move the MX first"
        case mx.NoMx():
            return f"it has no MX record, so mail goes to its address record, where it has one: {_HELPS}"
        case mx.NoDomain():
            return f"the name does not exist in DNS: {_HELPS}"
        case _:
            assert_never(verdict)
