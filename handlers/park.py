"""Keep what could not be worked on, with its content and the reason, where a person sees it."""

import json
import logging

from pydantic import TypeAdapter, ValidationError

from clients.connect import Clients
from domain.ledger import Entry
from domain.tenant import TenantId

log = logging.getLogger("holdfast.park")

_TENANT_ID: TypeAdapter[str] = TypeAdapter(TenantId)


async def foreign(queue: str, body: bytes, reason: str, clients: Clients) -> None:
    """Park a message that is not one of ours: trying again would not make it one."""
    await _park(queue, body, reason, clients)


async def run(queue: str, body: bytes, clients: Clients) -> None:
    """Park a message that the platform gave up on and moved to `<queue>-poison`."""
    await _park(queue, body, "gave up after the attempts that host.json allows; the log has the last error", clients)


async def _park(queue: str, body: bytes, reason: str, clients: Clients) -> None:
    now = clients.now()
    await clients.storage.parked.add(queue, body, reason, now)
    tenant_id = _tenant_of(body)
    if tenant_id:
        entry = Entry(at=now, tenant_id=tenant_id, event="parked", detail=f"a message on '{queue}': {reason}")
        await clients.storage.ledger.append(entry)
    log.error("parked queue=%s tenant=%s reason=%s", queue, tenant_id or "unknown", reason)


def _tenant_of(body: bytes) -> str | None:
    """The tenant that the message names, if it can be made out."""
    try:
        return _TENANT_ID.validate_python(json.loads(body)["tenant_id"])
    except (ValueError, KeyError, TypeError, ValidationError):
        return None
