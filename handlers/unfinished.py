"""Every operation ends: one that nothing works on any more is sent once more, and the next time it ends as lost.

A queue that was cleared, or a message that died with its worker, leaves an operation that nobody would ever end. Its
message names what to look at, so a second one beside a first that was only slow does no harm. One whose worker had
begun and was cut is sent again by the next tick: the platform would deliver its message ten minutes later.
"""

import logging
from datetime import datetime, timedelta

from clients.connect import Clients
from clients.storage.unfinished import UnfinishedOperation
from domain.controls import CATALOGUE
from domain.ledger import Entry
from domain.operations import LOST, UNHEARD_FOR, ControlOutcome, Operation
from handlers import operations
from handlers.isolation import isolated
from handlers.loop.check import check_lease
from handlers.loop.remediate import keep_following
from handlers.loop.undo import withdraw

log = logging.getLogger("holdfast.unfinished")

MOST_A_LOOK = 100
"""Of more the next look takes up the others; what cannot be taken up does not count, and stays."""

MOST_CUTS = 2
"""What is cut more often may be what ends its workers: it waits as one whose message was lost."""


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
    elif unheard.cut_at:
        await _go_on(unheard, operation, clients)
    elif unheard.sent_again or _is_too_late(operation, clients.now()):
        if await clients.storage.unfinished.give_up(unheard):
            await end_as_lost(operation, clients)
    else:
        await _send_again(unheard, clients)


def _is_too_late(operation: Operation, now: datetime) -> bool:
    return operation.until is not None and operation.until < now


async def _go_on(cut: UnfinishedOperation, operation: Operation, clients: Clients) -> None:
    """Send it again unless somebody has its lease, whose worker may be this one's: the next tick asks again.

    What nobody wants so late, or was cut too often, waits as one whose message was lost.
    """
    name = check_lease(operation.tenant_id) if operation.kind == "check" else operation.tenant_id
    async with clients.storage.leases.hold(name) as lease:
        if lease is None:
            return
        if await operations.is_over(operation.id, clients):
            await clients.storage.unfinished.give_up(cut)
            return
        if cut.cut < MOST_CUTS and not _is_too_late(operation, clients.now()):
            log.warning("operation_cut operation=%s: sent again", cut.operation_id)
            await clients.storage.queues.put(cut.queue, cut.body)
            await keep_following(operation.tenant_id, CATALOGUE, timedelta(), clients)
        await clients.storage.unfinished.note_cut(cut, clients.now() + UNHEARD_FOR)


async def _send_again(unheard: UnfinishedOperation, clients: Clients) -> None:
    """A crash between the two sends it once more: rather twice than never."""
    log.warning("operation_unheard operation=%s: sent again", unheard.operation_id)
    await clients.storage.queues.put(unheard.queue, unheard.body)
    await clients.storage.unfinished.note_sent_again(unheard, clients.now() + UNHEARD_FOR)


async def end_unworked(operation_id: str | None, why: str, clients: Clients) -> None:
    """End an operation that no worker ends; what an undo has announced in vain is taken back first."""
    await isolated("withdraw", withdraw(operation_id, why, clients))
    await operations.fail(operation_id, why, clients)


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
    await isolated("withdraw", withdraw(operation.id, LOST, clients))
    why = ControlOutcome(id="", state="unknown", detail=LOST)
    await operations.finish(operation.id, (*operation.controls, why), "failed", clients)
