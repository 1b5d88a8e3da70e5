"""A tenant's findings, and a person's two answers: declare, which becomes part of the config, and remove."""

from dataclasses import replace
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from clients.connect import Clients
from clients.storage.tenants import ConfigMoved
from domain.errors import UnknownFinding
from domain.exemption import refuse_end
from domain.findings import THE_REST, Finding, FindingKind, HeldRemoval, Inventory
from domain.ledger import Entry
from domain.operations import Operation
from domain.tenant import Declaration, TenantConfig
from handlers import operations
from handlers.loop.check import ask_for_look
from handlers.on_request import RequestBody, Requester, known_tenant

REST = "rest"
"""In the place of a finding's id: every sender that is left, and those that come up later."""


class DeclarationRequest(RequestBody):
    """Why the finding may stay, who answers for it, and until when."""

    reason: str = Field(min_length=1, max_length=1000)
    owner: str = Field(min_length=1, max_length=256)
    until: AwareDatetime


class RemovalRequest(RequestBody):
    """*dry_run*: only show the steps, and what of them could not be put back."""

    reason: str = Field("", max_length=1000)
    dry_run: bool = False


class ShownFinding(BaseModel):
    """One finding, and how it is answered. *declaration*: what a person said, where that still counts.

    *held*: what its removal would take, where that waits for an approval of that very plan.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    kind: FindingKind
    control: str
    name: str
    value: str
    lets_in: str
    since: AwareDatetime | None
    actor: str
    first_sight: bool
    state: Literal["open", "declared", "removing"]
    declaration: Declaration | None
    held: HeldRemoval | None


async def findings_of(tenant_id: str, clients: Clients) -> list[ShownFinding]:
    """What was found in a tenant and is there, oldest first. Raises UnknownId or UnknownTenant."""
    config = await known_tenant(tenant_id, clients)
    states = await clients.storage.states.load(config.tenant_id)
    inventory = states.inventory(config, clients.now())
    there = [each for each in states.findings.values() if each.gone_at is None]
    there.sort(key=lambda each: (str(each.since), each.control, each.id))
    return [_shown(each, inventory, config) for each in there]


def _shown(finding: Finding, inventory: Inventory, config: TenantConfig) -> ShownFinding:
    answered: Literal["open", "declared", "removing"] = "declared" if inventory.is_declared(finding) else "open"
    answers = (finding.id, THE_REST.id) if finding.kind == "sender" else (finding.id,)
    said = next((each for answer in answers for each in config.declared if each.finding == answer), None)
    return ShownFinding(
        id=finding.id,
        kind=finding.kind,
        control=finding.control,
        name=finding.name,
        value=finding.value,
        lets_in=finding.lets_in,
        since=finding.since,
        actor=finding.actor,
        first_sight=finding.first_sight,
        state="removing" if finding.removing else answered,
        declaration=said if answered == "declared" else None,
        held=finding.held,
    )


async def declare(tenant_id: str, finding_id: str, wish: DeclarationRequest, by: str, clients: Clients) -> Declaration:
    """Vouch for a finding until a moment in the future; a second declaration replaces the first.

    Raises:
        RequestError: UnknownTenant, UnknownFinding; BadField: the end is not in the future.
    """
    config, now = await known_tenant(tenant_id, clients), clients.now()
    finding = await _known_finding(config, finding_id, clients)
    refuse_end(wish.until, now)
    declaration = Declaration(
        finding=finding.id,
        kind=finding.kind,
        control=finding.control,
        name=finding.name,
        value=finding.value,
        reason=wish.reason,
        owner=wish.owner,
        until=wish.until,
    )
    entry = Entry(
        at=now,
        tenant_id=config.tenant_id,
        control=finding.control,
        event="declared",
        detail=f"{finding.sentence}; {declaration.sentence}",
        reason=wish.reason,
        finding=finding.id,
        actor=by,
        requested_by=by,
    )
    await _write(config.tenant_id, declaration, entry, clients)
    await ask_for_look(config.tenant_id, (finding.control,), clients)
    return declaration


async def _write(tenant_id: str, declaration: Declaration, told: Entry, clients: Clients) -> None:
    """Put the declaration into the tenant's config with its entry, whatever else changes in it meanwhile."""
    while True:
        config = await known_tenant(tenant_id, clients)
        kept = await clients.storage.tenants.find(config.tenant_id)
        if kept is None:
            continue
        try:
            await clients.storage.tenants.replace(kept._replace(config=kept.config.declaring(declaration)), told)
        except ConfigMoved:
            continue
        return


async def remove(
    tenant_id: str, finding_id: str, wish: RemovalRequest, requester: Requester, clients: Clients
) -> Operation:
    """Ask for the exact steps that take a finding away, through the gate, or only to see them.

    Raises:
        RequestError: UnknownTenant, UnknownFinding, KeyReused.
    """
    if earlier := await operations.taken_up(requester.key, clients):
        return earlier
    config = await known_tenant(tenant_id, clients)
    finding = await _known_finding(config, finding_id, clients)
    asked = requester.asks("remove", config, clients.now(), wish.reason, dry_run=wish.dry_run)
    operation = replace(asked, finding=finding.id)
    return await operations.start_job(operation, (finding.control,), clients, requester.key)


async def _known_finding(config: TenantConfig, finding_id: str, clients: Clients) -> Finding:
    states = await clients.storage.states.load(config.tenant_id)
    there = {each.id: each for each in states.findings.values() if each.gone_at is None}
    if finding_id == REST and any(each.kind == "sender" for each in there.values()):
        return THE_REST
    if finding_id not in there:
        raise UnknownFinding(finding_id)
    return there[finding_id]
