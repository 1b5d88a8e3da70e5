"""One tenant's state: its objects, what readers still see of their past, who may do what, and what was asked."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID, uuid5

from simulator import cmdlets
from simulator.defender import Alerts
from simulator.faults import Faults, is_write
from simulator.feed import Feed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from simulator.rows import Row
    from simulator.switches import Switches
    from simulator.world import World


class Entry(NamedTuple):
    """One cmdlet that an application asked for. *status* 0: the connection was cut. *changed*: state is different."""

    service: str
    cmdlet: str
    parameters: Mapping[str, object]
    is_write: bool
    status: int
    changed: bool


@dataclass(slots=True)
class Access:
    """What the application was granted here. A token carries it as it was when the token was issued.

    Args:
        consented: the application has a service principal in the tenant.
        app_roles: `exchange`, `compliance`: on which resource `Exchange.ManageAsApp` was granted.
        directory_roles: Entra roles of the service principal, by display name.
        permissions: application permissions on Graph and the Management Activity API.
    """

    consented: bool = True
    app_roles: set[str] = field(default_factory=lambda: {"exchange", "compliance"})
    directory_roles: set[str] = field(default_factory=lambda: {"Exchange Administrator", "Security Administrator"})
    permissions: set[str] = field(default_factory=lambda: {"SecurityAlert.ReadWrite.All", "ActivityFeed.Read"})


@dataclass(slots=True)
class _Past:
    """What readers of one kind see until replication has caught up."""

    rows: list[Row]
    reads_left: int


class Tenant:
    """One organisation. Rows are never changed in place: a write puts a new list, so that the past can be kept."""

    __slots__ = (
        "_lag",
        "_objects",
        "_past",
        "access",
        "alerts",
        "claims_demanded",
        "coexistence",
        "domains",
        "faults",
        "feed",
        "http_requests",
        "hydration_left",
        "initial_domain",
        "log",
        "region",
        "relationships",
        "revision",
        "state",
        "switches",
        "tenant_id",
        "tokens_valid_from",
        "world",
    )

    def __init__(  # noqa: PLR0913 - what makes a tenant
        self,
        world: World,
        tenant_id: str,
        *,
        initial_domain: str,
        domains: tuple[str, ...],
        coexistence: bool,
        region: str,
        switches: Switches,
        state: Callable[[Tenant, str], list[Row]],
    ) -> None:
        self.world = world
        self.tenant_id = tenant_id
        self.initial_domain = initial_domain
        self.domains = domains
        self.coexistence = coexistence
        self.region = region
        self.switches = switches
        self.access = Access()
        self.alerts = Alerts(self)
        self.feed = Feed(self)
        self.relationships: list[Row] = []  # as a partner: its delegated admin relationships
        self.faults = Faults()
        self.log: deque[Entry] = deque(maxlen=world.log_length)
        self.http_requests: Counter[str] = Counter()
        self.tokens_valid_from = 0
        self.claims_demanded: str | None = None
        self.hydration_left: int | None = None
        self.revision = 0
        self.state = state
        self._objects: dict[str, list[Row]] = {}
        self._past: dict[str, _Past] = {}
        self._lag: dict[str | None, int] = {}

    # --- objects -----------------------------------------------------------------------------------------------------

    def rows(self, kind: str) -> list[Row]:
        """What is true now. A kind that nobody changed is made afresh from the starting state, and costs no memory."""
        return self._objects[kind] if kind in self._objects else self.state(self, kind)

    def seen(self, kind: str) -> list[Row]:
        """What the next API read sees: it counts down the lag."""
        past = self._past.get(kind)
        if past is None:
            return self.rows(kind)
        past.reads_left -= 1
        if past.reads_left <= 0:
            del self._past[kind]
        return past.rows

    def put(self, kind: str, rows: list[Row]) -> None:
        """Replace the objects of a kind; readers follow after the lag."""
        reads = self._lag.get(kind, self._lag.get(None, 0))
        if reads > 0:
            before = self._past[kind].rows if kind in self._past else self.rows(kind)
            self._past[kind] = _Past(before, reads)
        self._objects[kind] = rows
        self.revision += 1

    def lag(self, reads: int, kind: str | None = None) -> None:
        """After a write, the next *reads* API reads of that kind (None: of every kind) show the state before."""
        self._lag[kind] = reads

    def now(self) -> datetime:
        return self.world.clock()

    def starting_guid(self, *names: str) -> UUID:
        """The GUID of an object of the starting state: the same each time the state is made."""
        return uuid5(UUID(self.tenant_id), "/".join(names))

    # --- a person ----------------------------------------------------------------------------------------------------

    def admin(self, cmdlet: str, **parameters: object) -> list[Row]:
        """Run a cmdlet as a person in the portal: no sign-in, no lag, nothing in the log.

        Raises:
            CmdletError: as Exchange would refuse it.
            UnknownCmdletError: there is no such cmdlet here.
        """
        rows = cmdlets.run(self, cmdlet, parameters, by_person=True).rows or []
        if is_write(cmdlet):
            self.feed.wrote(cmdlet, parameters, by_person=True)
        return rows

    def enable_preset(self, level: str, *, defender: bool = False, **conditions: list[str]) -> None:
        """Turn a preset security policy on, as the portal's wizard does.

        Args:
            level: `Standard` or `Strict`.
            defender: also its Defender for Office 365 rule.
            conditions: `SentTo`, `SentToMemberOf`, `RecipientDomainIs`; none: everyone.
        """
        cmdlets.presets.turn_on(self, level, defender=defender, conditions=conditions)

    def add_domain(self, name: str) -> None:
        """A new custom domain, as the admin center adds it."""
        self.domains = (*self.domains, name.lower())
        self.world.index(self)

    def block_connector(self, identity: str) -> None:
        """Microsoft judges a connector compromised."""
        cmdlets.organization.block(self, identity)

    def unblock_connectors(self) -> None:
        self.put("BlockedConnector", [])

    # --- sign-in -----------------------------------------------------------------------------------------------------

    def expire_tokens(self) -> None:
        """Every token issued so far is refused from now on."""
        self.tokens_valid_from = self.world.next_token()

    def demand_claims(self) -> None:
        """Continuous access evaluation: refuse tokens not asked for with the claims of the challenge."""
        self.claims_demanded = str(int(self.now().timestamp()))

    # --- what was asked ----------------------------------------------------------------------------------------------

    @property
    def writes(self) -> list[Entry]:
        return [entry for entry in self.log if entry.is_write]

    def clear_log(self) -> None:
        self.log.clear()
        self.http_requests.clear()
