"""A backup's rows come back into an empty installation: nothing is written to a tenant before a person says so."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from clients.connect import Clients
from clients.storage.backup import BackedUp
from clients.storage.states import TenantStates
from domain.chain import CHECKPOINT
from domain.errors import NotNow
from domain.gate import Brake
from domain.incident import SERVICE
from domain.ledger import Entry

log = logging.getLogger("holdfast.backup")

RESTORING = "a backup is being restored, or was: look, then release"


class NotEmpty(NotNow):
    """Rows come back into an installation that looks after no tenant, and nowhere else."""

    def __init__(self) -> None:
        super().__init__("this installation looks after tenants, or no restore has begun: a backup needs an empty one")


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore came to: *chains* that go on with a checkpoint, *tenants* whose states are looked at anew."""

    chains: int
    tenants: int


async def begin_restore(by: str, clients: Clients) -> None:
    """Engage the brake before anything comes back. Raises NotEmpty."""
    if await clients.storage.backup.has_rows("tenants"):
        raise NotEmpty
    now = clients.now()
    await clients.storage.switches.set_brake(Brake(engaged=True, reason=RESTORING, by=by, changed_at=now))
    log.warning("restore begun by=%s", by)


async def take_rows(table: BackedUp, rows: Sequence[Mapping[str, Any]], clients: Clients) -> int:
    """Write some rows. Returns how many were written; of the service's own ledger none where it has begun.

    Raises:
        NotEmpty: No restore has begun.
        ValueError: A row makes no sense.
    """
    if (await clients.storage.switches.brake()).reason != RESTORING:
        raise NotEmpty
    if table in {"ledger", "heads"}:
        rows = await _without_service(table, rows, clients)
    return await clients.storage.backup.put(table, rows)


async def _without_service(
    table: BackedUp, rows: Sequence[Mapping[str, Any]], clients: Clients
) -> list[Mapping[str, Any]]:
    """This installation's own chain has begun with its first start; the old one stays in the backup, which names it."""
    own = await clients.storage.chains.heads.get(SERVICE)
    key = "PartitionKey" if table == "ledger" else "RowKey"
    return [row for row in rows if row[key] != SERVICE or (own is None and table == "ledger")]


async def end_restore(sha256: str, by: str, clients: Clients) -> Restored:
    """Have every state looked at anew, and every chain go on with a checkpoint that names the backup's hash."""
    if (await clients.storage.switches.brake()).reason != RESTORING:
        raise NotEmpty
    tenants = [config.tenant_id async for config in clients.storage.tenants.all()]
    for tenant_id in tenants:
        await clients.storage.states.change(tenant_id, _looked_at_anew)
    heads = [head async for head in clients.storage.chains.heads.all() if head.ledger != SERVICE]
    for head in heads:
        after = {"sequence": head.sequence, "hash": head.hash, "export": sha256}
        await clients.storage.ledger.append(_entry(head.ledger, CHECKPOINT, after, by, clients), announced=False)
    told = _entry(SERVICE, "restored", {"export": sha256, "tenants": len(tenants)}, by, clients)
    await clients.storage.ledger.append(told, announced=False)
    return Restored(len(heads), len(tenants))


def _looked_at_anew(states: TenantStates) -> tuple[TenantStates, tuple[Entry, ...]]:
    """Nothing that a state says is true of now; exceptions and findings are people's, and stay."""
    return replace(states, controls={}, looked={}, lock=None, approvals={}), ()


def _entry(ledger: str, event: Any, after: dict[str, Any], by: str, clients: Clients) -> Entry:  # noqa: ANN401 - a literal
    return Entry(at=clients.now(), tenant_id=ledger, event=event, after=after, actor=by, requested_by=by)
