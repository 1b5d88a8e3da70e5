"""The one way to tell the MSP itself that the service needs a person."""

import logging
from datetime import datetime

from clients import log_lines
from clients.connect import Clients
from domain.incident import Incident

log = logging.getLogger("holdfast.operators")


async def tell_operators(incident: Incident, clients: Clients, *, at: datetime | None = None) -> bool:
    """Tell of *incident* by an entry in the service's own ledger, a log line that alert rules read, and a ticket.

    The ticket is one of `own_company`, where a setting of a ticket system names it. It is made as every other: the
    ledger announces the entry, and the notifications queue tries until the ticket system takes it.

    *at*: when it happened, for what may be told again after a crash.

    Returns:
        Whether it was told now; False where it was told before with the same time.
    """
    entry, ledger = incident.entry(at or clients.now()), clients.storage.ledger
    if at and await ledger.get(entry.tenant_id, entry.id):
        return False
    with log_lines.ids(incident=incident.id, kind=incident.kind):
        log.error("incident kind=%s id=%s %s", incident.kind, incident.id, entry.detail)
    await ledger.append(entry, announced=incident.ticketed)
    return True
