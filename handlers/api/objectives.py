"""How the service's own objectives stand."""

from domain.objectives import ObjectiveHealth
from handlers.api.access import as_role
from handlers.api.routing import Neighbours, router_of
from handlers.objectives import objectives_health

router = router_of("objectives")


@router.get("/objectives", **as_role("Reader"))
async def list_objectives(clients: Neighbours) -> tuple[ObjectiveHealth, ...]:
    """How soon drift is seen and proven put back, over 30 days, with what is left of the error budget."""
    return await objectives_health(clients)
