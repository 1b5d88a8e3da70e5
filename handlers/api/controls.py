"""What people ask of a tenant's controls: check, reprovision, approve, except, undo."""

from typing import Annotated

from fastapi import Response

from domain.exemption import Exemption
from handlers import exemptions, on_request
from handlers.api.access import as_role, in_progress
from handlers.api.routing import (
    CallerName,
    ControlInPath,
    FromRequester,
    Neighbours,
    Strict,
    TenantInPath,
    accepted,
    example,
    router_of,
)
from handlers.exemptions import ExemptionRequest
from handlers.on_request import ApprovalRequest, ReprovisionRequest, UndoRequest

router = router_of("controls")

_EVERYTHING, _WHAT_WAITS = ReprovisionRequest(), ApprovalRequest()
"""What a request without a body asks for."""


@router.post("/tenants/{tenant_id}/check", **in_progress("Operator", 404, 409))
async def post_check(tenant_id: TenantInPath, requester: FromRequester, clients: Neighbours) -> Response:
    """Look at a tenant now."""
    return accepted(await on_request.check(tenant_id, requester, clients))


@router.post("/tenants/{tenant_id}/reprovision", **in_progress("Operator", 400, 404, 409, 415))
async def post_reprovision(
    tenant_id: TenantInPath,
    requester: FromRequester,
    clients: Neighbours,
    wish: Annotated[
        ReprovisionRequest,
        Strict,
        example({"controls": ["inbound-lockdown"], "dry_run": True, "reason": "ticket 4711"}),
    ] = _EVERYTHING,
) -> Response:
    """Put a tenant's documented settings back now, or show the steps that would."""
    return accepted(await on_request.reprovision(tenant_id, wish, requester, clients))


@router.post("/tenants/{tenant_id}/controls/{control}/approve", **in_progress("Approver", 400, 404, 409, 415))
async def post_approve(
    tenant_id: TenantInPath,
    control: ControlInPath,
    requester: FromRequester,
    clients: Neighbours,
    wish: Annotated[ApprovalRequest, Strict, example({"plan": "3f6c1f0a9b7d2e45"})] = _WHAT_WAITS,
) -> Response:
    """Take the steps of the plan that was shown, if it is still what the tenant needs."""
    return accepted(await on_request.approve(tenant_id, control, wish, requester, clients))


@router.post("/tenants/{tenant_id}/controls/{control}/except", **as_role("Approver", 400, 404, 415))
async def post_except(
    tenant_id: TenantInPath,
    control: ControlInPath,
    caller: CallerName,
    clients: Neighbours,
    wish: Annotated[
        ExemptionRequest,
        Strict,
        example({"reason": "migration", "owner": "ann@msp.example", "until": "2027-01-31T00:00:00Z"}),
    ],
) -> Exemption:
    """Accept a control's drift until a date."""
    return await exemptions.accept(tenant_id, control, wish, caller, clients)


@router.delete("/tenants/{tenant_id}/controls/{control}/except", status_code=204, **as_role("Approver", 404))
async def delete_except(
    tenant_id: TenantInPath, control: ControlInPath, caller: CallerName, clients: Neighbours
) -> None:
    """Accept a control's drift no longer."""
    await exemptions.end(tenant_id, control, caller, clients)


@router.post("/tenants/{tenant_id}/controls/{control}/undo", **in_progress("Approver", 400, 404, 409, 415))
async def post_undo(
    tenant_id: TenantInPath,
    control: ControlInPath,
    requester: FromRequester,
    clients: Neighbours,
    wish: Annotated[
        UndoRequest,
        Strict,
        example({"entry": "8234123412341234-corrected-inbound-lockdown", "reason": "mail of the scanner stopped"}),
    ],
) -> Response:
    """Put back what one ledger entry found, and accept it for a while."""
    return accepted(await on_request.undo_entry(tenant_id, control, wish, requester, clients))
