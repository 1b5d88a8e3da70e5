"""Whether the service can work; the one endpoint that answers anybody."""

from typing import Literal

from fastapi import Response
from pydantic import BaseModel, ConfigDict

from handlers.api.problems import documented, problem
from handlers.api.routing import Configured, Neighbours, router_of

router = router_of("health")


class Health(BaseModel):
    """The service's own storage answers, and somebody can call the API."""

    model_config = ConfigDict(frozen=True)

    status: Literal["ok"] = "ok"


@router.get("/health", name="health", response_model=Health, responses=documented(413, 422, 503))
async def health(clients: Neighbours, settings: Configured) -> Health | Response:
    """Whether the service can work."""
    await clients.storage.switches.brake()
    if not settings.api_keys() and not settings.api_audience:
        return problem(503, "HOLDFAST_KEYS: is empty, and HOLDFAST_API_AUDIENCE too: nobody can call the API")
    return Health()
