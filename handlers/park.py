"""Keep what could not be worked on, with its content and the reason, where a person sees it."""

from contextlib import suppress

from azure.core.exceptions import AzureError
from pydantic import BaseModel, ValidationError

from clients import telemetry
from clients.connect import Clients
from clients.errors import excerpt
from domain.incident import Incident
from domain.jobs import QueueName
from domain.ledger import Entry
from domain.tenant import TenantId
from handlers import operations
from handlers.loop.undo import withdraw
from handlers.operators import tell_operators

UNTELLABLE: QueueName = "notifications"
"""A parked notification makes no entry in its tenant's ledger, and no ticket: it would itself have to be notified."""


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


async def kept(source: str, tenant_id: str | None, content: bytes, reason: str, clients: Clients) -> None:
    """Keep *content*, which came from *source* for a tenant, as it came; once, however often it comes.

    When a worker died after it kept the content, the next delivery tells the operators.
    """
    now = clients.now()
    at = await clients.storage.parked.add(source, content, reason, now) or now
    if tenant_id and source != UNTELLABLE:
        await clients.storage.ledger.append(Entry(at=at, tenant_id=tenant_id, event="parked", detail=reason))
    incident = Incident(
        id=f"parked-{source}",
        kind="parked",
        summary=f"what came from '{source}' could not be worked on",
        detail=f"{reason} (tenant {tenant_id or 'unknown'})",
        ticketed=source != UNTELLABLE,
    )
    if await tell_operators(incident, clients, at=at):
        telemetry.PARKED.add(1, {"queue": source})


async def _park(queue: QueueName, body: bytes, reason: str, clients: Clients) -> None:
    named = _named_in(body)
    await kept(queue, named.tenant_id, body, f"a message on '{queue}': {reason}", clients)
    await withdraw(named.operation_id, f"parked: {reason}", clients)
    await operations.fail(named.operation_id, f"parked: {reason}", clients)


class _Named(BaseModel):
    """Whom a message is about, as far as that can be made out."""

    tenant_id: TenantId | None = None
    operation_id: str | None = None


def _named_in(body: bytes) -> _Named:
    try:
        return _Named.model_validate_json(body)
    except ValidationError:
        return _Named()
