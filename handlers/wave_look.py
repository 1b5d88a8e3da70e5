"""What a wave did to its tenants, by what stands in their rows and states."""

from collections.abc import Callable
from dataclasses import dataclass

from clients.connect import Clients
from clients.storage.tenants import ConfigMoved, OddConfig, TenantRow
from domain.ledger import Entry
from domain.waves import MoveVerdict, Tally, TenantMove, Wave, counted, result_of
from handlers.groups import in_groups

_AT_ONCE = 25
"""Tenants whose states are read at the same time."""


@dataclass(frozen=True, slots=True)
class WaveLook:
    """How a wave's tenants stand.

    *due*: those that are to be moved; *results*: of those that were; *open*: of these, those whose move is open and
    whose config can be read.
    """

    due: tuple[str, ...]
    open: frozenset[str]
    results: dict[str, MoveVerdict]
    seen: Tally


def is_due(row: TenantRow, profile: str, version: str, clients: Clients) -> bool:
    """Whether a wave of *profile* to *version* has still to move the tenant; one that is switched off is left alone."""
    held = clients.profiles.resolved(row.config.profile, row.profile_version)
    return row.config.enabled and row.config.profile == profile and held != version


async def look_at_tenants(wave: Wave, clients: Clients) -> WaveLook:
    """How the tenants of *wave* stand."""
    moved, due, odd = dict[str, TenantMove](), list[str](), dict[str, MoveVerdict]()
    async for row in clients.storage.tenants.all_rows():
        if isinstance(row, OddConfig):
            if row.move and row.move.wave == wave.id:
                odd[row.tenant_id] = _result_of_odd(row, row.move, wave, clients)
            continue
        tenant_id = row.config.tenant_id
        if row.move and row.move.wave == wave.id and row.config.enabled and row.config.profile == wave.profile:
            moved[tenant_id] = row.move
        elif is_due(row, wave.profile, wave.version, clients):
            due.append(tenant_id)
    results = await _results(wave, moved, clients) | odd
    still_open = frozenset(each for each, move in moved.items() if move.is_open)
    return WaveLook(tuple(due), still_open, results, counted(wave, [*results, *due], results))


def _result_of_odd(row: OddConfig, move: TenantMove, wave: Wave, clients: Clients) -> MoveVerdict:
    """What became of the *move* of a tenant whose config cannot be read: while a later version writes it, it moves."""
    result, why = result_of(move, wave.version, {}, clients.now())
    return ("failed", "its config makes no sense") if result == "moving" and not row.newer else (result, why)


async def _results(wave: Wave, moved: dict[str, TenantMove], clients: Clients) -> dict[str, MoveVerdict]:
    now = clients.now()

    async def result(tenant_id: str, move: TenantMove) -> MoveVerdict:
        states = (await clients.storage.states.load(tenant_id)).controls if move.is_open else {}
        return result_of(move, wave.version, states, now)

    return dict(zip(moved, await in_groups((result(*each) for each in moved.items()), _AT_ONCE), strict=True))


async def mark_move(
    tenant_id: str, wave: Wave, change: Callable[[TenantMove], TenantMove], clients: Clients, told: Entry | None = None
) -> None:
    """Note in the tenant's row what became of its move by *wave*, whatever else changes in it meanwhile."""
    while True:
        row = await clients.storage.tenants.find(tenant_id)
        if row is None or row.move is None or row.move.wave != wave.id:
            return
        try:
            await clients.storage.tenants.replace(row._replace(move=change(row.move)), told)
        except ConfigMoved:
            continue
        return


async def moving_wave(row: TenantRow | None, clients: Clients) -> str:
    """The running wave that moves the tenant, and so has released its steps; empty where none does."""
    if row is None or row.move is None or not row.move.is_open:
        return ""
    wave = await clients.storage.waves.get(row.config.profile)
    return wave.id if wave and wave.id == row.move.wave and wave.state == "running" else ""
