"""Keep an operation's record up to date; a job without one is nobody's request and needs none."""

from collections.abc import Awaitable, Callable

from clients.connect import Clients
from domain.operations import ControlOutcome, Operation, OperationState

ENDED: frozenset[OperationState] = frozenset({"succeeded", "held", "needs_person", "failed"})


async def start(operation: Operation, send: Callable[[], Awaitable[None]], clients: Clients) -> None:
    """Keep *operation* where its caller can follow it, then *send* the message that does the work."""
    await clients.storage.operations.put(operation)
    await send()


async def finish(
    operation_id: str | None, outcomes: tuple[ControlOutcome, ...], state: OperationState, clients: Clients
) -> None:
    """Record how the controls of an operation stand, and whether it has ended with that."""
    operation = await clients.storage.operations.get(operation_id) if operation_id else None
    if operation is None or operation.state == "failed":
        return
    earlier = {control.id: control for control in operation.controls}
    kept = tuple(_with_steps(new, earlier.get(new.id)) for new in outcomes)
    finished_at = clients.now() if state in ENDED else None
    update = {"controls": kept, "state": state, "finished_at": finished_at}
    await clients.storage.operations.put(operation.model_copy(update=update))


def _with_steps(new: ControlOutcome, earlier: ControlOutcome | None) -> ControlOutcome:
    """A control that was written in an earlier delivery of the job keeps its steps in the record."""
    if earlier is None or new.steps:
        return new
    return new.model_copy(update={"steps": earlier.steps, "drift": new.drift or earlier.drift})


async def reason(operation_id: str | None, clients: Clients) -> str:
    """What the person who asked gave as reason; messages do not carry it, as they are small."""
    operation = await clients.storage.operations.get(operation_id) if operation_id else None
    return operation.reason if operation else ""


async def fail(operation_id: str | None, reason: str, clients: Clients) -> None:
    """End an operation that could not be worked on at all."""
    await finish(operation_id, (ControlOutcome(id="", state="unknown", detail=reason),), "failed", clients)
