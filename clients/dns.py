"""MX records, asked of a resolver: every answer is records, proven absence, or unknown (RFC 1035, RFC 2308)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import dns.asyncresolver
import dns.exception
import dns.resolver
from dns.rdtypes.ANY.MX import MX

from domain.guards import MxSeen, MxUnseen

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from domain.guards import MxAnswers

TOTAL_S = 5.0
"""Seconds for one look-up, all tries and servers together."""


class Dns:
    """A resolver: the machine's own, or the *servers* given as (host, port)."""

    def __init__(self, servers: tuple[tuple[str, int], ...], now: Callable[[], datetime]) -> None:
        self._now = now
        self._resolver = dns.asyncresolver.Resolver(configure=not servers)
        if servers:
            self._resolver.nameservers = [dns.nameserver.Do53Nameserver(host, port) for host, port in servers]

    async def mx(self, domains: tuple[str, ...]) -> MxAnswers:
        """The MX of each of *domains*, looked up at once."""
        answers = await asyncio.gather(*(self._one(domain) for domain in domains))
        return dict(zip(domains, answers, strict=True))

    async def _one(self, domain: str) -> MxSeen | MxUnseen:
        try:
            found = await self._resolver.resolve(domain, "MX", search=False, lifetime=TOTAL_S)
        except dns.resolver.NoAnswer:
            return MxSeen((), self._now())
        except dns.resolver.NXDOMAIN:
            return MxUnseen("the name does not exist")
        except dns.exception.Timeout:
            return MxUnseen("no answer in time")
        except dns.resolver.NoNameservers:
            return MxUnseen("every server answers with a failure")
        except dns.exception.DNSException as error:
            return MxUnseen(type(error).__name__)
        hosts = (rdata.exchange.to_text() for rdata in found if isinstance(rdata, MX))
        return MxSeen(tuple(sorted(hosts)), self._now())
