"""One tenant: an organisation with its alerts and audit feed, who may do what there, and what was asked."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from simulator import cmdlets
from simulator.defender import Alerts
from simulator.faults import Fault, Faults, is_write
from simulator.feed import Feed
from simulator.message_trace import Mail
from simulator.organization import Organization
from simulator.rows import Row
from simulator.wire.links import Links


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


@dataclass(slots=True, eq=False)
class Tenant(Organization):
    """One customer of Microsoft's.

    Args:
        relationships: as a partner: its delegated admin relationships.
    """

    access: Access = field(default_factory=Access, init=False)
    alerts: Alerts = field(init=False)
    feed: Feed = field(init=False)
    links: Links = field(init=False)
    mail: Mail = field(init=False)
    relationships: list[Row] = field(default_factory=list, init=False)
    faults: Faults = field(default_factory=Faults, init=False)
    log: deque[Entry] = field(init=False)
    tokens_valid_from: int = field(default=0, init=False)
    claims_demanded: str | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.alerts, self.feed, self.links, self.mail = Alerts(self), Feed(self), Links(self), Mail(self)
        self.log = deque(maxlen=self.world.log_length)

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
        self.world.claim(self.tenant_id, name.lower())
        self.domains = (*self.domains, name.lower())

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

    def take_fault(self, service: str, what: str) -> Fault | None:
        """The trouble that this request meets here, or everywhere; counts it."""
        return self.faults.take(service, what) or self.world.faults.take(service, what)

    def note(self, entry: Entry) -> None:
        """Keep what an application asked for, where the world's log keeps such."""
        if entry.is_write or self.world.log_reads:
            self.log.append(entry)

    @property
    def writes(self) -> list[Entry]:
        return [entry for entry in self.log if entry.is_write]

    def clear_log(self) -> None:
        self.log.clear()
        self.http_requests.clear()
