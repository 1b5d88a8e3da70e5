"""Which servers a name's zone has: the delegation, looked up through the machine's resolvers."""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.resolver
import dns.rrset

from clients.cache import ExpiringCache
from clients.http import Clock
from clients.resolver.replies import Alias, Heard, records_of, start_of_authority
from clients.resolver.shared import Shared
from clients.resolver.wire import NoReply, Server, Wire, host_name
from domain.mail.answers import Present, Unclear

DELEGATIONS_KEPT = 10_000
_KEPT_AT_MOST_S = 600
MOST_SERVERS = 32
"""Of one zone; the root has 13. More is a zone that wants us to send more."""
_PARENTS_ASKED = 3
"""Servers of the parent that are asked for the delegation, one after the other until one says."""
_PARENTS_SHARE = 0.75
"""Of the time for one question: where the parent is silent, the rest is for the zone's own servers."""


class Unfound(Exception):  # noqa: N818 - an outcome that the caller matches on
    """The servers of a name are not known; *str()* says why."""


@dataclass(frozen=True, slots=True)
class Delegation:
    """What a zone's parent says: *hosts*, none where it delegates nothing, for *ttl_s*. *unsaid*: why it is unknown."""

    hosts: tuple[dns.name.Name, ...] = ()
    ttl_s: int = 0
    unsaid: str = ""


@dataclass(frozen=True, slots=True)
class Zone:
    """The servers that a zone and its parent named *at* a time: the zone's own alone where the parent did not say."""

    name: dns.name.Name
    servers: tuple[Server, ...]
    delegation: Delegation
    at: datetime

    def with_parent(self, said: Heard, *, about_servers: bool, every_server: bool) -> Heard:
        """What the servers *said*, in view of what the parent says; *about_servers*: the zone's own NS records.

        Resolvers go by the delegation or by the zone's records, so both name its servers. Where the parent did not say,
        one of its servers may not have been asked.
        """
        if unsaid := self.delegation.unsaid:
            if about_servers or every_server:
                return _unclear(said, f"which servers the parent of {host_name(self.name)} names is unknown ({unsaid})")
            return replace(said, whole=False) if isinstance(said, Present | Alias) else said
        if not about_servers or not isinstance(said, Present):
            return said
        hosts = dict.fromkeys((*said.values, *map(host_name, self.delegation.hosts)))
        return replace(said, values=tuple(sorted(map(str, hosts))), longest_s=max(said.ttl_s, self.delegation.ttl_s))


def _unclear(said: Heard, reason: str) -> Unclear:
    """*said* as what is not all."""
    if isinstance(said, Unclear):
        return said
    return Unclear(reason, said.at, () if isinstance(said, Alias) else (said,))


class Authorities:
    """Finds the servers of zones, and keeps them for as long as their records may be kept.

    *recursive* are asked where to look, in this order; the machine's own where empty. *port* is where zones are served.
    *total_s*: how long the caller waits for the answer to one question, in seconds.
    """

    def __init__(self, wire: Wire, now: Clock, *, recursive: tuple[Server, ...], port: int, total_s: float) -> None:
        self._wire = wire
        self._now = now
        self._recursive = recursive
        self._port = port
        self._parent_s = total_s * _PARENTS_SHARE
        self._zones: ExpiringCache[dns.name.Name, dns.name.Name] = ExpiringCache(DELEGATIONS_KEPT)
        self._kept: ExpiringCache[dns.name.Name, Zone] = ExpiringCache(DELEGATIONS_KEPT)
        self._finding_zone: Shared[dns.name.Name, dns.name.Name] = Shared()
        self._finding_servers: Shared[tuple[dns.name.Name, datetime | None], Zone] = Shared()

    async def of(self, name: dns.name.Name, *, since: datetime | None = None) -> Zone:
        """The zone that *name* is in; a server without an address stands by its name, and so counts as silent.

        *since*: a delegation that was asked for before is asked for anew.

        Raises:
            Unfound: The machine's resolvers do not say.
        """
        zone = self._zones.get(name, self._now()) or await self._finding_zone.run(name, lambda: self._zone(name))
        kept = self._kept.get(zone, self._now())
        if kept and (since is None or since <= kept.at):
            return kept
        return await self._finding_servers.run((zone, since), lambda: self._of_zone(zone))

    async def _zone(self, name: dns.name.Name) -> dns.name.Name:
        """The zone of *name*: the owner of the SOA that the resolver shows, at the name or above it."""
        asked = name
        while asked != dns.name.root:
            reply = await self._recurse(asked, "SOA")
            start = records_of(reply, asked, "SOA") or start_of_authority(reply)
            # Behind an alias it is the SOA of the target's zone.
            if start is not None and asked.is_subdomain(start.name):
                self._zones.put(name, start.name, self._until(start.ttl))
                return start.name
            asked = asked.parent()
        raise Unfound(f"the machine's resolver shows no zone for {host_name(name)}")

    async def _of_zone(self, zone: dns.name.Name) -> Zone:
        """The zone's servers by its own records and by its parent's, which may name others."""
        at = self._now()
        records, delegation = await asyncio.gather(self._listed(zone), self._delegation(zone))
        hosts = dict.fromkeys((*(rdata.target for rdata in records), *delegation.hosts))
        found = await asyncio.gather(*(self._addresses(host) for host in list(hosts)[: MOST_SERVERS + 1]))
        known = tuple(sorted({(address, self._port) for addresses in found for address in addresses}))
        unknown = tuple(host_name(host) for host, addresses in zip(hosts, found, strict=False) if not addresses)
        if len(known) + len(unknown) > MOST_SERVERS:
            raise Unfound(f"{host_name(zone)} has more than {MOST_SERVERS} name servers")
        result = Zone(zone, known + tuple((host, self._port) for host in unknown), delegation, at)
        if not unknown and not delegation.unsaid:
            self._kept.put(zone, result, self._until(records.ttl))
        return result

    async def _listed(self, zone: dns.name.Name) -> dns.rrset.RRset:
        """The zone's own records of its servers. Raises Unfound."""
        names = records_of(await self._recurse(zone, "NS"), zone, "NS")
        if names is None:
            raise Unfound(f"the machine's resolver shows no name servers of {host_name(zone) or 'the root'}")
        return names

    async def _delegation(self, zone: dns.name.Name) -> Delegation:
        if zone == dns.name.root:
            return Delegation()
        try:
            async with asyncio.timeout(self._parent_s):
                return await self._delegated(zone)
        except TimeoutError:
            return Delegation(unsaid=f"no answer in {self._parent_s:g} seconds")
        except Unfound as error:
            return Delegation(unsaid=str(error))

    async def _delegated(self, zone: dns.name.Name) -> Delegation:
        """The delegation by the first of the parent's servers that says. Raises Unfound."""
        above = zone.parent()
        parent = above if above == dns.name.root else await self._zone(above)
        reason = "none has an address"
        for rdata in list(await self._listed(parent))[:_PARENTS_ASKED]:
            for address in await self._addresses(rdata.target):
                try:
                    reply = await self._wire.exchange((address, self._port), zone, "NS", recursion=False)
                    return _referral(reply, zone)
                except (NoReply, Unfound) as error:
                    reason = f"{host_name(rdata.target)}: {error}"
        raise Unfound(f"the servers of {host_name(parent) or 'the root'}: {reason}")

    async def _addresses(self, host: dns.name.Name) -> list[str]:
        """The IPv4 addresses of *host*, or else its IPv6 ones, which not every cloud network reaches; [] if unknown."""
        try:
            for rdtype in ("A", "AAAA"):
                if found := records_of(await self._recurse(host, rdtype), host, rdtype):
                    return [rdata.to_text() for rdata in found]
        except Unfound:
            pass
        return []

    async def _recurse(self, name: dns.name.Name, rdtype: str) -> dns.message.Message:
        """The first usable reply of the resolvers."""
        reason = "there is none"
        for server in self._recursive or _machines_resolvers():
            try:
                reply = await self._wire.exchange(server, name, rdtype, recursion=True)
            except NoReply as error:
                reason = str(error)
                continue
            if reply.rcode() in {dns.rcode.NOERROR, dns.rcode.NXDOMAIN}:
                return reply
            reason = dns.rcode.to_text(reply.rcode())
        raise Unfound(f"the machine's resolver, asked for {rdtype} of {host_name(name) or 'the root'}: {reason}")

    def _until(self, ttl_s: int) -> datetime:
        return self._now() + timedelta(seconds=min(ttl_s, _KEPT_AT_MOST_S))


def _referral(reply: dns.message.Message, zone: dns.name.Name) -> Delegation:
    """What a server of the parent says of *zone*; one that proves that there is nothing (RFC 2308) names nobody.

    Raises:
        Unfound: It says nothing of it.
    """
    sections = (*reply.authority, *reply.answer)
    if found := next((each for each in sections if each.name == zone and each.rdtype == dns.rdatatype.NS), None):
        return Delegation(tuple(rdata.target for rdata in found), found.ttl)
    proves = reply.rcode() in {dns.rcode.NOERROR, dns.rcode.NXDOMAIN} and reply.flags & dns.flags.AA
    if proves and not reply.answer and start_of_authority(reply):
        return Delegation()
    raise Unfound(f"no referral ({dns.rcode.to_text(reply.rcode())})")


def _machines_resolvers() -> tuple[Server, ...]:
    try:
        machine = dns.resolver.get_default_resolver()
    except dns.resolver.NoResolverConfiguration:
        return ()
    return tuple((host, machine.port) for host in machine.nameservers if isinstance(host, str))
