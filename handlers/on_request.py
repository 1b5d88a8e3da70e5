"""What a person or a ticket asks for: check a tenant, put it back, take an approved plan, undo a ledger entry.

Each makes an operation that can be followed, and one message for the worker. The same request under the same
idempotency key makes one operation.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from clients.connect import Clients
from clients.storage.states import TenantStates
from clients.storage.tenants import TenantRow
from domain import controls
from domain.approval import Approval
from domain.controls import CATALOGUE
from domain.errors import BadField, PlanMoved, UnknownControl, UnknownId, UnknownTenant
from domain.exemption import refuse_end
from domain.findings import held_removal
from domain.ledger import ENTRY_ID, Entry, LedgerEvent
from domain.operations import IdempotencyKey, Operation, OperationKind
from domain.shown import quoted
from domain.states import waits_for_owner
from domain.steps import ShownStep
from domain.tenant import TenantConfig, TenantId
from handlers import operations

log = logging.getLogger("holdfast.on_request")

ACCEPTED_FOR = timedelta(days=30)
"""How long an undo's before-image is accepted where the request names no end."""

UNDOABLE: frozenset[LedgerEvent] = frozenset({"applying", "corrected"})
"""Ledger events that wrote something."""

_GUID: TypeAdapter[str] = TypeAdapter(TenantId)


class RequestBody(BaseModel):
    """What a request says: the fields listed and no other."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ReprovisionRequest(RequestBody):
    """*controls*: null means all; an empty list is refused, since it cannot mean all of them."""

    controls: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    dry_run: bool = False
    reason: str = Field("", max_length=1000)


class ApprovalRequest(RequestBody):
    """*plan*: that of the control's state, as it was shown; null: the one that waits at this moment.

    *reason*, *owner*, *until*: who answers for its steps, and until when; all three where the lock is not proven.
    """

    plan: str | None = Field(None, min_length=1, max_length=64)
    reason: str | None = Field(None, min_length=1, max_length=1000)
    owner: str | None = Field(None, min_length=1, max_length=256)
    until: AwareDatetime | None = None

    def approval(self, now: datetime) -> Approval | None:
        """Who answers for the plan; None where nobody is named. Raises BadField where that is said by halves."""
        missing = [name for name in ("reason", "owner", "until") if getattr(self, name) is None]
        if not (self.reason and self.owner and self.until):
            if self.reason or self.owner or self.until:
                raise BadField(f"body.{missing[0]}", "should be given: reason, owner and until go together")
            return None
        refuse_end(self.until, now)
        return Approval(self.reason, self.owner, self.until)


class UndoRequest(RequestBody):
    """*entry*: id of a ledger entry that wrote. *until*: end of the exception that keeps its before-image.

    *dry_run*: only the steps are shown.
    """

    entry: str = Field(min_length=1, max_length=128)
    reason: str = Field("", max_length=1000)
    until: AwareDatetime | None = None
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Requester:
    """*by*: who asks, as the ledger names them. *key*: the request's idempotency key, if it has one."""

    by: str
    key: IdempotencyKey | None = None

    def asks(
        self, kind: OperationKind, config: TenantConfig, now: datetime, reason: str = "", *, dry_run: bool = False
    ) -> Operation:
        """A new operation on the tenant of *config*, which nobody can follow yet."""
        return Operation(
            id=operations.new_id(self.key),
            kind=kind,
            tenant_id=config.tenant_id,
            requested_by=self.by,
            reason=reason,
            dry_run=dry_run,
            created_at=now,
        )


def canonical_id(text: str) -> str:
    """A GUID as we store it, whatever form it came in. Raises UnknownId for what is no GUID."""
    try:
        return _GUID.validate_python(text)
    except ValidationError:
        raise UnknownId(text) from None


async def known_tenant(tenant_id: str, clients: Clients) -> TenantConfig:
    """The tenant's config. Raises UnknownId or UnknownTenant."""
    return (await known_row(tenant_id, clients)).config


async def known_row(tenant_id: str, clients: Clients) -> TenantRow:
    """The tenant's config, and what stands beside it. Raises UnknownId or UnknownTenant."""
    found = await clients.storage.tenants.row(canonical_id(tenant_id))
    if found is None:
        raise UnknownTenant(canonical_id(tenant_id))
    return found


def known_control(control: str) -> str:
    """The id itself. Raises UnknownControl when the catalogue does not have it."""
    if control not in CATALOGUE:
        raise UnknownControl(control)
    return control


def refuse_unknown(ids: Iterable[str], field: str) -> None:
    """Raises BadField when one of *ids* is no control; *field* is where they were named."""
    if strangers := controls.unknown(tuple(ids)):
        raise BadField(field, f"there is no control {quoted(strangers[0], 64)}")


async def check(tenant_id: str, requester: Requester, clients: Clients) -> Operation:
    """Ask for a look at every control of the tenant.

    Raises:
        RequestError: UnknownTenant, KeyReused.
    """
    if earlier := await operations.taken_up(requester.key, clients):
        return earlier
    config = await known_tenant(tenant_id, clients)
    operation = requester.asks("check", config, clients.now())
    return await operations.start_job(operation, (), clients, requester.key)


async def reprovision(tenant_id: str, wish: ReprovisionRequest, requester: Requester, clients: Clients) -> Operation:
    """Ask for controls of the tenant (all, or those named) to be put back now, or only for the steps that would.

    Raises:
        RequestError: UnknownTenant, BadField, KeyReused.
    """
    if earlier := await operations.taken_up(requester.key, clients):
        return earlier
    config = await known_tenant(tenant_id, clients)
    refuse_unknown(wish.controls or (), "body.controls")
    operation = requester.asks("reprovision", config, clients.now(), wish.reason, dry_run=wish.dry_run)
    wanted = tuple(dict.fromkeys(wish.controls or CATALOGUE))
    return await operations.start_job(operation, wanted, clients, requester.key)


async def undo_entry(
    tenant_id: str, control: str, wish: UndoRequest, requester: Requester, clients: Clients
) -> Operation:
    """Ask for the before-image of one ledger entry to be put back.

    Raises:
        RequestError: UnknownTenant, UnknownControl, KeyReused; BadField: the entry wrote nothing of this control.
    """
    if earlier := await operations.taken_up(requester.key, clients):
        return earlier
    config, now = await known_tenant(tenant_id, clients), clients.now()
    entry = await _undoable(config.tenant_id, known_control(control), wish.entry, clients)
    if wish.until:
        refuse_end(wish.until, now)
    asked = requester.asks("undo", config, now, wish.reason, dry_run=wish.dry_run)
    operation = replace(asked, entry=entry.id, until=wish.until or now + ACCEPTED_FOR)
    return await operations.start_job(operation, (control,), clients, requester.key)


class OpenRequest(RequestBody):
    """Why the lock is opened, and until when it is held open. *dry_run*: only the steps are shown."""

    reason: str = Field(min_length=1, max_length=1000)
    until: AwareDatetime
    dry_run: bool = False


async def open_tenant(tenant_id: str, wish: OpenRequest, requester: Requester, clients: Clients) -> Operation:
    """Ask for every restricting connector to be loosened now.

    Raises:
        RequestError: UnknownTenant, KeyReused; BadField: the end is not in the future, or too far ahead.
    """
    if earlier := await operations.taken_up(requester.key, clients):
        return earlier
    config, now = await known_tenant(tenant_id, clients), clients.now()
    refuse_end(wish.until, now)
    operation = replace(requester.asks("open", config, now, wish.reason, dry_run=wish.dry_run), until=wish.until)
    return await operations.start_job(operation, ("inbound-lockdown",), clients, requester.key)


async def _undoable(tenant_id: str, control: str, entry_id: str, clients: Clients) -> Entry:
    known = ENTRY_ID.fullmatch(entry_id)
    entry = await clients.storage.ledger.get(tenant_id, entry_id) if known else None
    if entry is None or entry.control != control:
        raise BadField("body.entry", f"{quoted(control, 64)} has no such ledger entry")
    if entry.event not in UNDOABLE or not entry.steps:
        raise BadField("body.entry", "only an entry that wrote something ('corrected', 'applying') can be undone")
    if entry.event == "applying" and any(step.cmdlet.startswith("New-") for step in entry.steps):
        raise BadField("body.entry", "what was made is undone by its 'corrected' entry, which proves that we made it")
    return entry


async def approve(
    tenant_id: str, control: str, wish: ApprovalRequest, requester: Requester, clients: Clients
) -> Operation:
    """Let the worker take the steps of the plan that *wish* names, and of no other.

    The tenant is read again before anything is written. Where that gives another plan, nothing is written and the new
    plan waits. What a person answers for counts until its end, also when the same steps are planned again.

    Raises:
        RequestError: UnknownTenant, UnknownControl, KeyReused; PlanMoved: that plan does not wait (any more);
            BadField: the lock is not proven, and nobody answers for the plan.
    """
    earlier = await operations.earlier(requester.key, clients)
    if earlier and earlier.state != "queued":
        return earlier
    config = await known_tenant(tenant_id, clients)
    states = await clients.storage.states.load(config.tenant_id)
    plan, approval = wish.plan or states.of(known_control(control)).plan, wish.approval(clients.now())
    if earlier is None:  # one that is queued is refused in `_note`, which ends it
        _waiting_steps(states, control, plan, approval)
    removed = held_removal(states.findings.values(), control, plan)
    asked = requester.asks("approve", config, clients.now(), wish.reason or "")
    operation = replace(asked, plan=plan, finding=removed.id if removed else "")

    async def send(kept: Operation) -> None:
        await _note(kept, control, approval, clients)
        await operations.send_job(kept, (control,), clients)
        log.info("approved tenant=%s control=%s plan=%s", kept.tenant_id, control, plan)

    return await operations.start(operation, send, clients, requester.key)


async def _note(operation: Operation, control: str, approval: Approval | None, clients: Clients) -> None:
    """Write the approval down, if its plan waits at this very moment; a repetition writes nothing."""
    detail = f"plan {operation.plan}" + (f", {approval.sentence}" if approval else "")
    entry = operation.told("approved", control, detail)

    def noted(states: TenantStates) -> tuple[TenantStates, list[Entry]]:
        steps = _waiting_steps(states, control, operation.plan, approval)
        return states.approving((step.key for step in steps), approval, clients.now()), [entry]

    try:
        await clients.storage.states.change(operation.tenant_id, noted)
    except (PlanMoved, BadField) as moved:
        await operations.fail(operation.id, str(moved), clients)
        raise


def _waiting_steps(states: TenantStates, control: str, plan: str, approval: Approval | None) -> tuple[ShownStep, ...]:
    """The steps of *plan*, which waits for an approval: that of the control's state, or of a removal that is held.

    Raises:
        PlanMoved: It does not wait.
        BadField: Nobody answers for it, and somebody has to.
    """
    state, removed = states.of(control), held_removal(states.findings.values(), control, plan)
    if removed and removed.held:
        why, steps = removed.held.why, removed.held.steps
    else:
        why, steps = state.detail if waits_for_owner(state) else "", state.steps
        if not why and state.state != "awaiting_approval":
            raise PlanMoved(f"{state.id} is {state.state}: nothing of it waits for approval")
        if state.plan != plan:
            raise PlanMoved(f"body.plan: plan {state.plan} waits for approval now, not {plan}")
    if why and approval is None:
        raise BadField("body.reason", f"should be given, with owner and until: {why}")
    return steps
