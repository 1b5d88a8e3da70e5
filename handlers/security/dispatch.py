"""The queue `alerts`: what a tenant's security services say. Each message names the tenant and which of them."""

from clients import telemetry
from clients.connect import Clients
from domain.jobs import ForeignMessage, ReadAudit, TriageAlerts, parse
from handlers import park
from handlers.security import alerts, audit


async def run(body: bytes, clients: Clients) -> None:
    """Go through the alerts, or read on in the audit feed, of the tenant that *body* names."""
    try:
        job = parse(TriageAlerts, body, ReadAudit)
    except ForeignMessage as foreign:
        await park.foreign("alerts", body, str(foreign), clients)
        return
    with telemetry.working("alerts", job, clients.now()):
        if isinstance(job, ReadAudit):
            await audit.run(job, clients)
        elif isinstance(job, TriageAlerts):
            await alerts.run(job, clients)
