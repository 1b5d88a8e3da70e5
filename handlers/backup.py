"""A backup's rows come back into an empty installation: nothing is written to a tenant before a person says so."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from clients.connect import Clients
from clients.storage.backup import BackedUp
from clients.storage.documents import NewerRow
from clients.storage.states import TenantStates
from clients.storage.switches import Restore
from domain.chain import CHECKPOINT, Head
from domain.errors import NotNow
from domain.gate import Brake
from domain.incident import SERVICE
from domain.ledger import Entry
from handlers.fleet import rebuild
from handlers.groups import in_groups
from handlers.waves import pause

log = logging.getLogger("holdfast.backup")

_RESTORING = "a backup is being restored, or was: look, then release"
_AT_ONCE = 32
"""Tenants whose states or chains are written at the same time."""


class NotEmpty(NotNow):
    """Rows come back into an installation that looks after no tenant, and nowhere else."""

    def __init__(self) -> None:
        super().__init__("this installation looks after tenants, or no restore has begun: a backup needs an empty one")


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore came to: *chains* that go on with a checkpoint, *tenants* whose states are looked at anew."""

    chains: int
    tenants: int


async def begin_restore(export: str, by: str, clients: Clients) -> None:
    """Engage the brake before anything comes back; one that was cut goes on with the same backup. Raises NotEmpty.

    *export*: SHA-256 of the backup's file.
    """
    log.warning("restore asked for by=%s", by)
    if await _under_way(clients) == export:
        return
    if await clients.storage.backup.has_rows("tenants"):
        raise NotEmpty
    switches, now, reason = clients.storage.switches, clients.now(), f"{_RESTORING} ({export[:12]})"
    await switches.set_brake(Brake(engaged=True, reason=reason, by=by, changed_at=now))
    await switches.set_restore(Restore(export, begun_at=now))


async def _under_way(clients: Clients) -> str:
    """The backup that is coming back; empty where none is, or somebody has released the brake since it began.

    The brake's reason is no proof: whoever may engage it writes there what he likes.
    """
    restore, brake = await clients.storage.switches.restore(), await clients.storage.switches.brake()
    is_held = restore and brake.engaged and brake.changed_at == restore.begun_at
    return restore.export if restore and is_held else ""


async def take_rows(table: BackedUp, rows: Sequence[Mapping[str, Any]], by: str, clients: Clients) -> int:
    """Write some rows. Returns how many were written; of the service's own ledger none where it has begun.

    A wave that was under way comes back paused: a person lets it go on.

    Raises:
        NotEmpty: No restore has begun.
        ValueError: A row makes no sense.
    """
    if not await _under_way(clients):
        raise NotEmpty
    if table in {"ledger", "heads"}:
        rows = await _without_service(table, rows, clients)
    written = await clients.storage.backup.put(table, rows)
    if table == "waves":
        for wave in await clients.storage.waves.last():
            if not wave.is_over:
                await pause(wave.id, "a backup was restored", by, clients)
    return written


async def _without_service(
    table: BackedUp, rows: Sequence[Mapping[str, Any]], clients: Clients
) -> list[Mapping[str, Any]]:
    """This installation's own chain has begun with its first start; the old one stays in the backup, which names it."""
    own = await clients.storage.chains.heads.get(SERVICE)
    key = "PartitionKey" if table == "ledger" else "RowKey"
    return [row for row in rows if row[key] != SERVICE or (own is None and table == "ledger")]


async def end_restore(sha256: str, by: str, clients: Clients) -> Restored:
    """Have every state looked at anew, and every chain go on with a checkpoint that names the backup's hash.

    No row comes back after that. Raises NotEmpty where this is not the backup that is coming back.
    """
    if await _under_way(clients) != sha256:
        raise NotEmpty
    tenants = await clients.storage.tenants.all_since()
    await in_groups((_look_anew(each, clients) for each in tenants), _AT_ONCE)
    await rebuild(clients)
    heads = [head async for head in clients.storage.chains.heads.all() if head.ledger != SERVICE]
    await in_groups((_go_on_after(head, sha256, by, clients) for head in heads), _AT_ONCE)
    told = _entry(SERVICE, "restored", {"backup": sha256, "tenants": len(tenants)}, by, clients)
    await clients.storage.ledger.append(told, announced=False)
    await clients.storage.switches.forget_restore()
    return Restored(len(heads), len(tenants))


async def _go_on_after(head: Head, sha256: str, by: str, clients: Clients) -> None:
    after = {"sequence": head.sequence, "hash": head.hash, "backup": sha256}
    await clients.storage.ledger.append(_entry(head.ledger, CHECKPOINT, after, by, clients), announced=False)


async def _look_anew(tenant_id: str, clients: Clients) -> None:
    """States that this version cannot read are unknown as they are, and keep nobody else's from coming back."""
    try:
        await clients.storage.states.change(tenant_id, _looked_at_anew)
    except NewerRow as newer:
        log.warning("restored tenant=%s %s", tenant_id, newer)


def _looked_at_anew(states: TenantStates) -> tuple[TenantStates, tuple[Entry, ...]]:
    """Nothing that a state says is true of now; exceptions and findings are people's, and stay.

    When each lane was last looked at stays, too: by that the next look tells since when nobody had looked.
    """
    return replace(states, controls={}, lock=None, approvals={}), ()


def _entry(ledger: str, event: Any, after: dict[str, Any], by: str, clients: Clients) -> Entry:  # noqa: ANN401 - a literal
    return Entry(at=clients.now(), tenant_id=ledger, event=event, after=after, actor=by, requested_by=by)
