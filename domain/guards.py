"""The guard of the lock-down: it may close only when every MX of every domain is the filter's.

Enabling it earlier stops the company's mail (dns-and-exchangedefender 1.5, 5.4). Anything unknown means stop.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import assert_never

from domain.mail import mx
from domain.mail.asking import Needs, Unknown

type Verdicts = Mapping[str, mx.Verdict | Needs | Unknown]
"""What is known of the MX of each domain."""


@dataclass(frozen=True, slots=True)
class Guard:
    """Whether the lock-down may close, and the first thing that speaks against it."""

    passed: bool
    reason: str = ""


def lockdown(domains: tuple[str, ...], verdicts: Verdicts) -> Guard:
    """Judge the MX of *domains* (every custom domain that receives mail here)."""
    if not domains:
        return Guard(passed=False, reason="no custom domain is known, so no MX could be checked")
    for domain in domains:
        if against := speaks_against(verdicts.get(domain)):
            return Guard(passed=False, reason=f"{domain}: {against}")
    return Guard(passed=True, reason=f"every MX of {', '.join(domains)} is the filter's")


def speaks_against(verdict: mx.Verdict | Needs | Unknown | None) -> str:  # noqa: PLR0911 - a row for each verdict
    """What in a domain's MX speaks against a lock-down; empty where nothing does."""
    match verdict:
        case None | Needs():
            return "its MX was not read"
        case Unknown(reason=reason):
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
