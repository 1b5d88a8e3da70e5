"""Every operation ends: one that nothing works on any more is sent once more, and the next time it ends as lost.

A queue that was cleared, or a message that died with its worker, leaves an operation that nobody would ever end. Its
message names what to look at, so a second one beside a first that was only slow does no harm.
"""

import logging

from clients.connect import Clients
from clients.storage.unfinished import UnfinishedOperation
from domain.ledger import Entry
from domain.operations import LOST, UNHEARD_FOR, ControlOutcome, Operation
from handlers import operations
from handlers.isolation import isolated

log = logging.getLogger("holdfast.unfinished")

MOST_A_LOOK = 100
"""Of more the next look takes up the others; what cannot be taken up does not count, and stays."""


async def take_up_unheard(clients: Clients) -> None:
    """Send again what nothing works on, and end what was sent again before: each by itself."""
    taken_up = 0
    async for each in clients.storage.unfinished.unheard(clients.now()):
        taken_up += await isolated(f"operation {each.operation_id}", _take_up(each, clients))
        if taken_up == MOST_A_LOOK:
            return


async def _take_up(unheard: UnfinishedOperation, clients: Clients) -> None:
    operation = await clients.storage.operations.get(unheard.operation_id)
    if operation is None or operation.has_ended:  # a worker died before it had said so
        await clients.storage.unfinished.give_up(unheard)
    elif unheard.sent_again or (operation.until and operation.until < clients.now()):  # nobody wants it late
        if await clients.storage.unfinished.give_up(unheard):
            await end_as_lost(operation, clients)
    else:
        await _send_again(unheard, clients)


async def _send_again(unheard: UnfinishedOperation, clients: Clients) -> None:
    """A crash between the two sends it once more: rather twice than never."""
    log.warning("operation_unheard operation=%s: sent again", unheard.operation_id)
    await clients.storage.queues.put(unheard.queue, unheard.body)
    await clients.storage.unfinished.note_sent_again(unheard, clients.now() + UNHEARD_FOR)


async def end_as_lost(operation: Operation, clients: Clients) -> None:
    """Say that nothing works on *operation* any more: in its tenant's ledger, and then to who follows it."""
    log.error("operation_lost tenant=%s operation=%s kind=%s", operation.tenant_id, operation.id, operation.kind)
    entry = Entry(
        at=clients.now(),
        tenant_id=operation.tenant_id,
        event="operation_lost",
        detail=f"{operation.kind}: {LOST}",
        requested_by=operation.requested_by or None,
        operation_id=operation.id,
    )
    await clients.storage.ledger.append(entry)
    why = ControlOutcome(id="", state="unknown", detail=LOST)
    await operations.finish(operation.id, (*operation.controls, why), "failed", clients)
