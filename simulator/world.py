"""The world: many tenants, one clock, one DNS, and counters for everything that must be unique."""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from itertools import count
from uuid import UUID

from simulator.faults import Faults
from simulator.psa.systems import Systems
from simulator.states import STATES
from simulator.switches import Switches
from simulator.tenant import Tenant
from simulator.wire.links import Links
from simulator.zones import Zones

_FIRST_GUID = UUID("5eed0000-0000-4000-9000-000000000000").int


def _now() -> datetime:
    return datetime.now(UTC)


class World:
    """Everything the simulator knows. The same calls in the same order give the same world, but for the clock.

    Args:
        clock: aware time, asked at every use.
        client_id: the application that tenants consent to.
        client_secret: its secret; a client assertion is also taken.
        token_lifetime: seconds.
        log_length: cmdlets that each tenant's log keeps.
    """

    def __init__(
        self,
        clock: Callable[[], datetime] = _now,
        *,
        client_id: str = "2f9d1b54-0c1a-4a63-8c3e-6f6a6e0b1c77",
        client_secret: str = "simulated-secret",  # noqa: S107 - a made-up tenant's
        token_lifetime: int = 3599,
        log_length: int = 1000,
    ) -> None:
        self.clock = clock
        self.client_id = client_id
        self.client_secret = client_secret
        self.token_lifetime = token_lifetime
        self.log_length = log_length
        self.faults = Faults()
        self.http_requests: Counter[str] = Counter()
        self.links = Links(self)
        self.dns = Zones(self)
        self.reset()

    def reset(self) -> None:
        """Forget tenants, records, faults and counts. A running DNS server goes on with the empty zones."""
        self._guids = count()
        self._requests = count()
        self._tokens = count(1)
        self._tenants: dict[str, Tenant] = {}
        self._by_domain: dict[str, Tenant] = {}
        self.faults.clear()
        self.http_requests.clear()
        self.dns.clear()
        self.psa = Systems(self.clock)

    # --- tenants -----------------------------------------------------------------------------------------------------

    @property
    def tenants(self) -> Iterable[Tenant]:
        return self._tenants.values()

    def tenant(self, name: str) -> Tenant | None:
        """By id or by any of its domains."""
        return self._tenants.get(name.lower()) or self._by_domain.get(name.lower())

    def add_tenant(
        self,
        *domains: str,
        state: str = "healthy",
        tenant_id: str | None = None,
        initial_domain: str | None = None,
        coexistence: bool = False,
        region: str = "eur02b",
        **switches: object,
    ) -> Tenant:
        """One more tenant.

        Args:
            domains: its custom accepted domains; the first is the default one.
            state: a name in `simulator.states.STATES`.
            tenant_id: a GUID; None: made from the count.
            initial_domain: `x.onmicrosoft.com`; None: made from the first domain.
            coexistence: also has `x.mail.onmicrosoft.com`.
            region: the first label of its compliance host.
            switches: fields of `Switches`.

        Raises:
            ValueError: no such state, or the tenant or domain is already here.
            TypeError: no such switch.
        """
        if state not in STATES:
            raise ValueError(f"state {state!r} is none of {', '.join(STATES)}")
        domains = tuple(domain.lower() for domain in domains)
        initial = initial_domain or f"{domains[0].replace('.', '')}.onmicrosoft.com"
        tenant = Tenant(
            self,
            str(UUID(tenant_id)) if tenant_id else str(self.next_guid()),
            initial_domain=initial.lower(),
            domains=domains,
            coexistence=coexistence,
            region=region,
            switches=Switches(**switches),  # type: ignore[arg-type]
            state=STATES[state],
        )
        self.index(tenant)
        return tenant

    def add_tenants(self, number: int, *, state: str = "healthy", **switches: object) -> list[Tenant]:
        """*number* tenants of one domain each: `t00000.example`, `t00001.example`, ..."""
        first = len(self._tenants)
        return [
            self.add_tenant(f"t{first + index:05}.example", state=state, **switches)  # type: ignore[arg-type]
            for index in range(number)
        ]

    def index(self, tenant: Tenant) -> None:
        """Make a tenant, and every domain it has now, known to the front doors and to DNS."""
        names = (tenant.initial_domain, *tenant.domains)
        for name in names:
            if self._by_domain.get(name, tenant) is not tenant:
                raise ValueError(f"{name} belongs to another tenant")
        if self._tenants.setdefault(tenant.tenant_id, tenant) is not tenant:
            raise ValueError(f"tenant {tenant.tenant_id} is already here")
        self._by_domain |= dict.fromkeys(names, tenant)

    # --- unique things -----------------------------------------------------------------------------------------------

    def next_guid(self) -> UUID:
        return UUID(int=_FIRST_GUID + next(self._guids))

    def next_request_id(self) -> str:
        return f"5eed0000-0000-4000-8000-{next(self._requests):012x}"

    def next_token(self) -> int:
        return next(self._tokens)
