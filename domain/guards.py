"""The guard of the lock-down: it may close only when every MX of every domain is the filter's, and known to be.

Closing it earlier stops the company's mail. Anything unknown means stop.

Source: docs/reference/exchangedefender.md#lock-down.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from domain.mail import mx
from domain.mail.asking import Needs, NoVerdict
from domain.mx_moves import UNSEEN_PATIENCE, MxMemories, MxMemory, Sight, Sights


@dataclass(frozen=True, slots=True)
class Guard:
    """Whether the lock-down may close, and the first thing that speaks against it."""

    passed: bool
    reason: str = ""


def lockdown(sights: Sights, remembered: MxMemories, now: datetime, *, since: datetime | None = None) -> Guard:
    """Judge every domain that receives mail here: what its MX is (*sights*) and what it was (*remembered*).

    *since*: when the MX records were pointed to the filter, where an operator says so.
    """
    if not sights:
        return Guard(passed=False, reason="no custom domain is known, so no MX could be checked")
    for domain, seen in sights.items():
        if against := _against(seen, remembered.domains.get(domain), now, since):
            return Guard(passed=False, reason=f"{domain}: {against}")
    return Guard(passed=True, reason=f"every MX of {', '.join(sights)} is the filter's, and older ones are forgotten")


def _against(seen: Sight, memory: MxMemory | None, now: datetime, since: datetime | None) -> str:
    if against := speaks_against(seen.verdict):
        return against
    if memory is None or not memory.at_filter:
        return "since when its MX is the filter's is not known"
    if memory.elsewhere:
        hosts = ", ".join(memory.elsewhere)
        was = f"its MX was {hosts}, which senders may still use until {_time(memory.until)} (TTL {memory.ttl_s} s)"
        return was if now < memory.until else ""
    until = min(memory.until, since + UNSEEN_PATIENCE) if since else memory.until
    return f"{_UNSEEN} until {_time(until)}; mx_at_filter_since in its config says since when" if now < until else ""


_UNSEEN = "since when its MX is the filter's is not known, so senders may still use an older one"


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


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
            return "it has no MX record, so mail goes to its address record"
        case mx.NoDomain():
            return "the name does not exist in DNS"
        case _:
            assert_never(verdict)
