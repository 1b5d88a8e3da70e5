"""Keep what could not be worked on, with its content and the reason, where a person sees it."""

from clients import telemetry
from clients.connect import Clients
from domain.incident import Incident
from domain.jobs import QueueName
from domain.ledger import Entry
from handlers.operators import tell_operators

UNTELLABLE: QueueName = "notifications"
"""A parked notification makes no entry in its tenant's ledger, and no ticket: it would itself have to be notified."""


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
