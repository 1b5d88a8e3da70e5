"""Send what the ledger says to the one receiver of events: in order, from where it stands, until it takes no more."""

import logging
from datetime import timedelta

from clients.connect import Clients
from clients.errors import Unreachable
from clients.notify.events import EventsTarget, send_event
from clients.storage.rows import ANY, RowMoved
from domain.events import Position, event_of
from domain.incident import SERVICE
from domain.jobs import Notify
from domain.ledger import Entry

log = logging.getLogger("holdfast.events")

_PAGE = 200
_FIRST_LOOK = timedelta(hours=1)
"""A ledger that is new to the receiver is sent from what happened so long ago."""


async def send_events(ledger: str, clients: Clients) -> bool:
    """Send the events of *ledger*, under its lease. Returns whether all are sent."""
    target = clients.settings.events
    if target is None or ledger == SERVICE:
        return True
    try:
        return await _send_all(target, ledger, clients)
    except RowMoved:
        log.info("replay_begun ledger=%s", ledger)
        return False


async def _send_all(target: EventsTarget, ledger: str, clients: Clients) -> bool:
    """Raises RowMoved where somebody has asked for another position meanwhile: from there the next worker goes on."""
    table = clients.storage.notices
    position, version = await table.position(ledger) or (await _first(ledger, clients), None)
    while True:
        rows, _ = await clients.storage.chains.page(ledger, position.sequence, _PAGE)
        for row in rows:
            entry = await clients.storage.ledger.readable(ledger, row.link.id)
            if entry and not await _sent(target, entry, row.link.sequence, clients):
                return False
            position = Position(row.link.sequence)
            if entry and event_of(entry, row.link.sequence):
                version = await table.put_position(ledger, position, version)
        if len(rows) < _PAGE:
            await table.put_position(ledger, position, version)
            return True


async def _sent(target: EventsTarget, entry: Entry, sequence: int, clients: Clients) -> bool:
    event = event_of(entry, sequence)
    if event is None:
        return True
    try:
        await send_event(target, event, clients.web, clients.now())
    except Unreachable as error:
        log.warning("event_unsent ledger=%s position=%d %s", entry.tenant_id, sequence, error)
        return False
    return True


async def _first(ledger: str, clients: Clients) -> Position:
    """The place before the first entry of the last hour, or the end of the chain."""
    for entry in await clients.storage.ledger.readable_since(ledger, clients.now() - _FIRST_LOOK):
        if place := await clients.storage.chains.sequence_of(ledger, entry.id):
            return Position(place - 1)
    head = await clients.storage.chains.heads.get(ledger)
    return Position(head.place.sequence if head else 0)


async def replay(ledger: str, after: int, clients: Clients) -> None:
    """Have the events behind place *after* sent again; the receiver knows them by their ids.

    A worker that sends at this moment finds its position moved, and leaves the rest to who begins there.
    """
    await clients.storage.notices.put_position(ledger, Position(after), ANY)
    await clients.storage.notices.unsent.make(ledger, clients.now())
    await clients.storage.queues.send(Notify(tenant_id=ledger, asked_at=clients.now()))
