"""A DNS server that does what its script says, over UDP and TCP, on any addresses of loopback."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, cast

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

type Over = Literal["udp", "tcp"]
type Script = Callable[[dns.message.Message, Over], bytes | None]
"""Query, and how it came, to the bytes of a reply; None is silence."""


@dataclass
class Server:
    """*hosts* all listen on one *port*; each has its own *scripts* entry. *asked* counts by host and question.

    *wanted_recursion*: the hosts that were asked to recurse. *forged*: those whose true replies come second.
    """

    port: int
    scripts: dict[str, Script]
    asked: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    wanted_recursion: set[str] = field(default_factory=set)
    forged: set[str] = field(default_factory=set)

    def servers(self) -> tuple[tuple[str, int], ...]:
        return tuple((host, self.port) for host in self.scripts)

    def reply(self, host: str, wire: bytes, over: Over) -> bytes | None:
        query = dns.message.from_wire(wire)
        question = query.question[0]
        if query.flags & dns.flags.RD:
            self.wanted_recursion.add(host)
        self.asked[
            host, question.name.to_text(omit_final_dot=True).lower(), dns.rdatatype.to_text(question.rdtype)
        ] += 1
        return self.scripts[host](query, over)


PORTS_TRIED = 5


@asynccontextmanager
async def serve(scripts: dict[str, Script]) -> AsyncIterator[Server]:
    server = Server(0, scripts)
    closing: list[asyncio.Server | asyncio.DatagramTransport] = []
    try:
        await _open(server, closing)
        yield server
    finally:
        for each in closing:
            each.close()
            if isinstance(each, asyncio.Server):
                each.close_clients()
                await each.wait_closed()


async def _open(server: Server, opened: list[asyncio.Server | asyncio.DatagramTransport]) -> None:
    """Listen on one port of every host, in both ways; *opened* becomes what listens.

    Which port is free on all of them is not known before: another one is tried where one is taken.
    """
    loop = asyncio.get_running_loop()
    for left in reversed(range(PORTS_TRIED)):
        try:
            for host in server.scripts:
                tcp = await asyncio.start_server(_over_tcp(server, host), host, server.port)
                opened.append(tcp)
                server.port = tcp.sockets[0].getsockname()[1]
                transport, _ = await loop.create_datagram_endpoint(partial(_Udp, server, host), (host, server.port))
                opened.append(transport)
        except OSError:
            if not left:
                raise
            while opened:
                opened.pop().close()
            server.port = 0
        else:
            return


def _over_tcp(server: Server, host: str):
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            size = int.from_bytes(await reader.readexactly(2))
            reply = server.reply(host, await reader.readexactly(size), "tcp")
            if reply is None:
                await reader.read()
            else:
                writer.write(len(reply).to_bytes(2) + reply)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    return answer


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, server: Server, host: str) -> None:
        self._server, self._host = server, host

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)  # uvloop's is no subclass of asyncio's

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if (reply := self._server.reply(self._host, data, "udp")) is not None:
            if self._host in self._server.forged:
                self._transport.sendto(wrong_id(dns.message.from_wire(data), "udp"), addr)
            self._transport.sendto(reply, addr)


# --- scripts ---------------------------------------------------------------------------------------------------------


def says(*records: str, aa: bool = True, rcode: dns.rcode.Rcode = dns.rcode.NOERROR, soa: str | None = None) -> Script:
    """Answers with those of *records* (`name ttl type value`) that are asked for, or *soa* as the proof of absence."""

    def script(query: dns.message.Message, _over: Over) -> bytes:
        return _reply(query, records, aa=aa, rcode=rcode, soa=soa).to_wire()

    return script


def _reply(
    query: dns.message.Message, records: Sequence[str], *, aa: bool, rcode: dns.rcode.Rcode, soa: str | None
) -> dns.message.Message:
    reply = dns.message.make_response(query)
    if aa:
        reply.flags |= dns.flags.AA
    reply.set_rcode(rcode)
    question = query.question[0]
    for rrset in map(_rrset, records):
        if rrset.name == question.name and rrset.rdtype in {question.rdtype, dns.rdatatype.CNAME}:
            reply.find_rrset(reply.answer, rrset.name, rrset.rdclass, rrset.rdtype, create=True).update(rrset)
    if soa and not any(rrset.rdtype == question.rdtype for rrset in reply.answer):
        reply.authority.append(_rrset(soa))
    return reply


def _rrset(record: str) -> dns.rrset.RRset:
    name, ttl, rdtype, value = record.split(" ", 3)
    return dns.rrset.from_text(name, int(ttl), "IN", rdtype, value)


def refers(*records: str) -> Script:
    """The parent of a zone: it names the zone's servers, as a referral does, and knows nothing else."""

    def script(query: dns.message.Message, _over: Over) -> bytes:
        reply = dns.message.make_response(query)
        for rrset in map(_rrset, records):
            reply.find_rrset(reply.authority, rrset.name, rrset.rdclass, rrset.rdtype, create=True).update(rrset)
        return reply.to_wire()

    return script


def silent(_query: dns.message.Message, _over: Over) -> None:
    """Never answers."""


def garbage(_query: dns.message.Message, _over: Over) -> bytes:
    return b"\xff" * 40


def wrong_id(query: dns.message.Message, over: Over) -> bytes:
    reply = bytearray(says("contoso.test. 300 MX 10 evil.test.")(query, over) or b"")
    reply[0] ^= 0xFF
    return bytes(reply)


def truncating(then: Script | None = None) -> Script:
    """TC and nothing else over UDP; *then* over TCP, or the same again."""

    def script(query: dns.message.Message, over: Over) -> bytes | None:
        if then and over == "tcp":
            return then(query, over)
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.AA | dns.flags.TC
        return reply.to_wire()

    return script


def over_tcp_only(then: Script) -> Script:
    return lambda query, over: then(query, over) if over == "tcp" else None


def referring(record: str) -> Script:
    """Knows nothing but who might know: *record* in the authority section."""

    def script(query: dns.message.Message, _over: Over) -> bytes:
        reply = dns.message.make_response(query)
        reply.authority.append(_rrset(record))
        return reply.to_wire()

    return script
