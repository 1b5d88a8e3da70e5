"""A person says yes to one plan: exactly the one that was shown, and no other."""

import logging
from uuid import uuid4

from pydantic import Field

from clients.connect import Clients
from clients.storage.states import StatesMoved
from domain.jobs import RemediateTenant
from domain.ledger import Entry
from domain.operations import Operation
from domain.states import ControlState
from handlers import operations
from handlers.api import tenant
from handlers.problem import Body, Problem, known_control, parsed

log = logging.getLogger("holdfast.approvals")


class Approval(Body):
    """What `POST .../approve` takes. *plan*: the `plan` of the control's state, as it was shown."""

    plan: str = Field(min_length=1, max_length=64)


async def post_approve(tenant_id: str, control: str, body: bytes, by: str, clients: Clients) -> Operation:
    return await approve(tenant_id, control, parsed(Approval, body).plan, by, clients)


async def approve(tenant_id: str, control: str, plan: str, by: str, clients: Clients) -> Operation:
    """Let the worker take the steps of *plan*, and of no other.

    The tenant is read again before anything is written. Where that gives another plan, nothing is written and the new
    plan waits.

    Raises:
        Problem: 404 unknown tenant or control; 409 that plan does not wait for approval (any more).
    """
    config = await tenant(tenant_id, clients)
    now = clients.now()
    operation = Operation(
        id=str(uuid4()), kind="approve", tenant_id=config.tenant_id, requested_by=by, created_at=now, plan=plan
    )
    entry = Entry(
        at=now,
        tenant_id=config.tenant_id,
        control=known_control(control),
        event="approved",
        detail=f"plan {plan}",
        actor=by,
        requested_by=by,
        operation_id=operation.id,
    )
    state = await _note(entry, plan, clients)
    job = RemediateTenant(
        tenant_id=config.tenant_id,
        controls=(state.id,),
        operation_id=operation.id,
        requested_by=by,
        asked_at=now,
        plan=plan,
    )
    await operations.start(operation, lambda: clients.storage.queues.remediate(job), clients)
    log.info("approved tenant=%s control=%s plan=%s", config.tenant_id, control, plan)
    return operation


async def _note(entry: Entry, plan: str, clients: Clients) -> ControlState:
    """Write the approval down, if *plan* is what waits at this very moment."""
    while True:
        states = await clients.storage.states.load(entry.tenant_id)
        state = states.of(entry.control)
        if state.state != "awaiting_approval":
            raise Problem(409, "Conflict", f"{state.id} is {state.state}: nothing of it waits for approval")
        if state.plan != plan:
            raise Problem(409, "Conflict", f"plan: plan {state.plan} waits for approval now, not {plan}")
        try:
            await clients.storage.states.save(entry.tenant_id, states, [entry])
        except StatesMoved:
            continue
        return state
