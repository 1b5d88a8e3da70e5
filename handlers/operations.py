"""Keep an operation's record up to date; a job that no caller asked for has none."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from clients.connect import Clients
from domain.operations import ControlOutcome, Operation, OperationState
from domain.steps import ShownStep
from handlers.api.idempotency import Once, claim

ENDED: frozenset[OperationState] = frozenset({"succeeded", "held", "needs_person", "failed"})


async def start(
    new: Operation, send: Callable[[Operation], Awaitable[None]], clients: Clients, once: Once | None = None
) -> Operation:
    """Keep *new* where its caller can follow it, then *send* the message that does the work.

    Where the same request came before, its operation is the one; the message is sent again while no worker has taken
    it up, because the first sender may have died between the two. A second message does no harm.

    Raises:
        Problem: 409, the key was used for another request.
    """
    await claim(once, clients)
    operation = await clients.storage.operations.create(new)
    if operation.state == "queued":
        await send(operation)
    return operation


async def begin(operation_id: str | None, clients: Clients) -> None:
    """Somebody works on it now."""
    operation = await clients.storage.operations.get(operation_id) if operation_id else None
    if operation and operation.state == "queued":
        await clients.storage.operations.put(replace(operation, state="running"))


async def add_step(operation_id: str | None, control: str, step: ShownStep, clients: Clients) -> None:
    """Show a step from the moment in which it is sent."""
    operation = await clients.storage.operations.get(operation_id) if operation_id else None
    if operation is None or operation.state in ENDED:
        return
    outcomes = {each.id: each for each in operation.controls}
    earlier = outcomes.get(control, ControlOutcome(id=control, state="correcting"))
    outcomes[control] = replace(earlier, state="correcting", steps=(*earlier.steps, step))
    await clients.storage.operations.put(replace(operation, controls=tuple(outcomes.values())))


async def finish(
    operation_id: str | None, outcomes: tuple[ControlOutcome, ...], state: OperationState, clients: Clients
) -> None:
    """Record how the controls of an operation stand, and whether it has ended with that."""
    operation = await clients.storage.operations.get(operation_id) if operation_id else None
    if operation is None or operation.state in ENDED:
        return
    earlier = {control.id: control for control in operation.controls}
    kept = tuple(_with_steps(new, earlier.get(new.id)) for new in outcomes)
    finished_at = clients.now() if state in ENDED else None
    ended = replace(operation, controls=kept, state=state, finished_at=finished_at)
    await clients.storage.operations.put(ended)
    if finished_at and clients.storage.ledger.listener:  # a ticket may wait for the answer
        await clients.storage.ledger.listener.announce(operation.tenant_id)


def _with_steps(new: ControlOutcome, earlier: ControlOutcome | None) -> ControlOutcome:
    """A control that was written in an earlier delivery of the job keeps its steps in the record."""
    if earlier is None or new.steps:
        return new
    return replace(new, steps=earlier.steps, drift=new.drift or earlier.drift)


async def reason(operation_id: str | None, clients: Clients) -> str:
    """What the person who asked gave as reason; messages do not carry it, as they are small."""
    operation = await clients.storage.operations.get(operation_id) if operation_id else None
    return operation.reason if operation else ""


async def fail(operation_id: str | None, reason: str, clients: Clients) -> None:
    """End an operation that could not be worked on at all."""
    await finish(operation_id, (ControlOutcome(id="", state="unknown", detail=reason),), "failed", clients)
