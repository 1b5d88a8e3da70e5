"""Mail that reaches one tenant: refused at the door by its connectors, or delivered and traced.

Source: docs/reference/message-trace.md. What a connector refuses never becomes a message, and has no row.
"""

import ipaddress
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from simulator.moments import seven_digits
from simulator.organization import Organization
from simulator.rows import Row

KEPT = timedelta(days=90)
WINDOW, ALLOWED = timedelta(minutes=5), 100
"""Requests that a tenant allows in a window, shared by every caller, traces and details together."""


@dataclass(frozen=True, slots=True)
class _Message:
    """*visible*: when its row comes up. *final*: when its status is no longer `gettingStatus`."""

    row: Row
    received: datetime
    visible: datetime
    final: datetime

    def at(self, now: datetime) -> Row:
        return self.row if now >= self.final else self.row | {"status": "gettingStatus"}


@dataclass(slots=True)
class Mail:
    """The mail of one tenant.

    Args:
        principal: Microsoft's own tracing app has a service principal in the tenant.
        messages: what was delivered, or failed behind the door, oldest first.
        asked: when each request of the current window came, of this application or of another tool.
    """

    tenant: Organization
    principal: bool = False
    messages: deque[_Message] = field(default_factory=lambda: deque(maxlen=600_000))
    asked: deque[datetime] = field(default_factory=deque)

    def arrive(  # noqa: PLR0913 - what an envelope and its time say
        self,
        from_ip: str,
        sender: str,
        recipient: str,
        *,
        ago: timedelta = timedelta(0),
        late: timedelta = timedelta(0),
        status: str = "delivered",
        unsettled: timedelta = timedelta(0),
        certificate: str = "",
    ) -> bool:
        """A server at *from_ip* hands over one message. False: a connector refused it (5.7.51), and nothing is traced.

        Args:
            from_ip: empty for mail that began inside the tenant, which no connector is asked about.
            sender: its address.
            recipient: an address of the tenant.
            ago: how long before now it came.
            late: how long after it came its row comes up.
            status: its final one.
            unsettled: how long after it came the status is not final.
            certificate: the name in the one that the server shows; empty where it shows none.
        """
        if from_ip and not ago and _refused(self.tenant, from_ip, certificate, sender, recipient):
            return False
        received = self.tenant.now() - ago
        row: Row = {
            "id": str(self.tenant.world.next_guid()),
            "receivedDateTime": seven_digits(received),
            "senderAddress": sender,
            "recipientAddress": recipient,
            "subject": "Minutes of Tuesday",
            "messageId": f"<{self.tenant.world.next_token()}@mailer.example>",
            "size": 20_481,
            "fromIP": from_ip or None,
            "toIP": None,
            "status": status,
        }
        self.messages.append(_Message(row, received, received + late, received + unsettled))
        return True

    def seen(self, start: datetime, end: datetime) -> list[Row]:
        """The rows of messages received from *start* to *end*, newest first."""
        now = self.tenant.now()
        oldest = max(start, now - KEPT)
        found = [each for each in self.messages if oldest <= each.received <= end and each.visible <= now]
        return [each.at(now) for each in sorted(found, key=lambda each: each.received, reverse=True)]

    def another_tool_asks(self, times: int) -> None:
        """Requests of somebody else's, which count like ours."""
        self.asked.extend([self.tenant.now()] * times)

    def spend(self) -> float:
        """Count one request. The seconds to wait where the window is full, else 0."""
        now = self.tenant.now()
        while self.asked and self.asked[0] <= now - WINDOW:
            self.asked.popleft()
        if len(self.asked) >= ALLOWED:
            return (self.asked[0] + WINDOW - now).total_seconds()
        self.asked.append(now)
        return 0.0


def _refused(tenant: Organization, from_ip: str, certificate: str, sender: str, recipient: str) -> bool:
    """Whether an enabled Partner connector restricts the sender's domain, and none admits the server itself."""
    connectors = [row for row in tenant.rows("InboundConnector") if row["Enabled"]]
    if any(_admits(row, from_ip, certificate) for row in connectors):
        return False
    return any(_restricts(row, sender, recipient) for row in connectors)


def _admits(row: Row, from_ip: str, certificate: str) -> bool:
    """A Partner connector that asks for a certificate wants that; where it restricts to addresses as well, both."""
    holds, named = _holds(row, from_ip), _is_named(row, certificate)
    if row["ConnectorType"] != "Partner" or not row["RestrictDomainsToCertificate"]:
        return holds or named
    return named and (holds or not row["RestrictDomainsToIPAddresses"])


def _holds(row: Row, from_ip: str) -> bool:
    address = ipaddress.ip_address(from_ip)
    return any(address in ipaddress.ip_network(each, strict=False) for each in row["SenderIPAddresses"])


def _is_named(row: Row, certificate: str) -> bool:
    name = str(row["TlsSenderCertificateName"] or "").lower()
    wildcard = name.startswith("*.") and certificate.lower().endswith(name[1:])
    return bool(name and certificate) and (wildcard or name == certificate.lower())


def _restricts(row: Row, sender: str, recipient: str) -> bool:
    if row["ConnectorType"] != "Partner":
        return False
    if not row["RestrictDomainsToIPAddresses"] and not row["RestrictDomainsToCertificate"]:
        return False
    scope = {str(domain).lower() for domain in row["AssociatedAcceptedDomains"]}
    if scope and _domain(recipient) not in scope:
        return False
    return any(_covers(str(each), _domain(sender)) for each in row["SenderDomains"])


def _covers(pattern: str, domain: str) -> bool:
    """`smtp:*;1` covers all, `smtp:*.contoso.com;1` what is below, `smtp:contoso.com;1` itself."""
    bare = pattern.removeprefix("smtp:").partition(";")[0]
    return bare == "*" or (bare.startswith("*.") and domain.endswith(bare[1:])) or bare == domain


def _domain(address: Any) -> str:  # noqa: ANN401 - text of any form
    return str(address).rpartition("@")[2].lower()
