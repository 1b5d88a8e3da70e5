"""What a tick does for each wave that has not ended: judge whom it moved, go a stage further, move some more.

All that decides stands in rows that are written on condition: so two ticks at once, or one that dies at any point, move
each tenant once, and the next tick takes up what is left.
"""

import asyncio
import logging
from dataclasses import replace

from clients.connect import Clients
from clients.storage.tenants import ConfigMoved
from clients.storage.waves import WaveMoved
from domain.ledger import Entry, LedgerEvent
from domain.waves import MOST_UNPROVEN, TenantMove, Wave, proving
from handlers.isolation import isolated
from handlers.loop.check import ask_for_look
from handlers.wave_look import WaveLook, is_due, look_at_tenants, mark_move
from handlers.waves import tell_pause

log = logging.getLogger("holdfast.waves")

MOST_A_TICK = 25
"""Tenants that one tick moves at most."""


async def go_on(clients: Clients) -> None:
    """Take every wave that has not ended as far as it may go now."""
    for each in await clients.storage.waves.last():
        if not each.is_over:
            await isolated(f"wave {each.id}", _go_on(each.profile, clients))


async def _go_on(profile: str, clients: Clients) -> None:
    wave, etag = await clients.storage.waves.find(profile) or (None, "")
    if wave is None or wave.is_over:
        return
    seen = await look_at_tenants(wave, clients)
    await _note_proven(wave, seen, clients)
    after = wave.advanced(seen.seen, clients.now())
    try:
        await clients.storage.waves.change(after, etag, _news(wave, after, clients))
    except WaveMoved:
        return  # a person or another tick was first: the next tick sees what is left to do
    log.info("wave id=%s state=%s stage=%r due=%d", after.id, after.state, after.stage, len(seen.due))
    if after.state == "paused":
        await tell_pause(after, clients)
    elif not (await clients.storage.switches.brake()).engaged:
        await _move_some(after, seen, clients)


def _news(before: Wave, after: Wave, clients: Clients) -> Entry | None:
    """The entry of what changed; None where only the progress did."""
    events: dict[str, LedgerEvent] = {"paused": "wave_paused", "ended": "wave_ended", "running": "wave_stage"}
    if (before.state, before.stage) == (after.state, after.stage):
        return None
    return after.entry(events[after.state], clients.now())


async def _note_proven(wave: Wave, seen: WaveLook, clients: Clients) -> None:
    now = clients.now()
    for tenant_id, (result, _) in seen.results.items():
        if result == "proven" and tenant_id in seen.open:
            await mark_move(tenant_id, wave, lambda move: replace(move, proven_at=move.proven_at or now), clients)


async def _move_some(wave: Wave, seen: WaveLook, clients: Clients) -> None:
    """Move those whose stage has begun: at most MOST_A_TICK, and no more than the wave's radius has places for."""
    unproven = sum(result == "moving" for result, _ in seen.results.values())
    allowed = max(0, min(MOST_A_TICK, MOST_UNPROVEN - unproven))
    for tenant_id in [each for each in seen.due if wave.may_move(each)][:allowed]:
        await _move(tenant_id, wave, clients)


async def _move(tenant_id: str, wave: Wave, clients: Clients) -> None:
    """Hold the tenant to the wave's version, with its entry, and have it looked at.

    A tenant whose overrides the version refuses stays as it is, which is a failure. One that is frozen waits.
    """
    row, states = await asyncio.gather(clients.storage.tenants.find(tenant_id), clients.storage.states.load(tenant_id))
    now = clients.now()
    if row is None or not is_due(row, wave.profile, wave.version, clients) or row.config.frozen_at(now):
        return
    try:
        clients.wanted(row.config, wave.version)
        refused = ""
    except ValueError as mistake:
        refused = str(mistake)
    move = TenantMove(wave.id, now, proving(states.controls), refused)
    before = clients.profiles.resolved(row.config.profile, row.profile_version)
    told = None if refused else _entry(tenant_id, wave, before, clients)
    latest = await clients.storage.waves.get(wave.profile)
    if latest is None or (latest.id, latest.state) != (wave.id, "running"):
        return  # paused since this tick began
    try:
        held = before if refused else wave.version
        await clients.storage.tenants.replace(row._replace(profile_version=held, move=move), told)
    except ConfigMoved:
        return  # changed, or moved by another tick
    await ask_for_look(tenant_id, (), clients)


def _entry(tenant_id: str, wave: Wave, before: str, clients: Clients) -> Entry:
    return Entry(
        at=clients.now(),
        tenant_id=tenant_id,
        event="configured",
        detail=f"moved to version {wave.version} of profile {wave.profile} by wave {wave.id}",
        before={"profile_version": before},
        after={"profile_version": wave.version},
        requested_by=wave.by,
        reason=wave.reason,
        profile_version=wave.version,
    )
