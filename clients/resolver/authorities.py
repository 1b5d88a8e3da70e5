"""Which servers a name's zone has: the delegation, looked up through the machine's resolvers."""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.resolver
import dns.rrset

from clients.cache import ExpiringCache
from clients.http import Clock
from clients.resolver.replies import Heard, records_of, start_of_authority
from clients.resolver.shared import Shared
from clients.resolver.wire import NoReply, Server, Wire, host_name
from domain.mail.answers import Present

DELEGATIONS_KEPT = 10_000
_KEPT_AT_MOST_S = 600
MOST_SERVERS = 32
"""Of one zone; the root has 13. More is a zone that wants us to send more."""
_PARENTS_ASKED = 3
"""Servers of the parent that are asked for the delegation, one after the other until one says."""


class Unfound(Exception):  # noqa: N818 - an outcome that the caller matches on
    """The servers of a name are not known; *str()* says why."""


@dataclass(frozen=True, slots=True)
class Zone:
    """A zone's servers. *delegated*: the hosts that its parent names, *parent_s*: for how long; none if not known."""

    name: dns.name.Name
    servers: tuple[Server, ...]
    delegated: tuple[str, ...] = ()
    parent_s: int = 0

    def with_parent(self, said: Heard) -> Heard:
        """The zone's own records of its servers, with what its parent says beside: resolvers go by either."""
        if not isinstance(said, Present):
            return said
        hosts = dict.fromkeys((*said.values, *self.delegated))
        return replace(said, values=tuple(sorted(map(str, hosts))), longest_s=max(said.ttl_s, self.parent_s))


class Authorities:
    """Finds the servers of zones, and keeps them for as long as their records may be kept.

    *recursive* are asked where to look, in this order; the machine's own where empty. *port* is where zones are served.
    """

    def __init__(self, wire: Wire, now: Clock, *, recursive: tuple[Server, ...], port: int) -> None:
        self._wire = wire
        self._now = now
        self._recursive = recursive
        self._port = port
        self._zones: ExpiringCache[dns.name.Name, dns.name.Name] = ExpiringCache(DELEGATIONS_KEPT)
        self._kept: ExpiringCache[dns.name.Name, Zone] = ExpiringCache(DELEGATIONS_KEPT)
        self._finding_zone: Shared[dns.name.Name, dns.name.Name] = Shared()
        self._finding_servers: Shared[dns.name.Name, Zone] = Shared()

    async def of(self, name: dns.name.Name) -> Zone:
        """The zone that *name* is in; a server without an address stands by its name, and so counts as silent.

        Raises:
            Unfound: The machine's resolvers do not say.
        """
        zone = self._zones.get(name, self._now()) or await self._finding_zone.run(name, lambda: self._zone(name))
        return self._kept.get(zone, self._now()) or await self._finding_servers.run(zone, lambda: self._of_zone(zone))

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
        records, above = await asyncio.gather(self._listed(zone), self._delegation(zone))
        hosts = dict.fromkeys(rdata.target for rrset in (records, above) if rrset for rdata in rrset)
        found = await asyncio.gather(*(self._addresses(host) for host in list(hosts)[: MOST_SERVERS + 1]))
        known = tuple(sorted({(address, self._port) for addresses in found for address in addresses}))
        unknown = tuple(host_name(host) for host, addresses in zip(hosts, found, strict=False) if not addresses)
        if len(known) + len(unknown) > MOST_SERVERS:
            raise Unfound(f"{host_name(zone)} has more than {MOST_SERVERS} name servers")
        servers = known + tuple((host, self._port) for host in unknown)
        named = tuple(host_name(rdata.target) for rdata in above or ())
        result = Zone(zone, servers, named, above.ttl if above else 0)
        if not unknown:
            self._kept.put(zone, result, self._until(records.ttl))
        return result

    async def _listed(self, zone: dns.name.Name) -> dns.rrset.RRset:
        """The zone's own records of its servers. Raises Unfound."""
        names = records_of(await self._recurse(zone, "NS"), zone, "NS")
        if names is None:
            raise Unfound(f"the machine's resolver shows no name servers of {host_name(zone) or 'the root'}")
        return names

    async def _delegation(self, zone: dns.name.Name) -> dns.rrset.RRset | None:
        """The delegation by the parent's servers; None where none answers: then the zone's own NS records count."""
        if zone == dns.name.root:
            return None
        try:
            parent = await self._zone(zone.parent())
            for rdata in list(await self._listed(parent))[:_PARENTS_ASKED]:
                for address in await self._addresses(rdata.target):
                    if found := await self._referral((address, self._port), zone):
                        return found
        except Unfound:
            pass
        return None

    async def _referral(self, server: Server, zone: dns.name.Name) -> dns.rrset.RRset | None:
        try:
            reply = await self._wire.exchange(server, zone, "NS", recursion=False)
        except NoReply:
            return None
        sections = (*reply.authority, *reply.answer)
        return next((each for each in sections if each.name == zone and each.rdtype == dns.rdatatype.NS), None)

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


def _machines_resolvers() -> tuple[Server, ...]:
    try:
        machine = dns.resolver.get_default_resolver()
    except dns.resolver.NoResolverConfiguration:
        return ()
    return tuple((host, machine.port) for host in machine.nameservers if isinstance(host, str))
