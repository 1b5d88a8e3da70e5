"""Keep an operation's record up to date; a job that no caller asked for has none."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

from clients.connect import Clients
from clients.storage.unfinished import UnfinishedOperation
from domain.errors import KeyReused
from domain.jobs import CheckTenant, RemediateTenant
from domain.operations import (
    CUT_AFTER,
    ENDED,
    UNHEARD_FOR,
    ControlOutcome,
    IdempotencyKey,
    Operation,
    OperationState,
)
from domain.steps import ShownStep


def new_id(key: IdempotencyKey | None) -> str:
    """The id of a new operation; requests under the same key get the same one."""
    return key.operation_id if key else str(uuid4())


async def earlier(key: IdempotencyKey | None, clients: Clients) -> Operation | None:
    """The operation that this very request made before, or None. Raises KeyReused when another request has the key."""
    claimed = await clients.storage.operations.claimed(key.operation_id) if key else None
    if key is None or claimed is None:
        return None
    _refuse_other(key, claimed)
    return await clients.storage.operations.get(key.operation_id)


async def taken_up(key: IdempotencyKey | None, clients: Clients) -> Operation | None:
    """As `earlier`, once a worker has begun: while it is queued its message may be lost, and is to be sent again."""
    found = await earlier(key, clients)
    return found if found and found.state != "queued" else None


async def start(
    new: Operation,
    send: Callable[[Operation], Awaitable[None]],
    clients: Clients,
    key: IdempotencyKey | None = None,
) -> Operation:
    """Store *new* where its caller can follow it, then *send* the message that does the work.

    Where the same request came before, its operation is returned; the message is sent again while that operation is
    queued, as the first sender may have died between the two. A second message does no harm.

    Raises:
        KeyReused: The key belongs to another request.
    """
    if key:
        _refuse_other(key, await clients.storage.operations.claim(key.operation_id, key.fingerprint, new.created_at))
    operation = await clients.storage.operations.create(new)
    if operation.state == "queued":
        await send(operation)
    return operation


async def start_job(
    new: Operation,
    wanted: tuple[str, ...],
    clients: Clients,
    key: IdempotencyKey | None = None,
    *,
    passes_mode: bool = True,
) -> Operation:
    """As `start`, with the message that `send_job` makes. Raises KeyReused."""
    return await start(new, lambda kept: send_job(kept, wanted, clients, passes_mode=passes_mode), clients, key)


async def send_job(
    operation: Operation, wanted: tuple[str, ...], clients: Clients, *, passes_mode: bool = True
) -> None:
    """Send the message that lets the worker do what *operation* asks for, to the controls *wanted*.

    *passes_mode*: the worker takes it for a person's word, which passes the tenant's mode and the breaker.
    """
    if operation.kind == "check":
        tenant_id, asked_at = operation.tenant_id, operation.created_at
        await _send(CheckTenant(tenant_id=tenant_id, operation_id=operation.id, asked_at=asked_at), operation, clients)
        return
    job = RemediateTenant(
        tenant_id=operation.tenant_id,
        controls=wanted,
        operation_id=operation.id,
        requested_by=operation.requested_by if passes_mode else None,
        asked_at=operation.created_at,
        dry_run=operation.dry_run,
        plan=operation.plan or None,
        undo=operation.entry or None,
        remove=operation.finding or None,
        way_out=operation.kind == "open",
    )
    await _send(job, operation, clients)


async def _send(job: CheckTenant | RemediateTenant, operation: Operation, clients: Clients) -> None:
    """Send *job*, which is kept first, so that it can be sent again where it is lost."""
    until = clients.now() + UNHEARD_FOR
    kept = UnfinishedOperation(operation_id=operation.id, queue=job.queue, body=job.body, heard_until=until)
    await clients.storage.unfinished.keep(kept)
    await clients.storage.queues.send(job)


def _refuse_other(key: IdempotencyKey, claimed: str) -> None:
    if claimed != key.fingerprint:
        raise KeyReused


async def hear(operation_id: str | None, clients: Clients) -> None:
    """A worker is at it: who has no lease any more some time later was cut."""
    if operation_id:
        now = clients.now()
        await clients.storage.unfinished.hear(operation_id, now + UNHEARD_FOR, cut_at=now + CUT_AFTER)


async def hear_of_wait(operation_id: str | None, after: timedelta, clients: Clients) -> None:
    """Its message comes again *after* so long: until some time later nobody takes it for lost."""
    if operation_id:
        await clients.storage.unfinished.hear(operation_id, clients.now() + after + UNHEARD_FOR)


async def is_over(operation_id: str | None, clients: Clients) -> bool:
    """Whether people were told how it ended: a message of it that comes after that does nothing behind their backs."""
    operation = await clients.storage.operations.get(operation_id) if operation_id else None
    return operation is not None and operation.is_over


async def begin(operation_id: str | None, clients: Clients) -> Operation | None:
    """Somebody works on it now, unless it has ended. Returns how it stands."""
    operation = await clients.storage.operations.get(operation_id) if operation_id else None
    if operation is None or operation.state != "queued":
        return operation
    begun = replace(operation, state="running")
    await clients.storage.operations.put(begun)
    return begun


async def add_step(operation_id: str | None, control: str, step: ShownStep, clients: Clients) -> None:
    """Show a step from the moment in which it is sent."""
    operation = await clients.storage.operations.get(operation_id) if operation_id else None
    if operation is None or operation.has_ended:
        return
    outcomes = {each.id: each for each in operation.controls}
    earlier = outcomes.get(control, ControlOutcome(id=control, state="correcting"))
    outcomes[control] = replace(earlier, state="correcting", steps=(*earlier.steps, step))
    await clients.storage.operations.put(replace(operation, controls=tuple(outcomes.values())))


async def finish(
    operation_id: str | None,
    outcomes: tuple[ControlOutcome, ...],
    state: OperationState,
    clients: Clients,
    *,
    goes_on: bool = False,
) -> None:
    """Record how the controls of an operation stand, and whether it has ended with that.

    *goes_on*: its message comes again all the same; what has ended before changes in nothing else.
    """
    operation = await clients.storage.operations.get(operation_id) if operation_id else None
    if operation is None:
        return
    if operation.has_ended:
        if operation.goes_on and not goes_on:
            await clients.storage.operations.put(replace(operation, goes_on=False))
        return
    earlier = {control.id: control for control in operation.controls}
    kept = tuple(_with_steps(new, earlier.get(new.id)) for new in outcomes)
    finished_at = clients.now() if state in ENDED else None
    ended = replace(operation, controls=kept, state=state, finished_at=finished_at, goes_on=goes_on)
    await clients.storage.operations.put(ended)
    if finished_at:
        await clients.storage.unfinished.remove(operation.id)
    if finished_at and clients.storage.ledger.listener:  # a ticket may wait for the answer
        await clients.storage.ledger.listener.announce(operation.tenant_id)


def _with_steps(new: ControlOutcome, earlier: ControlOutcome | None) -> ControlOutcome:
    """A control that was written in an earlier delivery of the job keeps its steps in the record."""
    if earlier is None or new.steps:
        return new
    return replace(new, steps=earlier.steps, drift=new.drift or earlier.drift)


async def fail(operation_id: str | None, reason: str, clients: Clients) -> None:
    """End an operation that could not be worked on at all."""
    await finish(operation_id, (ControlOutcome(id="", state="unknown", detail=reason),), "failed", clients)
