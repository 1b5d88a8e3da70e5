"""The only timer: each minute it asks for the visits that came due. The ticks are the truth; all else is only faster.

A tick claims the cursor, enqueues what came due since then, and moves the cursor on. So two at once do the work of one,
a late one does what was missed, and one that dies half-way is done again by the next.
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal

from clients.connect import Clients
from clients.settings import Settings
from clients.storage.documents import NewerRow
from clients.storage.due import DueJob
from clients.storage.fleet import CursorMoved
from clients.storage.fleet_index import UnreadablePage, in_fleet
from domain.fleet import LOOKS, Cursor, LookName, Rhythm, due, late, shards
from domain.fleet_index import TenantInFleet
from domain.jobs import PollTickets, RemediateTenant, VisitShard
from handlers.evidence import anchor_heads, ask_for_months
from handlers.groups import in_groups
from handlers.guard import guard_ledger
from handlers.isolation import isolated
from handlers.loop import gauges, waves
from handlers.notices import ask_for_unsent
from handlers.retention import forget_old
from handlers.unfinished import take_up_unheard
from handlers.watch import watch

log = logging.getLogger("holdfast.tick")

COMPARE_EVERY = timedelta(hours=1)
"""The index of the fleet is compared with the tenants' configs so often: a crash between the two is healed by then."""

UPKEEP = "0 */15 * * * *"
"""What the service does for itself comes round at least so often, whatever hours or days the looks' schedules name."""

_ONCE_EVERY = timedelta(minutes=5)
"""A correction that is not worked on is asked for again so often, however many messages wait before it."""

_AT_ONCE = 32
"""Messages sent at the same time."""


async def tick(clients: Clients, *, by_timer: bool = False) -> None:
    """Enqueue what came due since the last tick, unless another tick is at it. *by_timer*: nobody else woke it.

    Where a later version keeps the cursor, that version does the ticks. At its end metrics leave, whoever did it.
    """
    try:
        await _tick(clients, by_timer=by_timer)
    except NewerRow as newer:
        log.warning("newer_row tick %s", newer)
    finally:
        await clients.flush.now()


async def _tick(clients: Clients, *, by_timer: bool) -> None:
    now, fleet = clients.now(), clients.storage.fleet
    found, version = await fleet.cursor() or (Cursor(done=now), None)
    cursor = found.at(now)
    if cursor.is_claimed(now, ticks(clients.settings, now)):
        return
    try:
        version = await fleet.move(replace(cursor, claimed=now), version)
    except CursorMoved:
        return
    tenants, compared = await _tenants(cursor, now, clients)
    windows = {look: _rhythm(look, clients, now).window(cursor.done, now) for look in LOOKS}
    await ask(due(tenants, windows), now, clients)
    await isolated("due", enqueue_due(clients))
    await isolated("unfinished", take_up_unheard(clients))
    await isolated("lost", take_up_lost(tenants, clients))
    psa_due = _rhythm("psa", clients, now).window(cursor.done, now).has(0)
    if clients.psa.by_provider and psa_due:
        await clients.storage.queues.send(PollTickets())
    await ask_for_months(tenants, cursor, now, clients)
    done, timer_at = max(now, cursor.done), now if by_timer else cursor.timer_at
    after = Cursor(done=done, tenants=len(tenants), counted=True, compared=compared, timer_at=timer_at)
    with suppress(CursorMoved):  # another took over from a tick as slow as this
        await fleet.move(after, version)
    log.info("tick tenants=%d late_s=%.0f", after.tenants, _overdue(cursor, now, clients).total_seconds())
    came_round = {look for look, window in windows.items() if window.has(0)} | ({"psa"} if psa_due else set())
    if Rhythm.of(UPKEEP, now).window(cursor.done, now).has(0):
        came_round = {"fast", "slow", "psa"}
    await isolated("waves", waves.go_on(clients))
    await _upkeep(came_round, tenants, cursor, clients)
    if compared == now:
        await isolated("retention", forget_old(clients))


async def _upkeep(
    came_round: Collection[str], tenants: Mapping[str, TenantInFleet], before: Cursor, clients: Clients
) -> None:
    """What the service does for itself, each part in the rhythm of one look. *before*: where the tick before ended."""
    if "psa" in came_round:
        await isolated("notices", ask_for_unsent(clients))
    if "fast" in came_round:
        await isolated("gauges", gauges.measure(tenants, before.done, clients))
    if "slow" in came_round:
        await isolated("guard", guard_ledger(clients))
        await isolated("watch", watch(_overdue(before, clients.now(), clients), tenants, clients))
        await isolated("anchor", anchor_heads(clients))
        await isolated("errors", clients.storage.parked.forget_errors(clients.now()))


def _rhythm(look: LookName | Literal["psa"], clients: Clients, now: datetime) -> Rhythm:
    return Rhythm.of(getattr(clients.settings, f"{look}_schedule"), now)


async def overdue(clients: Clients) -> timedelta | None:
    """By how much the tick is late; None before the first."""
    found, now = await clients.storage.fleet.cursor(), clients.now()
    return _overdue(found[0], now, clients) if found else None


async def timer_last_ran(clients: Clients) -> datetime | None:
    """When the timer's own tick last came to its end, if it ever did."""
    found = await clients.storage.fleet.cursor()
    return found[0].timer_at if found else None


def ticks(settings: Settings, now: datetime) -> Rhythm:
    """How often the timer fires."""
    return Rhythm.of(settings.tick_schedule, now)


async def ask(visits: Mapping[str, tuple[LookName, ...]], due_by: datetime, clients: Clients) -> None:
    """Enqueue the *visits*, shard by shard: what came due by *due_by*."""
    jobs = [
        VisitShard(tenants=tuple(tenants), looks=looks, due_by=due_by)
        for looks, tenants in shards(visits, clients.settings.shard_size)
    ]
    await in_groups(map(clients.storage.queues.send, jobs), _AT_ONCE)


async def enqueue_due(clients: Clients) -> None:
    """Put what waited for longer than a message should be hidden on its queue; a crash in between only doubles it."""
    async for job in clients.storage.due.due(clients.now()):
        await isolated(f"due {job.row}", _enqueue(job, clients))


async def _enqueue(job: DueJob, clients: Clients) -> None:
    await clients.storage.queues.put(job.queue, job.body)
    await clients.storage.due.remove(job)


async def take_up_lost(tenants: Mapping[str, TenantInFleet], clients: Clients) -> None:
    """Have the corrections worked on that no message follows any more: a worker that is cut leaves them so.

    Whose lease is held has a worker, if one that waits long for a write; the next tick asks again. What fails of one
    tenant keeps none of the others waiting.
    """
    now, taken_up = clients.now(), list[str]()
    for tenant_id, each in tenants.items():
        if waiting := each.lost_corrections(now):
            await isolated(f"lost tenant={tenant_id}", _take_up(tenant_id, waiting, now, taken_up, clients))
    await clients.storage.index.follow(taken_up, now, now + _ONCE_EVERY)


async def _take_up(
    tenant_id: str, waiting: Sequence[str], now: datetime, taken_up: list[str], clients: Clients
) -> None:
    """The index has one time for all of a tenant's corrections, the states have each its own."""
    async with clients.storage.leases.hold(tenant_id) as lease:
        if lease is None:
            return
        states = await clients.storage.states.load(tenant_id)
        unfollowed = (each for each in waiting if states.of(each).corrections and not states.is_followed(each, now))
        if controls := tuple(unfollowed):
            log.warning("correction_lost tenant=%s controls=%s", tenant_id, ",".join(controls))
            await clients.storage.queues.send(RemediateTenant(tenant_id=tenant_id, controls=controls))
        taken_up.append(tenant_id)


async def _tenants(cursor: Cursor, now: datetime, clients: Clients) -> tuple[dict[str, TenantInFleet], datetime]:
    """The tenants that are switched on, and when their index was last brought into line with the configs.

    That is done now where it is due, where a page makes no sense, or where there is no index: a former version kept
    another one.
    """
    index, compared = clients.storage.index, cursor.compared
    before = await index.pages()
    whole = bool(before) and not any(isinstance(page, UnreadablePage) for page, _ in before.values())
    if compared is None or now - compared >= COMPARE_EVERY or not whole:
        await index.compare(await clients.storage.tenants.all_since(), before)
        before, compared = await index.pages(), now
    return {tenant_id: each for tenant_id, each in in_fleet(before).items() if each.enabled}, compared


def _overdue(cursor: Cursor, now: datetime, clients: Clients) -> timedelta:
    return late(cursor, ticks(clients.settings, now), now)
