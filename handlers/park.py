"""Park a message that could not be worked on, and end the operation that it was part of."""

from contextlib import suppress

from azure.core.exceptions import AzureError
from pydantic import BaseModel, ValidationError

from clients.connect import Clients
from clients.errors import excerpt
from domain.jobs import QueueName
from domain.tenant import TenantId
from handlers import parked
from handlers.unfinished import end_unworked


async def foreign(queue: QueueName, body: bytes, reason: str, clients: Clients) -> None:
    """Park a message that is not one of ours: trying again would not make it one."""
    await _park(queue, body, reason, clients)


async def given_up(queue: QueueName, body: bytes, clients: Clients) -> None:
    """Park a message that the platform gave up on and moved to `<queue>-poison`."""
    last = await clients.storage.parked.last_error(queue, body)
    said = f"the last error was {last}" if last else "no attempt came to an end: the workers died, or were cut"
    await _park(queue, body, f"gave up after the attempts that host.json allows; {said}", clients)


async def note_error(queue: QueueName, body: bytes, error: Exception, clients: Clients) -> None:
    """Keep how an attempt at a message failed: it may be the last one, and the platform hands on no reason."""
    with suppress(AzureError):  # the storage account itself may be what failed
        said = excerpt(f"{type(error).__name__}: {error}")
        await clients.storage.parked.note_error(queue, body, said, clients.now())


async def _park(queue: QueueName, body: bytes, reason: str, clients: Clients) -> None:
    named = _named_in(body)
    await parked.kept(queue, named.tenant_id, body, f"a message on '{queue}': {reason}", clients)
    await end_unworked(named.operation_id, f"parked: {reason}", clients)


class _Named(BaseModel):
    """Whom a message is about, as far as that can be made out."""

    tenant_id: TenantId | None = None
    operation_id: str | None = None


def _named_in(body: bytes) -> _Named:
    try:
        return _Named.model_validate_json(body)
    except ValidationError:
        return _Named()
