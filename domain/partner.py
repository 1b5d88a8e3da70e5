"""Which customers of a partner could be looked after: proposals, which a person takes up one by one.

Source: docs/reference/defender-alerts-and-audit.md#partner-customers.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from domain.profile import first_fault
from domain.shown import quoted
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
    *unclear*: why that could not be read, or which of its relationships. One of a relationship that does not say whose
    it is has no *tenant_id*, and the relationship's name.
    """

    tenant_id: str
    name: str
    configured: bool
    ends_at: AwareDatetime | None
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
    """One proposal for each customer with a relationship that lives, by name; what is odd is told in `unclear`."""
    by_customer: dict[str, list[_Relationship]] = {}
    odd: list[_Odd] = []
    for raw in relationships:
        each = _read(raw)
        if isinstance(each, _Odd):
            odd.append(each)
        elif each:
            by_customer.setdefault(each.customer.tenant_id, []).append(each)
    found = [_proposal(customer, several, configured) for customer, several in by_customer.items()]
    told = [replace(one, unclear="; ".join(o.why for o in odd if o.tenant_id == one.tenant_id)) for one in found]
    unknown = [_unknown(one, configured) for one in odd if one.tenant_id not in by_customer]
    return sorted(told + unknown, key=lambda proposal: (proposal.name.casefold(), proposal.tenant_id))


def with_config(proposal: TenantProposal, information: Mapping[str, Any]) -> TenantProposal:
    """*proposal* with a config, if *information* (`findTenantInformationByTenantId`) has the tenant's first domain."""
    domain = information.get("defaultDomainName")
    if not isinstance(domain, str) or not _INITIAL.fullmatch(domain):
        return proposal
    config = TenantConfig(tenant_id=proposal.tenant_id, name=proposal.name[:256], initial_domain=domain, mode="observe")
    return replace(proposal, config=config)


@dataclass(frozen=True, slots=True)
class _Odd:
    """A relationship that could not be read. *tenant_id*: whose it is; empty where it does not say.

    *name*: the customer's, else its own.
    """

    tenant_id: str
    name: str
    why: str


def _read(raw: object) -> _Relationship | _Odd | None:
    """One that lives, or is odd; None for any other: before it is approved a relationship may have no customer."""
    fields: Mapping[str, object] = raw if isinstance(raw, dict) else {}
    name, status = _text(fields, "displayName"), fields.get("status")
    if name.startswith(_LEFTOVER) or (isinstance(status, str) and status not in _LIVE):
        return None
    try:
        return _Relationship.model_validate(raw)
    except ValidationError as error:
        named, customer = name or _text(fields, "id") or "without a name", _customer(fields.get("customer"))
        why = f"the relationship {quoted(named)} could not be read: {first_fault('relationship', error)}"
        return _Odd(customer.tenant_id, customer.display_name or named, why) if customer else _Odd("", named, why)


def _text(fields: Mapping[str, object], name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def _customer(raw: object) -> _Customer | None:
    try:
        return _Customer.model_validate(raw)
    except ValidationError:
        return None


def _unknown(odd: _Odd, configured: Collection[str]) -> TenantProposal:
    """What can be said of a customer none of whose relationships could be read."""
    return TenantProposal(
        tenant_id=odd.tenant_id,
        name=odd.name,
        configured=odd.tenant_id in configured,
        ends_at=None,
        extends_itself=False,
        exchange_administrator=False,
        unclear=odd.why,
    )


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
