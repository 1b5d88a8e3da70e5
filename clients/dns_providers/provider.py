"""What every host of zones does for us, and the compare-and-set that all their changes are.

Source: docs/reference/dns.md#rules-for-writing.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

from clients.dns_providers.record_set import AllowedChange, RecordSet, change, check_owner
from clients.http import Permit
from domain.dns_steps import WritableType


@dataclass(frozen=True, slots=True)
class Stored:
    """What a host keeps of one name and type; a host adds what a later write has to give back."""

    records: RecordSet = field(default_factory=RecordSet)


class DnsProvider[S: Stored](ABC):
    """A host of zones. Names are A-labels, lower case, without the trailing dot; *name* is whole, not relative."""

    async def read(self, zone: str, name: str, rtype: WritableType) -> RecordSet:
        """The records of *name*, as the host keeps them; none is an empty set.

        Raises:
            Invalid: Not a name and type that is ever touched.
            ClientError: The host does not say; NotFound when it has no such zone.
        """
        check_owner(zone, name, rtype)
        return (await self.stored(zone, name, rtype)).records

    async def swap(  # noqa: PLR0913 - what, where, and whether it may
        self, zone: str, name: str, rtype: WritableType, expected: RecordSet, wanted: RecordSet, *, permit: Permit
    ) -> None:
        """Make *expected* into *wanted*, keeping the current TTL. Done only once it is read back from the zone.

        *permit* is asked last before the write, and stops it by raising.

        Raises:
            Conflict: The records are no longer *expected*; nothing was written.
            Invalid: Not a change that is ever made; nothing was sent.
            ClientError: The host refused, or did not answer: with Unreachable.sent or Unreadable, look first.
        """
        allowed = change(zone, name, rtype, expected, wanted)
        stored = await self.stored(zone, name, rtype)
        target = allowed.applied_to(stored.records)
        await self.write(allowed, stored, target, await permit())

    @abstractmethod
    async def stored(self, zone: str, name: str, rtype: WritableType) -> S:
        """Ask the host. Raises ClientError."""

    @abstractmethod
    async def write(self, allowed: AllowedChange, stored: S, target: RecordSet, permitted_at: float) -> None:
        """Make *stored* into *target*, as far as the host lets us only if it is still *stored*. Raises ClientError.

        It leaves soon after *permitted_at* or not at all (clients/dispatch.py).
        """
