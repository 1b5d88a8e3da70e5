"""Which customers of a partner could be looked after: proposals, which a person takes up one by one.

Source: docs/reference/defender-alerts-and-audit.md#partner-customers.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from domain.tenant import TenantConfig, TenantId

EXCHANGE_ADMINISTRATOR = "29232cdf-9323-42fd-ade2-1d097af3e4de"
"""The template of the role that our writes need."""

_LIVE = frozenset({"active", "expiring"})
_LEFTOVER = "MLT_"
"""Names of what Microsoft made when it moved partners to granular relationships."""

_NEVER = frozenset({None, "", "PT0S", "P0D"})
_INITIAL = re.compile(r"[A-Za-z0-9-]+\.onmicrosoft\.(com|us|cn)")


@dataclass(frozen=True, slots=True)
class TenantProposal:
    """One customer. *configured*: it is looked after already. *ends_at*: when the last relationship does.

    *config*: what to send to `PUT /tenants/{tenant_id}` to have it observed; null where its first domain is not known.
    *unclear*: why that could not be read.
    """

    tenant_id: str
    name: str
    configured: bool
    ends_at: AwareDatetime
    extends_itself: bool
    exchange_administrator: bool
    config: TenantConfig | None = None
    unclear: str = ""


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel)


class _Customer(_Wire):
    tenant_id: TenantId
    display_name: str | None = None


class _Role(_Wire):
    role_definition_id: str


class _Access(_Wire):
    unified_roles: tuple[_Role, ...] = ()


class _Relationship(_Wire):
    display_name: str
    status: str
    customer: _Customer
    end_date_time: AwareDatetime
    auto_extend_duration: str | None = None
    access_details: _Access | None = None


def proposals(relationships: Iterable[object], configured: Collection[str]) -> list[TenantProposal]:
    """One proposal for each customer with a relationship that lives, by name; odd relationships are left out."""
    by_customer: dict[str, list[_Relationship]] = {}
    for raw in relationships:
        each = _read(raw)
        if each and each.status in _LIVE and not each.display_name.startswith(_LEFTOVER):
            by_customer.setdefault(each.customer.tenant_id, []).append(each)
    found = [_proposal(customer, several, configured) for customer, several in by_customer.items()]
    return sorted(found, key=lambda proposal: (proposal.name.casefold(), proposal.tenant_id))


def with_config(proposal: TenantProposal, information: Mapping[str, Any]) -> TenantProposal:
    """*proposal* with a config, if *information* (`findTenantInformationByTenantId`) has the tenant's first domain."""
    domain = information.get("defaultDomainName")
    if not isinstance(domain, str) or not _INITIAL.fullmatch(domain):
        return proposal
    config = TenantConfig(tenant_id=proposal.tenant_id, name=proposal.name[:256], initial_domain=domain, mode="observe")
    return replace(proposal, config=config)


def _read(raw: object) -> _Relationship | None:
    try:
        return _Relationship.model_validate(raw)
    except ValidationError:  # before it is approved a relationship may have no customer
        return None


def _proposal(tenant_id: str, several: list[_Relationship], configured: Collection[str]) -> TenantProposal:
    last = max(several, key=lambda each: each.end_date_time)
    names = [each.customer.display_name for each in several if each.customer.display_name]
    roles = {
        role.role_definition_id for each in several if each.access_details for role in each.access_details.unified_roles
    }
    return TenantProposal(
        tenant_id=tenant_id,
        name=names[0] if names else tenant_id,
        configured=tenant_id in configured,
        ends_at=last.end_date_time,
        extends_itself=last.auto_extend_duration not in _NEVER,
        exchange_administrator=EXCHANGE_ADMINISTRATOR in roles,
    )
