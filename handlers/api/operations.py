"""Operations: how what somebody asked for stands."""

from domain.errors import UnknownOperation
from domain.operations import Operation
from handlers.api.access import as_role
from handlers.api.routing import Neighbours, OperationInPath, router_of
from handlers.on_request import canonical_id

router = router_of("operations")


@router.get("/operations/{operation_id}", **as_role("Reader", 404))
async def get_operation(operation_id: OperationInPath, clients: Neighbours) -> Operation:
    """How a request stands."""
    found = await clients.storage.operations.get(canonical_id(operation_id))
    if found is None:
        raise UnknownOperation(canonical_id(operation_id))
    return found
