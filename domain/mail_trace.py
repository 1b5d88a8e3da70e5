"""Which way the messages of a tenant came, counted from the rows of its message trace.

Counted are servers and senders' domains: no subject and no address of a person is kept.
Source: docs/reference/message-trace.md#row, #meaning.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from ipaddress import IPv4Network, ip_network
from typing import Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from domain.addresses import AnyAddress, AnyNetwork, public_address
from domain.mail_flow import MOST_COUNTED, Group, Traffic, Way
from domain.profile import first_fault
from domain.tenant import Wanted

type GroupedBy = Literal["network", "address"]

_NETWORK_BITS = {4: 24, 6: 64}
_LONGEST_DOMAIN = 253
_WIDEST_OF_CONNECTOR = 24
"""Bits of the widest network that a connector takes (docs/reference/exchange.md#inbound-connectors)."""

IN_MAILBOX = frozenset({"delivered"})
"""In small letters, the status of a message that reached its mailbox."""
LET_IN = IN_MAILBOX | {"filteredasspam", "quarantined", "expanded"}
"""The final statuses of a message that no connector refused, whatever Microsoft's own filter made of it. `failed` is
none of them: what failed behind the door is not told from what an older replica of a connector refused."""


_OF_NOBODY = ("id", "receivedDateTime", "fromIP", "toIP", "status", "size")
"""What a row says of no person, and enough to find the message in Microsoft's own trace."""


class Trace(BaseModel):
    """One message to one recipient. What the row says of its subject and its recipient is not read."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    received: AwareDatetime = Field(alias="receivedDateTime", strict=False)
    sender: str | None = Field(alias="senderAddress")
    from_ip: str | None = Field(alias="fromIP")
    status: str

    @property
    def sender_domain(self) -> str:
        """In lower case; empty for a message without a sender, as reports of non-delivery are, or of another form."""
        _, at, domain = (self.sender or "").rpartition("@")
        return domain.strip(" <>").casefold()[:_LONGEST_DOMAIN] if at else ""


@dataclass(frozen=True, slots=True)
class OddTrace:
    """A row of which a field that matters is missing or of another type: *why* says in one line which.

    *shown*: what it says of no person, as JSON.
    """

    why: str
    shown: str


def parse_trace(raw: object) -> Trace | OddTrace:
    """Read a row."""
    try:
        return Trace.model_validate(raw)
    except ValidationError as error:
        said = {name: raw[name] for name in _OF_NOBODY if name in raw} if isinstance(raw, dict) else {}
        return OddTrace(first_fault("row", error), json.dumps(said))


@dataclass(frozen=True, slots=True)
class Ways:
    """Whose addresses are known of a tenant. *microsofts* is empty where the profile does not list them.

    *declared*: of services, and what persons vouch for, each until its end where it has one.
    *former*: of other versions of the profile, the filter's until *former_until*.
    """

    filters: tuple[AnyNetwork, ...]
    microsofts: tuple[AnyNetwork, ...]
    declared: tuple[tuple[AnyNetwork, datetime | None], ...]
    former: tuple[AnyNetwork, ...] = ()
    former_until: datetime | None = None

    @classmethod
    def of(cls, wanted: Wanted) -> Self:
        profile = wanted.profile
        return cls(
            tuple(map(ip_network, profile.delivery_networks)),
            tuple(map(ip_network, profile.microsoft_networks)),
            tuple(_declared(wanted)),
            tuple(map(ip_network, wanted.former_networks)),
            wanted.former_until,
        )

    def way(self, from_ip: str | None, at: datetime) -> Way:
        """Which way a message came that a server at *from_ip* handed over, received *at* that moment."""
        if not (text := (from_ip or "").strip()):
            return "tenant"
        address = public_address(text)
        if address is None:
            return "unclear"
        former = self.former if self.former_until and at < self.former_until else ()
        declared = tuple(network for network, until in self.declared if until is None or at < until)
        known: tuple[tuple[Way, tuple[AnyNetwork, ...]], ...] = (
            ("filter", (*self.filters, *former)),
            ("tenant", self.microsofts),
            ("declared", declared),
        )
        return next((way for way, networks in known if any(address in each for each in networks)), "outside")


def _declared(wanted: Wanted) -> Iterable[tuple[AnyNetwork, datetime | None]]:
    """The addresses of services, and of what a person has declared of the tenant's connectors.

    A declaration has no more of a long list than what was shown; its finding has all of it.
    """
    tenant, known = wanted.tenant, wanted.inventory.known
    yield from ((ip_network(each), None) for service in tenant.service_connectors for each in service.sender_ips)
    for said in tenant.declared:
        of_connector = said.kind == "address" or (said.kind == "bypass" and said.name.startswith("connector "))
        listed = known[said.finding].networks if said.finding in known else ()
        for text in (listed or said.value.split(", ")) if of_connector else ():
            try:
                network = IPv4Network(text.strip(), strict=False)
            except ValueError:  # a certificate, or a range that no connector takes
                continue
            if network.prefixlen >= _WIDEST_OF_CONNECTOR:
                yield network, said.until


def with_rows(  # noqa: PLR0913 - what is counted, and by what
    traffic: Traffic,
    rows: Iterable[Trace | OddTrace],
    ways: Ways,
    *,
    by: GroupedBy,
    statuses: frozenset[str] = IN_MAILBOX,
    settled_at: datetime | None = None,
    known_until: datetime | None = None,
) -> Traffic:
    """*traffic* with *rows*; those that were not received in its time, or are of none of *statuses*, tell nothing.

    *settled_at*: until then what comes from outside is settling. *known_until*: rows before it were counted once, so
    that they count only for a group that is not known to have had one as late. An odd row counts whatever it says, and
    once more where it is read once more: it may be one that came up late.
    """
    groups = {(each.source, each.domain): each for each in traffic.groups}
    by_way, read, settling, further = dict(traffic.by_way or {}), traffic.rows, traffic.settling, traffic.further
    odd = traffic.odd
    for row in rows:
        read += 1
        if isinstance(row, OddTrace):
            odd += 1
            continue
        if row.status.casefold() not in statuses or not traffic.start <= row.received <= traffic.end:
            continue
        way, again = ways.way(row.from_ip, row.received), known_until is not None and row.received < known_until
        if not again:
            by_way[way] = by_way.get(way, 0) + 1
        address = public_address(row.from_ip or "")
        if way != "outside" or address is None:
            continue
        if settled_at and row.received < settled_at:
            settling += 0 if again else 1
            continue
        key = _key(address, row.sender_domain, by)
        if key in groups:
            late = not again or row.received > groups[key].latest
            groups[key] = groups[key].and_another(str(address), row.received) if late else groups[key]
        elif len(groups) < MOST_COUNTED:
            groups[key] = Group(*key, 1, row.received, (str(address),))
        else:
            further += 1
    counted = replace(traffic, rows=read, by_way=by_way, settling=settling, further=further, odd=odd)
    return replace(counted, groups=tuple(groups.values()))


def _key(address: AnyAddress, domain: str, by: GroupedBy) -> tuple[str, str]:
    if by == "address":
        return str(address), ""
    return str(ip_network(f"{address}/{_NETWORK_BITS[address.version]}", strict=False)), domain
