"""Dynamic updates signed with TSIG (RFC 2136, RFC 8945): BIND, Knot, PowerDNS.

The whole record set that was read is the prerequisite, so the server itself makes the compare and the change one thing.
A refusal is a code in the reply. NOERROR alone is no proof: a server may ignore a part of an update (a CNAME beside
other data, RFC 2136, 3.4.2.2), so the caller reads back from the zone's own servers.
Source: docs/reference/dns.md#updates.
"""

import asyncio
import binascii
import socket
from dataclasses import dataclass

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.tsig
import dns.update
from dns.rdtypes.ANY.TXT import TXT

from clients.dispatch import Dispatch, Overdue
from clients.dns_providers.provider import DnsProvider, Stored
from clients.dns_providers.record_set import AllowedChange, RecordSet
from clients.errors import Call, ClientError, Conflict, Forbidden, Invalid, Unauthorised, Unreachable, Unreadable
from clients.resolver.replies import records_of, value
from domain.dns_hosts import refused_address
from domain.dns_steps import WritableType
from domain.mail.answers import Txt
from domain.mail.dkim import beside

_TIMEOUT_S = 10.0
_CHANGED = {dns.rcode.NXRRSET, dns.rcode.YXRRSET, dns.rcode.YXDOMAIN, dns.rcode.NXDOMAIN}
_KEY_REMEDY = "Give the DNS server this key, with its algorithm and the right to update the zone."
_CLOCK_REMEDY = "Set the clocks: a signature is good for 300 seconds."


@dataclass(frozen=True, slots=True)
class _Stored(Stored):
    rdatas: tuple[dns.rdata.Rdata, ...] = ()


class Rfc2136(DnsProvider[_Stored]):
    """The primary server of a zone, at *host* and *port*; on this machine only where *loopback*.

    Raises ValueError when the *secret* is not base64.
    """

    def __init__(  # noqa: PLR0913 - a server and its key
        self,
        host: str,
        port: int,
        *,
        key_name: str,
        secret: str,
        algorithm: str = "hmac-sha256",
        loopback: bool = False,
        timeout_s: float = _TIMEOUT_S,
    ) -> None:
        self._host = host
        self._port = port
        self._loopback = loopback
        self._timeout_s = timeout_s
        try:
            self._key = dns.tsig.Key(key_name, secret, algorithm)
        except (binascii.Error, dns.exception.DNSException) as error:
            raise ValueError(f"not a TSIG key: {error}") from None

    async def write(self, allowed: AllowedChange, stored: _Stored, target: RecordSet, permitted_at: float) -> None:
        """One update with *stored* as its prerequisite."""
        update = self._update(allowed, stored, target)
        await self._send(update, Call("UPDATE", f"{allowed.name} {allowed.type}"), permitted_at=permitted_at)

    def _update(self, allowed: AllowedChange, stored: _Stored, target: RecordSet) -> dns.update.UpdateMessage:
        update = dns.update.UpdateMessage(allowed.zone, keyring=self._key)
        owner = dns.name.from_text(allowed.name)
        if stored.rdatas:
            update.present(owner, *stored.rdatas)
        elif allowed.type == "CNAME":
            update.absent(owner)  # of any type: an alias stands alone
        else:
            update.absent(owner, allowed.type)
            update.absent(owner, "CNAME")
        kept = set(target.values)
        for rdata in stored.rdatas:
            if value(rdata) not in kept:
                update.delete(owner, rdata)
        for new in kept - set(stored.records.values):
            update.add(owner, target.ttl_s, _rdata(new))
        return update

    async def stored(self, zone: str, name: str, rtype: WritableType) -> _Stored:
        """What the server says is at *name*, signed. Raises Invalid when the name is an alias and *rtype* another."""
        records = await self._records(zone, name, rtype)
        values = _values(records)
        if records is None or (rtype == "CNAME" and _values(await self._records(zone, beside(name), rtype)) == values):
            return _Stored()  # a wildcard says the same of any name, and is not at this one
        return _Stored(RecordSet(values, records.ttl), tuple(records))

    async def _records(self, zone: str, name: str, rtype: WritableType) -> dns.rrset.RRset | None:
        query = dns.message.make_query(name, rtype, flags=0)
        query.use_tsig(self._key)
        call = Call("QUERY", f"{name} {rtype}")
        reply = await self._send(query, call, absence=dns.rcode.NXDOMAIN)
        if not reply.flags & dns.flags.AA:
            raise Unreadable(f"the server is not authoritative for {zone}", call=call)
        owner = dns.name.from_text(name)
        if rtype != "CNAME" and records_of(reply, owner, "CNAME"):
            raise Invalid(f"{name} is an alias (CNAME): nothing else can stand there", call=call)
        return records_of(reply, owner, rtype)

    async def _send(
        self,
        message: dns.message.Message,
        call: Call,
        *,
        absence: dns.rcode.Rcode | None = None,
        permitted_at: float | None = None,
    ) -> dns.message.Message:
        """The reply, if it is signed and says NOERROR or *absence*; every other code is raised as what it means."""
        try:
            async with asyncio.timeout(self._timeout_s):
                reply = _parsed(await self._exchange(message.to_wire(), permitted_at), message)
        except Overdue as overdue:
            raise Unreachable(str(overdue), call=call, sent=overdue.begun) from overdue
        except dns.tsig.PeerBadTime as error:
            raise Unauthorised(f"TSIG: {error}", call=call, remedy=_CLOCK_REMEDY, kind="BADTIME") from error
        except (dns.tsig.PeerError, dns.tsig.BadSignature, dns.tsig.BadKey, dns.message.UnknownTSIGKey) as error:
            raise Unauthorised(f"TSIG: {error}", call=call, remedy=_KEY_REMEDY, kind=type(error).__name__) from error
        except dns.exception.DNSException as error:
            raise Unreadable(f"a reply that cannot be read ({type(error).__name__})", call=call) from error
        except (ConnectionRefusedError, socket.gaierror) as error:
            raise Unreachable(f"no connection: {error}", call=call, sent=False) from error
        except (OSError, EOFError) as error:  # TimeoutError is an OSError
            raise Unreachable(f"no answer: {type(error).__name__}", call=call, sent=True) from error
        if not message.is_response(reply):
            raise Unreadable("a reply to something else", call=call)
        if reply.rcode() not in {dns.rcode.NOERROR, absence}:
            raise _error(reply.rcode(), call)
        if not reply.had_tsig:
            raise Unreadable("the reply is not signed", call=call)
        return reply

    async def _exchange(self, query: bytes, permitted_at: float | None) -> bytes:
        async with Dispatch(permitted_at) as dispatch:
            await dispatch.trace("connect.started", {})
            reader, writer = await asyncio.open_connection(await self._address(), self._port)
        try:
            writer.write(len(query).to_bytes(2) + query)  # RFC 1035, section 4.2.2
            return await reader.readexactly(int.from_bytes(await reader.readexactly(2)))
        finally:
            writer.close()

    async def _address(self) -> str:
        """Where the server is: a name may lead anywhere, and by the next moment elsewhere. Raises Invalid."""
        found = await asyncio.get_running_loop().getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        addresses = [str(address[0]) for *_, address in found]
        for address in addresses:
            if why := refused_address(address, loopback=self._loopback):
                raise Invalid(f"{self._host} is not asked: {why}")
        return addresses[0]


def _values(records: dns.rrset.RRset | None) -> tuple[str | Txt, ...]:
    return tuple(each for each in map(value, records or ()) if isinstance(each, str | Txt))


def _parsed(wire: bytes, query: dns.message.Message) -> dns.message.Message:
    """The reply with its signature verified, or one without a signature: a refusal may come so (RFC 8945, 5.3.2)."""
    reply = dns.message.from_wire(wire, keyring=False)
    return dns.message.from_wire(wire, keyring=query.keyring, request_mac=query.mac) if reply.had_tsig else reply


def _error(rcode: dns.rcode.Rcode, call: Call) -> ClientError:
    name = dns.rcode.to_text(rcode)
    match rcode:
        case _ if rcode in _CHANGED:
            return Conflict(f"{name}: the records are no longer what was read", call=call)
        case dns.rcode.REFUSED:
            return Forbidden(name, call=call, remedy="Let this key update these names and types.", kind=name)
        case dns.rcode.NOTAUTH:
            return Unauthorised(name, call=call, remedy=_KEY_REMEDY, kind=name)
        case dns.rcode.SERVFAIL:
            return Unreachable(name, call=call, sent=True)
        case _:
            return Invalid(name, call=call, kind=name)


def _rdata(new: str | Txt) -> dns.rdata.Rdata:
    if isinstance(new, Txt):
        return TXT(dns.rdataclass.IN, dns.rdatatype.TXT, new.strings)
    return dns.rdata.from_text(dns.rdataclass.IN, dns.rdatatype.CNAME, f"{new}.")
