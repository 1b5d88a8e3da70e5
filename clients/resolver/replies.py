"""What a reply means, and what several replies mean together. Pure: RFC 2308 for absence, one reading per server."""

from collections import defaultdict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdatatype
import dns.rrset
from dns.rdtypes.ANY.CNAME import CNAME
from dns.rdtypes.ANY.MX import MX
from dns.rdtypes.ANY.NS import NS
from dns.rdtypes.ANY.PTR import PTR
from dns.rdtypes.ANY.TXT import TXT

from clients.resolver.wire import Server, host_name
from domain.mail.answers import Absent, Mx, Present, RecordValue, Txt, Unclear


@dataclass(frozen=True, slots=True)
class Alias:
    """The name is an alias (CNAME) for *target*: the caller asks the question there. *whole*: as of Present."""

    target: dns.name.Name
    ttl_s: int
    at: datetime
    whole: bool = True


type Heard = Present | Absent | Alias | Unclear


def heard(
    reply: dns.message.Message, name: dns.name.Name, rdtype: str, *, at: datetime, authority_needed: bool
) -> Heard:
    """What one server says. *authority_needed*: only an answer with AA counts; others are caches or lame."""
    authoritative = bool(reply.flags & dns.flags.AA)
    records = records_of(reply, name, rdtype)
    if reply.rcode() != dns.rcode.NOERROR and (records or reply.rcode() != dns.rcode.NXDOMAIN):
        return Unclear(f"{dns.rcode.to_text(reply.rcode())}{', with records' if records else ''}", at)
    if authority_needed and not authoritative:
        return Unclear("is not authoritative", at)
    if records:
        return Present(tuple(sorted(map(value, records), key=repr)), records.ttl, at)
    if alias := records_of(reply, name, "CNAME"):
        return Alias(alias[0].target, alias.ttl, at)
    start = start_of_authority(reply)
    if start is None and not authoritative:
        return Unclear("refers to other servers", at)
    return Absent(reply.rcode() == dns.rcode.NOERROR, 0 if start is None else min(start.ttl, start[0].minimum), at)


def agreed(said: Mapping[Server, Heard], *, every_server: bool, at: datetime) -> Heard:
    """What all servers say; Unclear when they contradict each other, or too few of them answer."""
    silent = {server: what for server, what in said.items() if isinstance(what, Unclear)}
    usable = {server: what for server, what in said.items() if not isinstance(what, Unclear)}
    shown = tuple(what for what in usable.values() if not isinstance(what, Alias))
    if not usable or (every_server and silent):
        reason = "; ".join(f"{_address(server)}: {what.reason}" for server, what in sorted(silent.items()))
        return Unclear(reason, at, shown)
    sides: defaultdict[Hashable, list[Server]] = defaultdict(list)
    for server, what in usable.items():
        sides[_meaning(what)].append(server)
    if len(sides) > 1:
        told = (f"{_shown(usable[side[0]])} at {', '.join(map(_address, side))}" for side in sides.values())
        return Unclear(f"servers disagree: {'; '.join(told)}", at, shown)
    # The longest TTL: a cache that asked that server keeps its answer for so long.
    longest = max(usable.values(), key=lambda what: what.ttl_s)
    return longest if isinstance(longest, Absent) else replace(longest, whole=not silent)


def records_of(reply: dns.message.Message, name: dns.name.Name, rdtype: str) -> dns.rrset.RRset | None:
    """The records of *name* itself in the answer."""
    wanted = dns.rdatatype.from_text(rdtype)
    return next((rrset for rrset in reply.answer if rrset.name == name and rrset.rdtype == wanted), None)


def start_of_authority(reply: dns.message.Message) -> dns.rrset.RRset | None:
    """The SOA that comes with a proof of absence; its minimum bounds how long caches keep it (RFC 2308, 5)."""
    return next((rrset for rrset in reply.authority if rrset.rdtype == dns.rdatatype.SOA), None)


def value(rdata: dns.rdata.Rdata) -> RecordValue:
    """A record as a value."""
    match rdata:
        case MX():
            return Mx(rdata.preference, host_name(rdata.exchange))
        case TXT():
            return Txt(tuple(rdata.strings))
        case CNAME() | NS() | PTR():
            return host_name(rdata.target)
        case _:
            return rdata.to_text()


def _meaning(what: Present | Absent | Alias) -> Hashable:
    """Equal for two servers that say the same: neither times, nor where a text is cut into strings."""
    match what:
        case Present(values):
            return frozenset(each.data if isinstance(each, Txt) else each for each in values)
        case Alias(target):
            return target, "alias"
        case _:
            return Absent


def _shown(what: Present | Absent | Alias) -> str:
    """One side of a contradiction, without texts: a domain's TXT holds verification tokens."""
    match what:
        case Present(values):
            return ", ".join(map(_text, values))
        case Alias(target):
            return f"an alias of {host_name(target)}"
        case _:
            return "no such record"


def _text(record: RecordValue) -> str:
    match record:
        case Txt():
            return f"a text of {len(record.data)} bytes"
        case Mx():
            return f"{record.preference} {record.host or '.'}"
        case _:
            return record


def _address(server: Server) -> str:
    host, port = server
    return host if port == 53 else f"{host}:{port}"  # noqa: PLR2004 - the port of DNS
