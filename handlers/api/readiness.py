"""What a tenant has granted, and what is missing, each with the exact grant that mends it. Reads only.

Source: docs/reference/entra.md#app-roles, #directory-roles, #consent; docs/reference/exchange.md#customisation;
docs/reference/defender-alerts-and-audit.md#permissions.
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict

from clients.connect import Clients
from clients.entra.grants import Grant, Resource
from clients.errors import ClientError, Refused
from clients.graph.message_trace import PERMISSION, TRACING_APP
from domain.control import NotApplicable, Unknown
from domain.controls import CATALOGUE, CMDLET_ROLES
from domain.controls.per_domain import receiving
from domain.exchange import ExchangeObject, Writing
from domain.facts import Facts
from domain.mail_flow import MailSeen
from domain.reading import Query, Reading, Seen, Unseen
from domain.shown import quoted
from domain.tenant import TenantConfig, Wanted
from handlers.api.exchange_roles import ExchangeRoles, read_all, removal
from handlers.on_request import known_row

type ItemState = Literal["ok", "missing", "unknown", "not_applicable", "too_much"]


class Item(BaseModel):
    """One thing that a tenant needs. *needed*: without it nothing can be kept; *remedy*: the grant or command."""

    model_config = ConfigDict(frozen=True)

    id: str
    state: ItemState
    detail: str
    remedy: str = ""
    needed: bool = True


class Readiness(BaseModel):
    """Whether a tenant can be looked after. *ready*: everything that is needed is there."""

    model_config = ConfigDict(frozen=True)

    tenant_id: str
    ready: bool
    consent_url: str
    items: tuple[Item, ...]


_APPLICATIONS: Mapping[Resource, str] = {
    "exchange": "00000002-0000-0ff1-ce00-000000000000",
    "compliance": "00000007-0000-0ff1-ce00-000000000000",
    "graph": "00000003-0000-0000-c000-000000000000",
    "activity": "c5393580-f805-4401-95e8-94b7a6ef2fc2",
}
_APP_ROLES: Mapping[Resource, str] = {
    "exchange": "Exchange.ManageAsApp",
    "compliance": "Exchange.ManageAsApp",
    "graph": "SecurityAlert.ReadWrite.All",
    "activity": "ActivityFeed.Read",
}
_NAMES: Mapping[Resource, str] = {"graph": "alert-consent", "activity": "audit-consent"}

_GLOBAL = ("Global Administrator", "62e90394-69f5-4237-9190-012177145e10")
_READER = ("Global Reader", "f2ef992c-3afb-46b9-b7cf-a126ee74c451")
_WRITERS: Mapping[Resource, tuple[tuple[str, str], ...]] = {
    "exchange": (("Exchange Administrator", "29232cdf-9323-42fd-ade2-1d097af3e4de"), _GLOBAL),
    "compliance": (
        ("Security Administrator", "194ae4cb-b126-40b2-bd5b-6091b380977d"),
        ("Compliance Administrator", "17315797-102d-40b4-93e0-432062caca18"),
        _GLOBAL,
    ),
}
"""Roles that may write, the one to grant first."""

_ORGANIZATION = Query("exchange", "Get-OrganizationConfig", never_empty=True)

type Granted = Grant | ClientError
type Kinds = tuple[type[ExchangeObject], ...]


async def look(tenant_id: str, clients: Clients) -> Readiness:
    """Ask for every token and every read that those controls need which apply to the tenant's filter.

    Raises:
        UnknownTenant: There is no such tenant.
    """
    config, _, version, _ = await known_row(tenant_id, clients)
    wanted = clients.wanted(config, version)
    controls = [control for control in CATALOGUE.values() if control.applies(wanted.profile)]
    kinds = tuple(dict.fromkeys(kind for control in controls for kind in control.sees))
    names: list[Resource] = [*dict.fromkeys(query.service for kind in kinds for query in kind.queries)]
    names += _NAMES
    given = dict(zip(names, await asyncio.gather(*(_granted(each, config, clients) for each in names)), strict=True))
    queries = [_ORGANIZATION, *(query for kind in kinds for query in kind.queries)]
    reading = await read_all(config, queries, clients)
    mail = (await clients.storage.states.load(config.tenant_id)).mail
    ours = grant.object_id if isinstance(grant := given["exchange"], Grant) else ""
    roles = await ExchangeRoles.ask(config, kinds, ours, clients, reads=_only_observes(config))
    items = (
        *_tokens(given, clients),
        *_message_trace(given["graph"], mail, clients),
        *_directory_roles(given, config, roles),
        _role_group(grant, roles, clients.grants.client_id),
        *_cmdlets(reading),
        *_writes(given, config, kinds, roles),
        _licence(reading),
        _defender(reading, wanted),
        _customised(reading),
        *_dns(reading, config, clients),
    )
    ready = all(item.state in {"ok", "not_applicable"} for item in items if item.needed)
    consent = clients.grants.consent_url(config.tenant_id)
    return Readiness(tenant_id=config.tenant_id, ready=ready, consent_url=consent, items=items)


async def _granted(resource: Resource, config: TenantConfig, clients: Clients) -> Granted:
    try:
        return await clients.grants.on(resource, config.tenant_id)
    except ClientError as error:
        return error


def _tokens(given: Mapping[Resource, Granted], clients: Clients) -> Iterable[Item]:
    """A token of each resource, and the app role in it."""
    for resource, grant in given.items():
        needed, role = resource not in _NAMES, _APP_ROLES[resource]
        name = f"app-role-{resource}" if needed else _NAMES[resource]
        if isinstance(grant, ClientError):
            state: ItemState = "missing" if isinstance(grant, Refused) else "unknown"
            remedy = getattr(grant, "remedy", "")
            yield Item(id=f"token-{resource}", state=state, detail=grant.sentence, remedy=remedy, needed=needed)
            yield Item(id=name, state="unknown", detail="no token shows it", remedy=remedy, needed=needed)
            continue
        yield Item(id=f"token-{resource}", state="ok", detail="Entra gives one", needed=needed)
        if role in grant.app_roles:
            yield Item(id=name, state="ok", detail=f"{role} is granted", needed=needed)
        else:
            remedy = _app_role_command(resource, grant, clients)
            yield Item(id=name, state="missing", detail=f"{role} is not granted", remedy=remedy, needed=needed)


def _message_trace(grant: Granted, mail: MailSeen, clients: Clients) -> Iterable[Item]:
    """Both halves of what the message trace needs; the second shows only by asking, as the last look did."""
    if isinstance(grant, ClientError) or PERMISSION not in grant.app_roles:
        state: ItemState = "unknown" if isinstance(grant, ClientError) else "missing"
        remedy = "" if isinstance(grant, ClientError) else _app_role_command("graph", grant, clients, PERMISSION)
        yield Item(id="trace-consent", state=state, detail=f"{PERMISSION} is not granted", remedy=remedy, needed=False)
    else:
        yield Item(id="trace-consent", state="ok", detail=f"{PERMISSION} is granted", needed=False)
    name = f"Microsoft's tracing app {TRACING_APP}"
    if mail.missing == "principal":
        detail = f"{name} has no service principal in the tenant; it works hours after it was made"
        yield Item(id="trace-principal", state="missing", detail=detail, remedy=mail.remedy, needed=False)
    elif mail.first_read_at:
        yield Item(id="trace-principal", state="ok", detail=f"{name} has a service principal", needed=False)
    else:
        yield Item(id="trace-principal", state="unknown", detail="the trace was not read yet", needed=False)


def _app_role_command(resource: Resource, grant: Grant, clients: Clients, role: str = "") -> str:
    """Consent grants all that the registration asks for; the command grants this one role."""
    role = role or _APP_ROLES[resource]
    ours = grant.object_id or f"(Get-MgServicePrincipal -Filter \"appId eq '{clients.grants.client_id}'\").Id"
    return (
        f"$r = Get-MgServicePrincipal -Filter \"appId eq '{_APPLICATIONS[resource]}'\"; "
        f"New-MgServicePrincipalAppRoleAssignment -ServicePrincipalId {ours} -PrincipalId {ours} -ResourceId $r.Id "
        f"-AppRoleId ($r.AppRoles | Where-Object Value -eq '{role}').Id"
    )


_UNTOLD = "the tenant does not tell: its reads show what they can, the first write the rest"


def _role_group(grant: Granted, roles: ExchangeRoles, app: str) -> Item:
    """The least that is enough for Exchange: its own roles, given by a role group."""
    name = "role-group-exchange"
    if isinstance(grant, ClientError):
        return Item(id=name, state="unknown", detail="no token shows who we are there", needed=False)
    held = next((title for title, template in _WRITERS["exchange"] if template in grant.directory_roles), "")
    untold = f"; the tenant does not tell which roles have {', '.join(roles.untold)}" if roles.untold else ""
    remedy = roles.commands(app, grant.object_id)
    if held:
        detail = (
            f"{held} is more than is needed: {', '.join(sorted(set(roles.listed.values())))} in a role group will do"
        )
        remedy = "; ".join(filter(None, (remedy, f"then take the directory role {held} away")))
        return Item(id=name, state="too_much", detail=f"{detail}{untold}", remedy=remedy, needed=False)
    if roles.held is None:
        detail = (
            "the tenant does not tell which Exchange roles we have: what is not tried here shows at the first write"
        )
        return Item(id=name, state="unknown", detail=detail, remedy=remedy, needed=False)
    if roles.missing:
        detail = f"without {', '.join(roles.missing)}{untold}"
        return Item(id=name, state="missing", detail=detail, remedy=remedy, needed=False)
    if roles.superfluous:
        detail = f"nothing of ours needs {', '.join(map(quoted, roles.superfluous))}{untold}"
        remedy = removal(roles.superfluous, grant.object_id)
        return Item(id=name, state="too_much", detail=detail, remedy=remedy, needed=False)
    return Item(
        id=name, state="ok", detail=f"exactly what is needed: {', '.join(sorted(roles.held))}{untold}", needed=False
    )


def _directory_roles(
    given: Mapping[Resource, Granted], config: TenantConfig, in_exchange: ExchangeRoles
) -> Iterable[Item]:
    for resource in (resource for resource in given if resource in _WRITERS):
        grant, name, writers = given[resource], f"directory-role-{resource}", _WRITERS[resource]
        if isinstance(grant, ClientError):
            yield Item(id=name, state="unknown", detail="no token shows it")
            continue
        roles = (*writers, _READER) if _only_observes(config) else writers
        held = [title for title, template in roles if template in grant.directory_roles]
        if held:
            yield Item(id=name, state="ok", detail=held[0])
            continue
        if resource == "exchange" and in_exchange.held and not in_exchange.missing:
            yield Item(id=name, state="not_applicable", detail="the role group has what is needed")
            continue
        if resource == "exchange" and in_exchange.held is None:
            detail = f"no directory role writes, and whether a role group does {_UNTOLD}"
            yield Item(id=name, state="unknown", detail=detail, needed=False)
            continue
        title, template = _READER if _only_observes(config) else writers[0]
        remedy = (
            f"New-MgRoleManagementDirectoryRoleAssignment -PrincipalId {grant.object_id} "
            f"-RoleDefinitionId {template} -DirectoryScopeId /"
        )
        if resource == "exchange":
            remedy = f"the role group (see role-group-exchange), or: {remedy}"
        yield Item(id=name, state="missing", detail=f"{title} is not assigned", remedy=remedy)


def _only_observes(config: TenantConfig) -> bool:
    return all(config.mode_of(control) == "observe" for control in CATALOGUE)


def _cmdlets(reading: Reading) -> Iterable[Item]:
    """Each cmdlet that reads, as it was just called."""
    failed = {q.cmdlet: seen for q, seen in reading.items() if isinstance(seen, Unseen)}
    for cmdlet in dict.fromkeys(query.cmdlet for query in reading):
        if unseen := failed.get(cmdlet):
            state: ItemState = "missing" if unseen.remedy else "unknown"
            role = f"; the role '{CMDLET_ROLES[cmdlet]}' has it" if cmdlet in CMDLET_ROLES else ""
            yield Item(id=f"cmdlet {cmdlet}", state=state, detail=f"{unseen.reason}{role}", remedy=unseen.remedy)
        else:
            yield Item(id=f"cmdlet {cmdlet}", state="ok", detail="answers")


def _writes(
    given: Mapping[Resource, Granted], config: TenantConfig, kinds: Kinds, in_exchange: ExchangeRoles
) -> Iterable[Item]:
    """Each cmdlet that writes: its role is looked for, as trying it would write."""
    if _only_observes(config):
        return
    for kind in kinds:
        if kind.writing:
            resource = kind.queries[0].service
            yield from _writing(kind.writing, resource, given[resource], in_exchange)


def _writing(writing: Writing, resource: Resource, grant: Granted, in_exchange: ExchangeRoles) -> Iterable[Item]:
    roles = frozenset[str]() if isinstance(grant, ClientError) else grant.directory_roles
    held = [title for title, template in _WRITERS[resource] if template in roles]
    for cmdlet in writing.cmdlets:
        if resource == "exchange" and (role := in_exchange.gives(cmdlet)):
            yield Item(
                id=f"cmdlet {cmdlet}", state="ok", detail=f"comes with the role '{role}'; not tried, as it writes"
            )
        elif held:
            yield Item(id=f"cmdlet {cmdlet}", state="ok", detail=f"comes with {held[0]}; not tried, as it writes")
        elif resource == "exchange" and in_exchange.held is None and isinstance(grant, Grant):
            detail = f"comes with the role '{writing.role}'; whether we have it {_UNTOLD}"
            yield Item(id=f"cmdlet {cmdlet}", state="unknown", detail=detail, needed=False)
        else:
            state: ItemState = "unknown" if isinstance(grant, ClientError) else "missing"
            detail = f"comes with {_WRITERS[resource][0][0]}, or with the role '{writing.role}'"
            yield Item(id=f"cmdlet {cmdlet}", state=state, detail=detail, remedy=f"see directory-role-{resource}")


def _licence(reading: Reading) -> Item:
    """Exchange Online: a tenant without it has no accepted domains to list."""
    domains = next(seen for query, seen in reading.items() if query.cmdlet == "Get-AcceptedDomain")
    if isinstance(domains, Seen) and domains.rows:
        return Item(id="licence-exchange", state="ok", detail=f"Exchange Online has {len(domains.rows)} domains")
    why = domains.reason if isinstance(domains, Unseen) else "Exchange Online lists no domain"
    return Item(id="licence-exchange", state="unknown", detail=why, remedy="Assign a plan with Exchange Online.")


def _defender(reading: Reading, wanted: Wanted) -> Item:
    """The two alert policies come with the tenant's plan; without them there is nothing to switch off."""
    control = CATALOGUE["alert-policies"]
    match control.find(Facts(reading), wanted):
        case Unknown(reason=reason, remedy=remedy):
            return Item(id="licence-alerts", state="unknown", detail=reason, remedy=remedy, needed=False)
        case NotApplicable(reason=reason):
            return Item(id="licence-alerts", state="not_applicable", detail=reason, needed=False)
        case _:
            return Item(id="licence-alerts", state="ok", detail="the plan has the alert policies", needed=False)


def _customised(reading: Reading) -> Item:
    seen = reading[_ORGANIZATION]
    if isinstance(seen, Unseen) or not isinstance(dehydrated := seen.rows[0].get("IsDehydrated"), bool):
        detail = seen.reason if isinstance(seen, Unseen) else "Get-OrganizationConfig does not say"
        return Item(id="customised", state="unknown", detail=detail)
    if dehydrated:
        detail = "the organisation's objects cannot be written yet"
        return Item(id="customised", state="missing", detail=detail, remedy="Enable-OrganizationCustomization")
    return Item(id="customised", state="ok", detail="the organisation can be written")


def _dns(reading: Reading, config: TenantConfig, clients: Clients) -> Iterable[Item]:
    """The DNS provider of each domain. None is fine: a person then publishes the records that Holdfast tells."""
    for zone, host in config.dns.items():
        try:
            clients.hosting.provider(config, zone)
        except Refused as refusal:
            yield Item(id=f"dns {zone}", state="missing", detail=refusal.sentence, remedy=refusal.remedy, needed=False)
        else:
            yield Item(id=f"dns {zone}", state="ok", detail=f"{host.kind}: named, and its secret is set", needed=False)
    for domain in receiving(Facts(reading)):
        if not config.zone_of(domain):
            detail = "no DNS provider is named in the config: what is missing is told as the exact record"
            yield Item(id=f"dns {domain}", state="not_applicable", detail=detail, needed=False)
