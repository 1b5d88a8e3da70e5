"""One question to one server: EDNS with 1232 bytes, UDP, and TCP where that was truncated or silent."""

import asyncio
from collections.abc import Awaitable, Callable

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.name

type Server = tuple[str, int]
"""IP address and port; a name instead of an address is a server that cannot be asked."""

IN_FLIGHT = 32
"""Above some fifty nothing is gained (docs/reference/dns.md#own-servers)."""
UDP_BYTES = 1232
"""Passes every common path in one piece (DNS flag day 2020)."""


class NoReply(Exception):  # noqa: N818 - an outcome that the caller matches on
    """No usable message came back; *str()* says what happened instead."""


class Wire:
    """Sends questions, at most IN_FLIGHT at a time, each try with *query_s* seconds. *queries* counts the tries."""

    def __init__(self, query_s: float) -> None:
        self._query_s = query_s
        self._slots = asyncio.Semaphore(IN_FLIGHT)
        self.queries = 0

    async def exchange(
        self, server: Server, name: dns.name.Name, rdtype: str, *, recursion: bool
    ) -> dns.message.Message:
        """The reply of *server*, whatever its code.

        Raises:
            NoReply: Nothing came in time, or nothing that can be read.
        """
        query = dns.message.make_query(
            name, rdtype, use_edns=0, payload=UDP_BYTES, flags=dns.flags.RD if recursion else 0
        )
        async with self._slots:
            try:
                return await self._try(lambda: _udp(query, server, self._query_s))
            except (dns.message.Truncated, TimeoutError):
                # Silence may be a network that lets only TCP pass, or a reply lost on its way.
                return await self._last_try(lambda: _tcp(query, server, self._query_s))

    async def _last_try(self, send: Callable[[], Awaitable[dns.message.Message]]) -> dns.message.Message:
        try:
            reply = await self._try(send)
        except TimeoutError:
            raise NoReply("no answer in time") from None
        if reply.flags & dns.flags.TC:
            raise NoReply("a truncated reply over TCP")
        return reply

    async def _try(self, send: Callable[[], Awaitable[dns.message.Message]]) -> dns.message.Message:
        self.queries += 1
        try:
            async with asyncio.timeout(self._query_s):
                return await send()
        except dns.message.Truncated:
            raise
        except (dns.exception.Timeout, TimeoutError):
            raise TimeoutError from None
        except ValueError:
            raise NoReply("has no address") from None
        except dns.exception.DNSException as error:
            raise NoReply(f"a reply that cannot be read ({type(error).__name__})") from error
        except (OSError, EOFError) as error:
            raise NoReply(f"cannot be reached ({type(error).__name__})") from error


def _udp(query: dns.message.Message, server: Server, timeout_s: float) -> Awaitable[dns.message.Message]:
    host, port = server
    # A reply from elsewhere, to another question or in pieces may be a forgery: the true one may still come.
    return dns.asyncquery.udp(
        query, host, timeout_s, port, ignore_unexpected=True, ignore_errors=True, raise_on_truncation=True
    )


def _tcp(query: dns.message.Message, server: Server, timeout_s: float) -> Awaitable[dns.message.Message]:
    host, port = server
    return dns.asyncquery.tcp(query, host, timeout_s, port)


def wire_name(name: str) -> dns.name.Name:
    """*name* as it travels, international labels as A-labels (RFC 5891).

    Raises:
        ValueError: It is no domain name, and why.
    """
    try:
        found = dns.name.from_text(name, idna_codec=dns.name.IDNA_2008_Practical)
    except (dns.exception.DNSException, UnicodeError) as error:
        raise ValueError(f"not a domain name: {name[:80]!r} ({error})") from None
    if found == dns.name.root:
        raise ValueError("not a domain name: the root")
    return found


def host_name(name: dns.name.Name) -> str:
    """*name* as text: lower case, without the trailing dot; "" is the root. Odd bytes are escaped as in a zone file."""
    return "" if name == dns.name.root else name.to_text(omit_final_dot=True).lower()
