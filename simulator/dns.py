"""An authoritative DNS server for the world's records, over UDP and TCP on loopback.

Answers are what RFC 1034 wants of an authority: AA, CNAMEs followed while their targets are here, NXDOMAIN for a name
that does not exist and NODATA for one that does, both with the zone's SOA (RFC 2308). Names outside the world are
NXDOMAIN. A zone that was delegated is asked of its own server.
"""

import asyncio
from typing import Self, cast

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

from simulator.zones import Zones

_LONGEST_CHAIN = 8  # CNAMEs followed in one answer
_PATIENCE_S = 2.0  # for another server's answer
_ATTEMPTS = 20  # to find a port that is free for both UDP and TCP


class DnsServer:
    """`async with DnsServer(world.dns) as server`: serves while the block lasts; `server.address` is `127.0.0.1:n`."""

    def __init__(self, zones: Zones, port: int = 0) -> None:
        self._zones = zones
        self._port = port
        self._connections: set[asyncio.StreamWriter] = set()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    async def __aenter__(self) -> Self:
        for _ in range(_ATTEMPTS):
            self._tcp = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
            port: int = self._tcp.sockets[0].getsockname()[1]
            try:
                self._udp, _ = await asyncio.get_running_loop().create_datagram_endpoint(
                    lambda: _Udp(self._zones), ("127.0.0.1", port)
                )
            except OSError:
                self._tcp.close()
                continue
            self._port = port
            return self
        raise OSError("no port is free for both UDP and TCP")

    async def __aexit__(self, *exc: object) -> None:
        self._udp.close()
        self._tcp.close()
        for each in self._connections:  # uvloop's server has no close_clients
            each.close()
        await self._tcp.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One TCP connection: length-prefixed messages until the client leaves (RFC 1035, 4.2.2)."""
        self._connections.add(writer)
        try:
            while True:
                length = int.from_bytes(await reader.readexactly(2))
                wire = await reader.readexactly(length)
                there = _elsewhere(self._zones, wire)
                reply = await _passed_on(wire, there) if there else respond(self._zones, wire, udp=False)
                if reply is not None:
                    writer.write(len(reply).to_bytes(2) + reply)
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._connections.discard(writer)
            writer.close()


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, zones: Zones) -> None:
        self._zones = zones
        self._asking: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)  # uvloop's is no subclass of asyncio's

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if there := _elsewhere(self._zones, data):
            task = asyncio.create_task(self._ask(data, addr, there))
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)
            return
        reply = respond(self._zones, data, udp=True)
        if reply is not None:
            self._transport.sendto(reply, addr)

    async def _ask(self, data: bytes, addr: tuple[str, int], there: tuple[str, int]) -> None:
        reply = await _passed_on(data, there)
        if reply is not None and not self._transport.is_closing():
            self._transport.sendto(reply, addr)


def _elsewhere(zones: Zones, wire: bytes) -> tuple[str, int] | None:
    """The other server that has the zone of what is asked; None where we have it, or nothing can be read."""
    if not zones.delegates:
        return None
    try:
        query = dns.message.from_wire(wire)
    except dns.exception.DNSException:
        return None
    return zones.server_of(query.question[0].name.to_text(omit_final_dot=True).lower()) if query.question else None


async def _passed_on(wire: bytes, there: tuple[str, int]) -> bytes | None:
    """The other server's answer, over TCP so that it is whole; None where it is silent."""
    try:
        async with asyncio.timeout(_PATIENCE_S):
            reader, writer = await asyncio.open_connection(*there)
            try:
                writer.write(len(wire).to_bytes(2) + wire)
                return await reader.readexactly(int.from_bytes(await reader.readexactly(2)))
            finally:
                writer.close()
    except (OSError, EOFError):  # TimeoutError is an OSError
        return None


def respond(zones: Zones, wire: bytes, *, udp: bool) -> bytes | None:
    """The answer to one message; None: silence (a scripted timeout, or no DNS message at all)."""
    try:
        query = dns.message.from_wire(wire)
    except dns.exception.DNSException:
        return None
    response = dns.message.make_response(query, recursion_available=False)
    response.flags |= dns.flags.AA
    name = query.question[0].name.to_text(omit_final_dot=True).lower()
    match zones.failure(name):
        case "timeout":
            return None
        case "servfail":
            response.set_rcode(dns.rcode.SERVFAIL)
        case "truncated" if udp:
            response.flags |= dns.flags.TC
        case _:
            _fill(zones, response, name, dns.rdatatype.to_text(query.question[0].rdtype))
    return response.to_wire()


def _fill(zones: Zones, response: dns.message.Message, name: str, rdtype: str) -> None:
    for _ in range(_LONGEST_CHAIN):
        if _add(zones, response.answer, name, rdtype):
            return
        target = zones.values(name, "CNAME")
        if not target:
            break
        _add(zones, response.answer, name, "CNAME")
        name = target[0].rstrip(".").lower()
    if not zones.exists(name):
        response.set_rcode(dns.rcode.NXDOMAIN)
    _add(zones, response.authority, zones.apex(name), "SOA")


def _add(zones: Zones, section: list[dns.rrset.RRset], name: str, rdtype: str) -> bool:
    values, ttl = zones.lookup(name, rdtype)
    if values:
        section.append(dns.rrset.from_text_list(f"{name}.", ttl, "IN", rdtype, values))
    return bool(values)
