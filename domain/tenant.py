"""What an operator says about one tenant, and what follows from it for each control."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from domain import normal
from domain.dns_hosts import HostsByZone, zone_of
from domain.findings import FindingKind, Inventory
from domain.mail_flow import SETTLES
from domain.profile import MOST_ADDRESSES, DeliveryNetwork, ObjectName, Profile
from domain.psa.desk import Provider

type Mode = Literal["observe", "approve", "correct"]
"""`observe` never writes, `approve` waits for a person, `correct` puts back by itself."""


def _canonical_guid(value: object) -> str:
    """Entra prints tenant ids in lower case with hyphens; other spellings of a GUID would make a second tenant."""
    try:
        return str(UUID(str(value)))
    except ValueError:
        raise ValueError("should be a GUID") from None


type TenantId = Annotated[str, BeforeValidator(_canonical_guid)]


type ChannelName = Annotated[str, Field(pattern=r"^notify-[a-z0-9][a-z0-9-]{0,54}$")]
"""One of the channels that the settings give a URL; the URL itself is in no config."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ControlSettings(_Part):
    """What differs for one control of one tenant."""

    mode: Mode


class ServiceConnector(_Part):
    """A connector that another service of the tenant needs (guide: "create a connector for each service")."""

    name: ObjectName
    sender_ips: Annotated[tuple[DeliveryNetwork, ...], Field(max_length=MOST_ADDRESSES)] = ()
    certificate: str = ""
    require_tls: bool = False

    @model_validator(mode="after")
    def _identified_by_one(self) -> Self:
        """Microsoft advises against addresses and a certificate in one Partner connector."""
        if bool(self.sender_ips) == bool(self.certificate):
            raise ValueError("should have either sender_ips or certificate")
        return self


class Freeze(_Part):
    """A window in which nothing is written."""

    start: AwareDatetime
    end: AwareDatetime
    reason: str = ""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.end <= self.start:
            raise ValueError("end should be later than start")
        return self


class PsaCompany(_Part):
    """The tenant's company in the MSP's ticket system, and what its tickets may do.

    *may_reprovision*: a signed webhook that no person stands behind passes the tenant's mode. *may_open*: an agent's
    note on a ticket opens the lock. *approvers*: the only agents who approve a plan, ask for a reprovision or open the
    lock by ticket; none named means every agent.
    """

    provider: Provider
    company_id: str = Field(min_length=1, max_length=100)
    may_reprovision: bool = False
    may_open: bool = False
    approvers: tuple[str, ...] = ()

    def lets_decide(self, agent: str) -> bool:
        """Whether *agent*, by the ticket system's own id, may approve or ask for a reprovision by ticket."""
        return bool(agent) and (not self.approvers or agent in self.approvers)


class Declaration(_Part):
    """A finding that a person vouches for until a date: who answers for it, and why. *finding*: its id."""

    finding: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    kind: FindingKind
    control: Annotated[str, Field(max_length=64)]
    name: Annotated[str, Field(max_length=2000)]
    value: Annotated[str, Field(max_length=10_000)]
    reason: Annotated[str, Field(min_length=1, max_length=1000)]
    owner: Annotated[str, Field(min_length=1, max_length=256)]
    until: AwareDatetime

    @property
    def sentence(self) -> str:
        return f"declared by {self.owner} until {self.until.isoformat()}: {self.reason}"


MOST_LABELS = 20
"""Words that a tenant's config may carry, for lists over the fleet."""

type Label = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,39}$")]


class TenantConfig(_Part):
    """One tenant as `PUT /tenants/{tenant_id}` takes it (docs/api.md).

    *mx_at_filter_since*: when every MX was pointed to the filter, for a tenant where that was before Holdfast came: the
    lock-down then waits from that time on. *dns*: by zone, who hosts it and lets us change it; what belongs into any
    other zone is proposed. *notify*: the channels of this installation that are told of the tenant, by name. *labels*:
    words of the operators' own, by which lists are filtered.
    """

    tenant_id: TenantId
    name: Annotated[str, Field(min_length=1, max_length=256)]
    initial_domain: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+\.onmicrosoft\.(com|us|cn)$")]
    profile: str = "exchangedefender"
    mode: Mode = "correct"
    enabled: bool = True
    controls: dict[str, ControlSettings] = Field(default_factory=dict)
    overrides: dict[str, Any] = Field(default_factory=dict)
    service_connectors: tuple[ServiceConnector, ...] = ()
    declared: tuple[Declaration, ...] = ()
    labels: Annotated[tuple[Label, ...], Field(max_length=MOST_LABELS)] = ()
    psa: PsaCompany | None = None
    notify: Annotated[tuple[ChannelName, ...], Field(max_length=10)] = ()
    freeze: tuple[Freeze, ...] = ()
    mx_at_filter_since: AwareDatetime | None = None
    dns: HostsByZone = Field(default_factory=dict)

    def mode_of(self, control_id: str) -> Mode:
        settings = self.controls.get(control_id)
        return settings.mode if settings else self.mode

    def zone_of(self, domain: str) -> str | None:
        """The zone that we may change and that *domain* is in."""
        return zone_of(domain, self.dns)

    def declared_at(self, now: datetime) -> frozenset[str]:
        """The ids of the findings that a person vouches for at *now*."""
        return frozenset(each.finding for each in self.declared if now < each.until)

    def declaring(self, declaration: Declaration) -> Self:
        """The same with *declaration* in the place of an earlier one of the same finding."""
        others = [each.model_dump() for each in self.declared if each.finding != declaration.finding]
        return self.model_validate(self.model_dump() | {"declared": [*others, declaration.model_dump()]})

    def frozen_at(self, now: datetime) -> Freeze | None:
        return next((window for window in self.freeze if window.start <= now < window.end), None)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a tenant should look like: its config, the profile with its overrides, and what is known of its findings.

    *others*: the other versions of the profile, by whose figures the filter's connector is known while a wave moves it.
    *moved_at*: when a wave last moved the tenant.
    """

    tenant: TenantConfig
    profile: Profile
    inventory: Inventory = field(default_factory=Inventory)
    others: tuple[Profile, ...] = ()
    moved_at: datetime | None = None

    @property
    def former_until(self) -> datetime | None:
        """Until when mail of the other versions' ranges came by the filter; None where no wave moved the tenant."""
        return self.moved_at + SETTLES if self.moved_at else None

    @property
    def former_networks(self) -> tuple[str, ...]:
        """The ranges of the other versions beside those of the profile."""
        networks = (each for other in self.others for each in other.delivery_networks)
        return tuple(dict.fromkeys(each for each in networks if each not in self.profile.delivery_networks))

    def takes_all(self, addresses: frozenset[str]) -> bool:
        """Whether all that the filter hands over comes from *addresses*, by this version of its profile or another."""
        ranges = [each.delivery_networks for each in (self.profile, *self.others)]
        return any(each and all(normal.covers(addresses, network) for network in each) for each in ranges)

    def names_the_lock(self, name: str) -> bool:
        """Whether *name* is one that the profile gives to the lock-down connector."""
        values = self.profile.inbound_connector
        return values is not None and normal.name(name) in {normal.name(values.name), normal.name(values.name_beside)}

    def filters_at(self, at: datetime | None) -> tuple[str, ...]:
        """The networks that the filter delivered mail from at a moment; of one that is not known, those of today."""
        former = self.former_until and at and at < self.former_until
        return (*self.profile.delivery_networks, *(self.former_networks if former else ()))
