"""The world: many tenants, the ticket systems, and what they share."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID, uuid5

from simulator.commons import Commons
from simulator.people import SignIns
from simulator.psa.systems import Systems
from simulator.records import starting
from simulator.states import STATES
from simulator.switches import Switches
from simulator.tenant import Tenant
from simulator.zones import Zones


@dataclass(eq=False)
class World(Commons):
    """Everything the simulator knows."""

    def __post_init__(self) -> None:
        self.dns = Zones(lambda name: starting(self.tenant, name))
        self.reset()

    def reset(self) -> None:
        super().reset()
        self._tenants: dict[str, Tenant] = {}
        self.psa = Systems(self.clock)
        self.sign_ins = SignIns()

    @property
    def tenants(self) -> Iterable[Tenant]:
        return self._tenants.values()

    def tenant(self, name: str) -> Tenant | None:
        """By id or by any of its domains."""
        name = name.lower()
        return self._tenants.get(self._ids.get(name, name))

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
            # Ids of tenants have nothing in common, not even their first digits.
            str(UUID(tenant_id) if tenant_id else uuid5(self.next_guid(), "tenant")),
            initial_domain=initial.lower(),
            domains=domains,
            coexistence=coexistence,
            region=region,
            switches=Switches(**switches),  # type: ignore[arg-type]
            state=STATES[state],
        )
        if tenant.tenant_id in self._tenants:
            raise ValueError(f"tenant {tenant.tenant_id} is already here")
        self.claim(tenant.tenant_id, tenant.initial_domain, *domains)
        self._tenants[tenant.tenant_id] = tenant
        return tenant

    def add_tenants(self, number: int, *, state: str = "healthy", **switches: object) -> list[Tenant]:
        """*number* tenants of one domain each: `t00000.example`, `t00001.example`, ..."""
        first = len(self._tenants)
        return [
            self.add_tenant(f"t{first + index:05}.example", state=state, **switches)  # type: ignore[arg-type]
            for index in range(number)
        ]
