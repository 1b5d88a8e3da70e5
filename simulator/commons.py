"""What all tenants share: one clock, one DNS, one application, and counters for everything that must be unique."""

from collections import Counter
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field
from datetime import UTC, datetime
from itertools import count
from uuid import UUID

from simulator.faults import Faults
from simulator.zones import Zones

_FIRST_GUID = UUID("5eed0000-0000-4000-9000-000000000000").int


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(eq=False)
class Commons:
    """The same calls in the same order give the same values, but for the clock.

    Args:
        clock: aware time, asked at every use.
        client_id: the application that tenants consent to.
        client_secret: its secret; a client assertion is also taken.
        token_lifetime: seconds.
        log_length: cmdlets that each tenant's log keeps.
        log_reads: False: of writes only.
    """

    clock: Callable[[], datetime] = _now
    _: KW_ONLY
    client_id: str = "2f9d1b54-0c1a-4a63-8c3e-6f6a6e0b1c77"
    client_secret: str = "simulated-secret"  # noqa: S105 - a made-up tenant's
    token_lifetime: int = 3599
    log_length: int = 1000
    log_reads: bool = True
    faults: Faults = field(default_factory=Faults, init=False)
    http_requests: Counter[str] = field(default_factory=Counter, init=False)
    dns: Zones = field(init=False)

    def reset(self) -> None:
        """Forget names, records, faults and counts. A running DNS server goes on with the empty zones."""
        self._ids: dict[str, str] = {}
        self._guids = count()
        self._requests = count()
        self._tokens = count(1)
        self.faults.clear()
        self.http_requests.clear()
        self.dns.clear()

    def claim(self, tenant_id: str, *names: str) -> None:
        """Make *names* lead to that tenant. Raises ValueError: one of them is another's."""
        for name in names:
            if self._ids.get(name, tenant_id) != tenant_id:
                raise ValueError(f"{name} belongs to another tenant")
        self._ids |= dict.fromkeys(names, tenant_id)

    def next_guid(self) -> UUID:
        return UUID(int=_FIRST_GUID + next(self._guids))

    def next_request_id(self) -> str:
        return f"5eed0000-0000-4000-8000-{next(self._requests):012x}"

    def next_token(self) -> int:
        return next(self._tokens)
