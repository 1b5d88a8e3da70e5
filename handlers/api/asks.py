"""What the HTTP paths of design 6 do. What cannot be done raises Problem, which is sent as RFC 9457 has it."""

import logging
import re
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from clients.connect import Clients
from clients.errors import Refused
from domain.alerts.finding import FALSE_ALERTS
from domain.control import Drift
from domain.controls import CATALOGUE
from domain.exemption import Exemption
from domain.gate import Brake
from domain.jobs import CheckTenant, RemediateTenant
from domain.ledger import ENTRY_ID, Entry
from domain.operations import Operation
from domain.states import Actor, StateName
from domain.steps import ShownStep
from domain.tenant import TenantConfig
from handlers import operations
from handlers.api.idempotency import Once, operation_id
from handlers.api.problem import Body, Problem, guid, invalid, parsed, refuse_strangers

log = logging.getLogger("holdfast.api")

LARGEST_PAGE = 1000

_LIMIT = re.compile(r"[0-9]{1,4}")


class Reprovision(Body):
    """What `POST .../reprovision` takes; null controls mean all, and an empty list is nobody's wish for all of them."""

    controls: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    dry_run: bool = False
    reason: str = Field("", max_length=1000)


class BrakeChange(Body):
    """What `PUT /brake` takes."""

    engaged: bool
    reason: str = Field("", max_length=1000)


class ShownControl(BaseModel):
    """One control of a tenant: of its state, what people have a use for, and its exception if it has one."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    id: str
    state: StateName
    since: AwareDatetime | None
    read_at: AwareDatetime | None
    profile_version: str
    drift: tuple[Drift, ...]
    detail: str
    steps: tuple[ShownStep, ...]
    plan: str
    actor: Actor | None
    exception: Exemption | None = None


class TenantState(BaseModel):
    """How every control of a tenant stands."""

    model_config = ConfigDict(frozen=True)

    tenant_id: str
    controls: tuple[ShownControl, ...]


class Health(BaseModel):
    """Whether the service can work."""

    model_config = ConfigDict(frozen=True)

    status: Literal["ok"] = "ok"


async def health(clients: Clients) -> Health:
    """Whether the service's own storage answers."""
    await clients.storage.switches.brake()
    return Health()


async def tenants(clients: Clients) -> list[TenantConfig]:
    return [config async for config in clients.storage.tenants.all()]


async def tenant(tenant_id: str, clients: Clients) -> TenantConfig:
    found = await clients.storage.tenants.get(guid(tenant_id))
    if found is None:
        raise Problem(404, "Not Found", f"there is no tenant {guid(tenant_id)}")
    return found


def accepted_config(tenant_id: str, body: bytes, clients: Clients) -> TenantConfig:
    """A tenant's config, once every part of it is known to make sense."""
    config = parsed(TenantConfig, body)
    if config.tenant_id != guid(tenant_id):
        raise invalid("body.tenant_id: should be the one in the path")
    refuse_strangers(list(config.controls.keys() - {FALSE_ALERTS}), "body.controls")
    try:
        clients.wanted(config)
    except ValueError as error:
        raise invalid(f"body.{error}") from None
    for zone in config.dns:
        try:
            clients.hosting.provider(config, zone)
        except Refused as refusal:
            raise invalid(f"body.{refusal.sentence}") from None
    return config


async def state(tenant_id: str, clients: Clients) -> TenantState:
    """Every control of the tenant, also those that no check has reached yet."""
    config = await tenant(tenant_id, clients)
    states = await clients.storage.states.load(config.tenant_id)
    shown = tuple(
        ShownControl.model_validate(states.of(each)).model_copy(update={"exception": states.exceptions.get(each)})
        for each in {**CATALOGUE, **states.controls}
    )
    return TenantState(tenant_id=config.tenant_id, controls=shown)


async def ledger(tenant_id: str, after: str, limit: str, clients: Clients) -> tuple[list[Entry], bool]:
    """A page of the tenant's ledger, newest first, and whether there is more behind it.

    *after*: the id of the last entry of the page before.
    """
    if after and not ENTRY_ID.fullmatch(after):
        raise invalid("after: should be the id of a ledger entry")
    if not (_LIMIT.fullmatch(limit) and 1 <= int(limit) <= LARGEST_PAGE):
        raise invalid(f"limit: should be a whole number from 1 to {LARGEST_PAGE}")
    config = await tenant(tenant_id, clients)
    entries = await clients.storage.ledger.page(config.tenant_id, after=after, limit=int(limit) + 1)
    return entries[: int(limit)], len(entries) > int(limit)


async def check(tenant_id: str, caller: str, clients: Clients, once: Once | None = None) -> Operation:
    """Ask for a look at every control of the tenant."""
    config = await tenant(tenant_id, clients)
    operation = Operation(
        id=operation_id(once), kind="check", tenant_id=config.tenant_id, requested_by=caller, created_at=clients.now()
    )
    job = CheckTenant(tenant_id=config.tenant_id, operation_id=operation.id)
    return await operations.start(operation, lambda _: clients.storage.queues.send(job), clients, once)


async def reprovision(
    tenant_id: str, body: bytes, caller: str, clients: Clients, once: Once | None = None
) -> Operation:
    """Ask for controls of the tenant (all, or those named) to be put back now, or only for the steps that would."""
    asked = parsed(Reprovision, body)
    config = await tenant(tenant_id, clients)
    if asked.controls is not None:
        refuse_strangers(asked.controls, "body.controls")
    operation = Operation(
        id=operation_id(once),
        kind="reprovision",
        tenant_id=config.tenant_id,
        requested_by=caller,
        reason=asked.reason,
        dry_run=asked.dry_run,
        created_at=clients.now(),
    )

    async def send(kept: Operation) -> None:
        job = RemediateTenant(
            tenant_id=kept.tenant_id,
            controls=tuple(dict.fromkeys(asked.controls or CATALOGUE)),
            operation_id=kept.id,
            requested_by=kept.requested_by,
            asked_at=kept.created_at,
            dry_run=kept.dry_run,
        )
        await clients.storage.queues.send(job)

    return await operations.start(operation, send, clients, once)


async def operation(wanted: str, clients: Clients) -> Operation:
    found = await clients.storage.operations.get(guid(wanted))
    if found is None:
        raise Problem(404, "Not Found", f"there is no operation {guid(wanted)}")
    return found


async def brake(clients: Clients) -> Brake:
    return await clients.storage.switches.brake()


async def put_brake(body: bytes, caller: str, clients: Clients) -> Brake:
    """Engage or release the kill switch; every writer looks at it before every write.

    `changed_at` moves only when the switch does: releasing what is released opens no new blast radius.
    """
    change = parsed(BrakeChange, body)
    before = await clients.storage.switches.brake()
    changed_at = before.changed_at if before.engaged == change.engaged else clients.now()
    after = Brake(engaged=change.engaged, reason=change.reason, by=caller, changed_at=changed_at)
    await clients.storage.switches.set_brake(after)
    log.warning("brake engaged=%s by=%r reason=%r", after.engaged, caller, after.reason)
    return after
