"""A zone on a real Knot: the way to its primary, on which a test may do things, and the zone's own admin."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import dns.asyncquery
import dns.message
import dns.opcode
import dns.rcode
import dns.tsig
import dns.update

from devhost.knot import KEY_NAME, Knot

ZONE = "northwind.example"
GUIDE = "v=spf1 include:proxy.exchangedefender.com include:spf.protection.outlook.com -all"
WITHOUT = "v=spf1 include:spf.protection.outlook.com -all"

type Deed = Callable[[], Awaitable[None]]

_numbers = itertools.count(1)


@dataclass
class Primary:
    """What stands between Holdfast and the server. *before* and *after* an update: what happens, once each.

    An *after* that raises loses the answer.
    """

    knot: Knot
    port: int = 0
    before: list[Deed] = field(default_factory=list)
    after: list[Deed] = field(default_factory=list)
    updates: int = 0

    async def pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            query = await _message(reader)
            is_update = query[2] >> 3 & 15 == dns.opcode.UPDATE
            self.updates += is_update
            if is_update and self.before:
                await self.before.pop(0)()
            answer = await self._ask(query)
            if is_update and self.after:
                await self.after.pop(0)()
            writer.write(len(answer).to_bytes(2) + answer)
            await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def _ask(self, query: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(self.knot.hosts[0], self.knot.port)
        try:
            writer.write(len(query).to_bytes(2) + query)
            return await _message(reader)
        finally:
            writer.close()


async def _message(reader: asyncio.StreamReader) -> bytes:
    return await reader.readexactly(int.from_bytes(await reader.readexactly(2)))


@asynccontextmanager
async def primary(knot: Knot) -> AsyncIterator[Primary]:
    way = Primary(knot)
    async with await asyncio.start_server(way.pass_on, "127.0.0.1", 0) as server:
        way.port = server.sockets[0].getsockname()[1]
        yield way


@dataclass(frozen=True)
class Admin:
    """The domain's own admin, who changes its records without asking us. Each has a domain of its own."""

    knot: Knot
    domain: str = field(default_factory=lambda: f"d{next(_numbers)}.{ZONE}")

    async def publish(self, *texts: str, at: str = "", rtype: str = "TXT", ttl: int = 900) -> None:
        """These records there, in place of all others of that type."""
        update = dns.update.UpdateMessage(ZONE, keyring=dns.tsig.Key(KEY_NAME, self.knot.secret, "hmac-sha256"))
        owner = f"{at}{self.domain}."
        update.delete(owner, rtype)
        for text in texts:
            update.add(owner, ttl, rtype, f'"{text}"' if rtype == "TXT" else text)
        reply = await dns.asyncquery.tcp(update, self.knot.hosts[0], port=self.knot.port, timeout=5)
        assert reply.rcode() == dns.rcode.NOERROR

    async def sees(self, at: str = "", rtype: str = "TXT") -> dict[str, int]:
        """What the server shows: each record, and its time to live."""
        query = dns.message.make_query(f"{at}{self.domain}.", rtype)
        reply = await dns.asyncquery.tcp(query, self.knot.hosts[0], port=self.knot.port, timeout=5)
        return {rdata.to_text().strip('"'): rrset.ttl for rrset in reply.answer for rdata in rrset}
