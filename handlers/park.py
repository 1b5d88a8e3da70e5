"""Keep what could not be worked on, with its content and the reason, where a person sees it."""

import logging

from pydantic import BaseModel, ValidationError

from clients.connect import Clients
from domain.ledger import Entry
from domain.tenant import TenantId
from handlers import operations

log = logging.getLogger("holdfast.park")


async def foreign(queue: str, body: bytes, reason: str, clients: Clients) -> None:
    """Park a message that is not one of ours: trying again would not make it one."""
    await _park(queue, body, reason, clients)


async def run(queue: str, body: bytes, clients: Clients) -> None:
    """Park a message that the platform gave up on and moved to `<queue>-poison`."""
    await _park(queue, body, "gave up after the attempts that host.json allows; the log has the last error", clients)


async def _park(queue: str, body: bytes, reason: str, clients: Clients) -> None:
    now, named = clients.now(), _named_in(body)
    if await clients.storage.parked.add(queue, body, reason, now) and named.tenant_id:
        detail = f"a message on '{queue}': {reason}"
        await clients.storage.ledger.append(Entry(at=now, tenant_id=named.tenant_id, event="parked", detail=detail))
    await operations.fail(named.operation_id, f"parked: {reason}", clients)
    log.error("parked queue=%s tenant=%s reason=%s", queue, named.tenant_id or "unknown", reason)


class _Named(BaseModel):
    """Whom a message is about, as far as that can be made out."""

    tenant_id: TenantId | None = None
    operation_id: str | None = None


def _named_in(body: bytes) -> _Named:
    try:
        return _Named.model_validate_json(body)
    except ValidationError:
        return _Named()
