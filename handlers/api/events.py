"""Events out: their schema, how far they were sent, and sending them again from a position of the ledger."""

from typing import Annotated, Any

from pydantic import Field

from clients.notify.events import EVENTS
from domain.errors import NotConfigured
from handlers import events
from handlers.api.access import as_role
from handlers.api.routing import Neighbours, Strict, TenantInPath, example, router_of
from handlers.on_request import RequestBody, known_tenant

router = router_of("events")


class ReplayRequest(RequestBody):
    """*after*: the place in the tenant's chain behind which events are sent again; 0 means from the beginning."""

    after: int = Field(ge=0, le=10**11)


@router.get("/events/schema", **as_role("Reader"))
async def get_events_schema() -> dict[str, Any]:
    """The JSON Schema of an event."""
    return EVENTS.json_schema(mode="serialization")


@router.post("/tenants/{tenant_id}/events/replay", status_code=202, **as_role("Admin", 400, 404, 409, 415))
async def post_replay(
    tenant_id: TenantInPath, wish: Annotated[ReplayRequest, Strict, example({"after": 0})], clients: Neighbours
) -> None:
    """Send a tenant's events again, in order, from a position of its ledger."""
    config = await known_tenant(tenant_id, clients)
    if clients.settings.events is None:
        raise NotConfigured("HOLDFAST_EVENTS: is not set, so there is nobody to send events to")
    await events.replay(config.tenant_id, wish.after, clients)
