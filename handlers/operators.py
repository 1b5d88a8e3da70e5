"""The one way to tell the MSP itself that the service needs a person."""

import logging
from datetime import datetime, timedelta

from clients import log_lines
from clients.connect import Clients
from domain.incident import SERVICE, Incident, service_entry, since_begun
from domain.ledger import Entry

log = logging.getLogger("holdfast.operators")

HEARD_WITHIN = timedelta(days=90)
"""An incident of which nothing was heard for so long is over."""


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


async def tell_unless_open(incident: Incident, clients: Clients) -> None:
    """As `tell_operators`, unless nobody has ended what was told of it before."""
    if incident.id not in await open_incidents(clients):
        await tell_operators(incident, clients)


async def told_incidents(clients: Clients) -> dict[str, list[Entry]]:
    """What was lately said of each incident, by id, oldest first; an odd entry keeps nobody from the others."""
    ledger, since = clients.storage.ledger, clients.now() - HEARD_WITHIN
    entries = await ledger.readable_events(SERVICE, since, "incident", "incident_taken", "incident_ended")
    found = dict[str, list[Entry]]()
    for entry in reversed(entries):
        found.setdefault(entry.control, []).append(entry)
    return found


async def open_incidents(clients: Clients) -> dict[str, list[Entry]]:
    """The incidents that nobody has ended, by id, each with its entries since it last began, oldest first."""
    told = {incident: since_begun(entries) for incident, entries in (await told_incidents(clients)).items()}
    return {incident: entries for incident, entries in told.items() if entries}


async def end_incident(incident_id: str, detail: str, clients: Clients, *, by: str = "holdfast") -> bool:
    """Say that an incident is over. False: it was over, or there was none."""
    if incident_id not in await open_incidents(clients):
        return False
    ended = service_entry("incident_ended", clients.now(), control=incident_id, detail=detail, by=by)
    await clients.storage.ledger.append(ended)
    return True
