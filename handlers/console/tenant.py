"""The page of one tenant, and its forms: what is wanted and found, what can be done, what happened."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import HTTPException, Query, Request, Response

from clients.connect import Clients
from domain.fleet_index import WORST_FIRST
from domain.ledger import ENTRY_ID, Entry
from domain.lock import NOT_PROVEN
from domain.operations import Operation
from domain.states import ControlState
from handlers import findings, on_request
from handlers.api import ledger, readiness
from handlers.api.routing import Neighbours
from handlers.console.actions import DEEDS
from handlers.console.web import SentForm, render_page, require_role, router, see
from handlers.on_request import known_tenant

tenant_pages = router()

ENTRIES = 50
"""Ledger entries on a tenant's page."""

LONGEST_OPERATION_WAIT_S = 30


@tenant_pages.get("/tenants/{tenant_id}")
async def tenant_page(
    request: Request,
    tenant_id: str,
    clients: Neighbours,
    after: Annotated[str, Query(max_length=100)] = "",
) -> Response:
    """How each control stands, the open findings, and the newest of what happened."""
    config = await known_tenant(tenant_id, clients)
    state = await ledger.get_state(tenant_id, clients)
    entries = await clients.storage.ledger.page(config.tenant_id, after=after, limit=ENTRIES + 1)
    found = await findings.findings_of(tenant_id, clients)
    now = clients.now()
    kept = (await clients.storage.states.load(config.tenant_id)).controls
    return render_page(
        request,
        "tenant.html",
        title=config.name,
        tenant=config,
        state=state,
        controls=sorted(state.controls, key=lambda each: WORST_FIRST.index(each.state)),
        findings=found,
        entries=entries[:ENTRIES],
        older=entries[ENTRIES - 1].id if len(entries) > ENTRIES else "",
        next_steps={each.id: _next(kept.get(each.id), now) for each in state.controls},
        data=f"/api/tenants/{config.tenant_id}/state",
        undoable=on_request.UNDOABLE,
        not_proven=NOT_PROVEN,
    )


def _next(state: ControlState | None, now: datetime) -> str:
    """What will be done next about a control, and when."""
    if state is None or state.state in {"compliant", "not_applicable", "excepted"}:
        return ""
    due = [each.due_at for each in state.memories.values() if each.due_at and each.due_at > now]
    if state.corrections:
        return "it is read again until the change shows"
    if due:
        return f"tried again at {min(due):%Y-%m-%d %H:%M} UTC"
    return {
        "awaiting_approval": "nothing before somebody approves it",
        "needs_person": "nothing before a person has done it; it is looked at as usual",
        "held": "as soon as the gate lets it pass",
        "drifted": "put back by the next remediation",
    }.get(state.state, "read again at the next look")


@tenant_pages.get("/tenants/{tenant_id}/readiness")
async def readiness_page(request: Request, tenant_id: str, clients: Neighbours) -> Response:
    """What the tenant has granted and what is missing, with the commands that mend it."""
    config = await known_tenant(tenant_id, clients)
    seen = await readiness.look(tenant_id, clients)
    return render_page(request, "readiness.html", title=f"Readiness of {config.name}", tenant=config, readiness=seen)


@tenant_pages.get("/tenants/{tenant_id}/do/{action}")
async def confirm_page(  # noqa: PLR0913 - a query parameter each
    *,
    request: Request,
    tenant_id: str,
    action: str,
    clients: Neighbours,
    control: Annotated[str, Query(max_length=64)] = "",
    finding: Annotated[str, Query(max_length=64)] = "",
    entry: Annotated[str, Query(max_length=128)] = "",
) -> Response:
    """What would be done, before it is confirmed."""
    config = await known_tenant(tenant_id, clients)
    if action not in DEEDS:
        raise HTTPException(404, "there is no such action")
    state = None
    if control:
        states = await clients.storage.states.load(config.tenant_id)
        state = states.of(on_request.known_control(control))
    found = next((each for each in await findings.findings_of(tenant_id, clients) if each.id == finding), None)
    if state and found and found.held and action == "approve":
        state = replace(
            state, state="held", detail=found.held.why, drift=(), steps=found.held.steps, plan=found.held.plan
        )
    written = await clients.storage.ledger.get(config.tenant_id, entry) if ENTRY_ID.fullmatch(entry) else None
    return render_page(
        request,
        "confirm.html",
        title=f"{action.capitalize()}: {config.name}",
        tenant=config,
        action=action,
        control=state,
        finding=found,
        entry=written,
        until=f"{clients.now() + timedelta(days=30):%Y-%m-%d}",
        role=DEEDS[action][0],
    )


@tenant_pages.post("/tenants/{tenant_id}/do/{action}")
async def do(tenant_id: str, action: str, form: SentForm, clients: Neighbours) -> Response:
    """Do what the person has confirmed."""
    if action not in DEEDS:
        raise HTTPException(404, "there is no such action")
    role, deed = DEEDS[action]
    require_role(form.session, role)
    operation = await deed(tenant_id, form, clients)
    config = await known_tenant(tenant_id, clients)
    where = form.text("control") or "findings"  # where the answer now stands, with what takes it back
    return see(f"/operations/{operation.id}" if operation else f"/tenants/{config.tenant_id}#{where}")


@tenant_pages.get("/operations/{operation_id}")
async def operation_page(request: Request, operation_id: str, clients: Neighbours) -> Response:
    """One operation, followed live; the longer it takes, the less often the page asks."""
    found = await clients.storage.operations.get(on_request.canonical_id(operation_id))
    if found is None:
        raise HTTPException(404, "there is no such operation")
    config = await clients.storage.tenants.get(found.tenant_id)
    age_s = (clients.now() - found.created_at).total_seconds()
    return render_page(
        request,
        "operation.html",
        title=f"Operation: {found.kind}",
        operation=found,
        tenant=config,
        written=await _written(found, clients) if found.finished_at else [],
        wait_s=0 if found.finished_at else max(1, min(LONGEST_OPERATION_WAIT_S, round(age_s / 4))),
        data=f"/api/operations/{found.id}",
    )


async def _written(operation: Operation, clients: Clients) -> list[Entry]:
    """The entries of what an operation wrote, each of which can be undone."""
    told = await clients.storage.ledger.events(operation.tenant_id, operation.created_at, *on_request.UNDOABLE)
    own = [each for each in told if each.operation_id == operation.id and each.steps]
    return [each for each in own if each.id not in {other.of for other in own}]
