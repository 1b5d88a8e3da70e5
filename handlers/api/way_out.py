"""The way out of a lock that stops a company's mail."""

from typing import Annotated

from fastapi import Response

from handlers import leaving, on_request
from handlers.api.access import as_role, in_progress
from handlers.api.routing import FromRequester, Neighbours, Strict, TenantInPath, accepted, example, router_of
from handlers.leaving import Leaving
from handlers.on_request import OpenRequest

router = router_of("way out")


@router.post("/tenants/{tenant_id}/open", **in_progress("Operator", 400, 404, 409, 415))
async def post_open(
    tenant_id: TenantInPath,
    requester: FromRequester,
    clients: Neighbours,
    wish: Annotated[OpenRequest, Strict, example({"reason": "mail is being refused", "until": "2027-01-31T00:00:00Z"})],
) -> Response:
    """Loosen every restricting connector now, and hold the lock open until a date."""
    return accepted(await on_request.open_tenant(tenant_id, wish, requester, clients))


@router.get("/tenants/{tenant_id}/leaving", **as_role("Reader", 404))
async def get_leaving(tenant_id: TenantInPath, clients: Neighbours) -> Leaving:
    """What is to be done before the tenant is forgotten, in the safe order."""
    return await leaving.leaving_of(tenant_id, clients)
