"""A person says yes to one plan: exactly that one, and no other."""

import logging

from pydantic import Field

from clients.connect import Clients
from clients.storage.states import TenantStates
from domain.jobs import RemediateTenant
from domain.ledger import Entry
from domain.operations import Operation
from handlers import operations
from handlers.api.asks import tenant
from handlers.api.idempotency import Once, before, operation_id
from handlers.api.problem import Body, Problem, known_control

log = logging.getLogger("holdfast.approvals")


class Approval(Body):
    """What `POST .../approve` takes. *plan*: that of the control's state, as it was shown; null: what waits now."""

    plan: str | None = Field(None, min_length=1, max_length=64)


async def approve(  # noqa: PLR0913, PLR0917 - who says yes to which plan of what, and whether it was said before
    tenant_id: str, control: str, plan: str | None, by: str, clients: Clients, once: Once | None = None
) -> Operation:
    """Let the worker take the steps of *plan* (None: the one that waits at this moment), and of no other.

    The tenant is read again before anything is written. Where that gives another plan, nothing is written and the new
    plan waits.

    Raises:
        Problem: 404 unknown tenant or control; 409 that plan does not wait for approval (any more).
    """
    config = await tenant(tenant_id, clients)
    control = known_control(control)
    states = await clients.storage.states.load(config.tenant_id)
    plan = plan or states.of(control).plan
    if await before(once, clients) is None:  # an earlier one is refused in `_note`, which ends it
        _refuse_other(states, control, plan)
    operation = Operation(
        id=operation_id(once),
        kind="approve",
        tenant_id=config.tenant_id,
        requested_by=by,
        created_at=clients.now(),
        plan=plan,
    )

    async def send(kept: Operation) -> None:
        await _note(kept, control, clients)
        job = RemediateTenant(
            tenant_id=kept.tenant_id,
            controls=(control,),
            operation_id=kept.id,
            requested_by=kept.requested_by,
            asked_at=kept.created_at,
            plan=kept.plan,
        )
        await clients.storage.queues.send(job)
        log.info("approved tenant=%s control=%s plan=%s", kept.tenant_id, control, plan)

    return await operations.start(operation, send, clients, once)


async def _note(operation: Operation, control: str, clients: Clients) -> None:
    """Write the approval down, if its plan is what waits at this very moment; said twice it is written once."""
    entry = Entry(
        at=operation.created_at,
        tenant_id=operation.tenant_id,
        control=control,
        event="approved",
        detail=f"plan {operation.plan}",
        actor=operation.requested_by,
        requested_by=operation.requested_by,
        operation_id=operation.id,
    )

    def noted(states: TenantStates) -> tuple[TenantStates, list[Entry]]:
        _refuse_other(states, control, operation.plan)
        return states, [entry]

    try:
        await clients.storage.states.change(operation.tenant_id, noted)
    except Problem as problem:
        await operations.fail(operation.id, problem.detail, clients)
        raise


def _refuse_other(states: TenantStates, control: str, plan: str) -> None:
    state = states.of(control)
    if state.state != "awaiting_approval":
        raise Problem(409, "Conflict", f"{control} is {state.state}: nothing of it waits for approval")
    if state.plan != plan:
        raise Problem(409, "Conflict", f"body.plan: plan {state.plan} waits for approval now, not {plan}")
