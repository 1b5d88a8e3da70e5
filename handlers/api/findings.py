"""What only a person can judge in a tenant, and the two answers to it."""

from typing import Annotated

from fastapi import Path, Response

from domain.tenant import Declaration
from handlers import findings
from handlers.api.access import as_role, in_progress
from handlers.api.routing import (
    CallerName,
    FromRequester,
    Neighbours,
    Strict,
    TenantInPath,
    accepted,
    example,
    router_of,
)
from handlers.findings import DeclarationRequest, RemovalRequest, ShownFinding

router = router_of("findings")

FindingInPath = Annotated[str, Path(alias="finding", json_schema_extra={"examples": ["3f6c1f0a9b7d2e45"]})]

_TAKE_IT_AWAY = RemovalRequest()
"""What a request without a body asks for."""


@router.get("/tenants/{tenant_id}/findings", **as_role("Reader", 404))
async def get_findings(tenant_id: TenantInPath, clients: Neighbours) -> list[ShownFinding]:
    """What was there at first sight, or came up since, and only a person can judge."""
    return await findings.findings_of(tenant_id, clients)


@router.post("/tenants/{tenant_id}/findings/{finding}/declare", **as_role("Approver", 400, 404, 415))
async def post_declare(
    tenant_id: TenantInPath,
    finding: FindingInPath,
    caller: CallerName,
    clients: Neighbours,
    wish: Annotated[
        DeclarationRequest,
        Strict,
        example({"reason": "the copier on floor 2", "owner": "ann@msp.example", "until": "2027-01-31T00:00:00Z"}),
    ],
) -> Declaration:
    """Vouch for a finding until a date: it becomes part of the tenant's config."""
    return await findings.declare(tenant_id, finding, wish, caller, clients)


@router.post("/tenants/{tenant_id}/findings/{finding}/remove", **in_progress("Approver", 400, 404, 409, 415))
async def post_remove(
    tenant_id: TenantInPath,
    finding: FindingInPath,
    requester: FromRequester,
    clients: Neighbours,
    wish: Annotated[RemovalRequest, Strict, example({"reason": "nobody knows it", "dry_run": True})] = _TAKE_IT_AWAY,
) -> Response:
    """Take a finding away by exact steps, which undo puts back; `dry_run` shows them."""
    return accepted(await findings.remove(tenant_id, finding, wish, requester, clients))
